/** The phone engine's face: everything a page, or later the published SDK, needs. */
import { Phone, type PhoneOptions } from './phone.ts';
import { createJsSipUserAgent } from './user_agent.ts';

export { Call, type CallDirection, type CallState, type CallView } from './call.ts';
export type { EndedReason } from './cause.ts';
export {
  Microphone,
  MicrophoneError,
  type MicrophoneProblem,
  type MicrophoneSource,
  type MicrophoneState,
} from './microphone.ts';
export { instanceId } from './instance.ts';
export { diallable } from './number.ts';
export { InvalidNumberError, Phone, PhoneBusyError, type PhoneProblem, type PhoneState } from './phone.ts';
export { keyTone, ring, ringback } from './tone.ts';
export { audioContext } from './audio.ts';
export { LONG_SILENCE, type Verdict } from './verdict.ts';

/** A phone over JsSIP. */
export function createPhone(options: Omit<PhoneOptions, 'createUserAgent'>): Phone {
  return new Phone({ ...options, createUserAgent: createJsSipUserAgent });
}
