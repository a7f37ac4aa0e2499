/** The one AudioContext of the page. Browsers keep it silent until the person has clicked or typed once. */
let context: AudioContext | null = null;

export function audioContext(): AudioContext {
  context ??= new AudioContext({ latencyHint: 'interactive' });
  if (context.state === 'suspended') void context.resume().catch(() => {});
  return context;
}
