/** Sounds the page makes for the person in front of it: ring, ringback, key clicks. Nothing here reaches the call. */
import { audioContext } from './audio.ts';

/** A repeating pattern; `stop` ends it within a few milliseconds. */
export class Tone {
  #timer: ReturnType<typeof setInterval> | null = null;
  #gain: GainNode | null = null;
  #isWaiting = false;

  constructor(
    private readonly pattern: (context: AudioContext, out: AudioNode) => void,
    private readonly periodMs: number,
  ) {}

  start(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#play(), this.periodMs);
    this.#play();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    const gain = this.#gain;
    this.#gain = null;
    if (!gain) return;
    gain.gain.setTargetAtTime(0, gain.context.currentTime, 0.02);
    setTimeout(() => gain.disconnect(), 200);
  }

  #play(): void {
    if (this.#timer === null) return;
    const context = audioContext();
    if (context.state === 'running') {
      this.#gain ??= connectedGain(context, 1);
      this.pattern(context, this.#gain);
    } else if (!this.#isWaiting) {
      // Not allowed to sound before the first click; then once, not everything that was missed.
      this.#isWaiting = true;
      void context.resume().then(() => {
        this.#isWaiting = false;
        this.#play();
      });
    }
  }
}

/** Two soft notes, twice, then a pause: an incoming call. */
export const ring = new Tone((context, out) => {
  for (const [at, frequency] of [
    [0, 659.25],
    [0.18, 830.61],
    [0.5, 659.25],
    [0.68, 830.61],
  ] as const) {
    beep(context, out, [frequency, frequency * 2], at, 0.16, 0.14);
  }
}, 2600);

/** The ringback tone of the far end, when the PBX sends none itself. */
export const ringback = new Tone((context, out) => beep(context, out, [425], 0, 1, 0.06), 4000);

const DTMF_ROWS: Record<string, number> = { '1': 697, '4': 770, '7': 852, '*': 941 };
const DTMF_LAYOUT = ['123', '456', '789', '*0#'];
const DTMF_COLUMNS = [1209, 1336, 1477];

/** The sound of one key, quietly. */
export function keyTone(key: string): void {
  const row = DTMF_LAYOUT.find((keys) => keys.includes(key));
  if (!row) return;
  const low = DTMF_ROWS[row.charAt(0)];
  const high = DTMF_COLUMNS[row.indexOf(key)];
  if (low === undefined || high === undefined) return;
  const context = audioContext();
  const out = connectedGain(context, 1);
  beep(context, out, [low, high], 0, 0.12, 0.05);
  setTimeout(() => out.disconnect(), 400);
}

function connectedGain(context: AudioContext, value: number): GainNode {
  const gain = context.createGain();
  gain.gain.value = value;
  gain.connect(context.destination);
  return gain;
}

function beep(context: AudioContext, out: AudioNode, frequencies: number[], afterS: number, lengthS: number, volume: number): void {
  const start = context.currentTime + afterS;
  const envelope = context.createGain();
  envelope.gain.setValueAtTime(0, start);
  envelope.gain.linearRampToValueAtTime(volume, start + 0.012);
  envelope.gain.setValueAtTime(volume, start + lengthS - 0.03);
  envelope.gain.linearRampToValueAtTime(0, start + lengthS);
  envelope.connect(out);
  for (const frequency of frequencies) {
    const oscillator = context.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(envelope);
    oscillator.start(start);
    oscillator.stop(start + lengthS + 0.02);
  }
}
