/**
 * One call, as the person knows it: JsSIP's session, its microphone copy, its media and its ending.
 *
 * Owns the borrowed microphone stream and gives it back. Does not decide which of several calls is in front: `Phone` does.
 */
import type { RTCSession } from 'jssip/lib/RTCSession';
import { endedReason, type EndedReason } from './cause.ts';
import { Emitter } from './emitter.ts';
import { LevelMeter, levelOf } from './level.ts';
import type { Microphone } from './microphone.ts';
import { isSoundBetween, mediaSample, verdict, type MediaSample, type Verdict } from './verdict.ts';

export type CallDirection = 'incoming' | 'outgoing';

/** `early`: the far end already sends audio, before it answers. */
export type CallState = 'calling' | 'ringing' | 'early' | 'incoming' | 'answering' | 'active' | 'held' | 'ended';

/** A picture of a call at one moment, for showing. */
export interface CallView {
  id: string;
  direction: CallDirection;
  state: CallState;
  number: string;
  displayName: string | null;
  isMuted: boolean;
  isHeldByThem: boolean;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  endedReason: EndedReason | null;
  verdict: Verdict | null;
  /** Nothing was heard from the other side for a while. */
  isLongSilent: boolean;
  media: 'connecting' | 'connected' | 'interrupted' | 'failed';
}

interface CallEvents {
  changed: void;
  ended: void;
}

export interface CallOptions {
  session: RTCSession;
  direction: CallDirection;
  number: string;
  displayName: string | null;
  microphone: Microphone;
  /** For an outgoing call: the stream it was placed with. */
  stream: MediaStream | null;
  /** Whether the server can be told anything right now. */
  isConnected: () => boolean;
}

/** How often statistics are read while the call is up. */
const STATS_PERIOD_MS = 1000;
/** A verdict looks back this many samples. */
const VERDICT_SAMPLES = 5;
/** Silence longer than a pause in talking. */
const LONG_SILENCE_MS = 10_000;
/** Do not wait longer than this for further ICE candidates once there is one. */
const GATHERING_MAX_MS = 500;
const DTMF_DURATION_MS = 160;
const DTMF_GAP_MS = 80;

export class Call extends Emitter<CallEvents> {
  readonly id: string;
  readonly direction: CallDirection;
  readonly startedAt = Date.now();
  remoteStream: MediaStream | null = null;

  readonly #session: RTCSession;
  readonly #microphone: Microphone;
  readonly #isConnected: () => boolean;
  #isFarewellDue = false;
  #state: CallState;
  #number: string;
  #displayName: string | null;
  #answeredAt: number | null = null;
  #endedAt: number | null = null;
  #endedReason: EndedReason | null = null;
  #isHeldByThem = false;
  #isMuted = false;
  #media: CallView['media'] = 'connecting';
  #wasMediaUp = false;
  #wasRefusedBusy = false;
  #stream: MediaStream | null;
  #connection: RTCPeerConnection | null = null;
  #samples: MediaSample[] = [];
  #verdict: Verdict | null = null;
  #lastSoundAt = 0;
  #statsTimer: ReturnType<typeof setInterval> | null = null;
  #myMeter: LevelMeter | null = null;
  #theirMeter: LevelMeter | null = null;
  readonly #unsubscribe: () => void;

  constructor(options: CallOptions) {
    super();
    this.id = options.session.id;
    this.direction = options.direction;
    this.#session = options.session;
    this.#microphone = options.microphone;
    this.#number = options.number;
    this.#displayName = options.displayName;
    this.#stream = options.stream;
    this.#isConnected = options.isConnected;
    this.#state = options.direction === 'incoming' ? 'incoming' : 'calling';
    this.#unsubscribe = this.#microphone.on('replaced', () => void this.#microphoneReplaced());
    this.#listen();
    if (this.#session.connection) this.#attach(this.#session.connection);
  }

  get state(): CallState {
    return this.#state;
  }

  /** Answered, not ended, and not on hold by us. */
  get isActive(): boolean {
    return this.#state === 'active';
  }

  view(): CallView {
    return {
      id: this.id,
      direction: this.direction,
      state: this.#state,
      number: this.#number,
      displayName: this.#displayName,
      isMuted: this.#isMuted,
      isHeldByThem: this.#isHeldByThem,
      startedAt: this.startedAt,
      answeredAt: this.#answeredAt,
      endedAt: this.#endedAt,
      endedReason: this.#endedReason,
      verdict: this.#verdict,
      isLongSilent: this.#isLongSilent(),
      media: this.#media,
    };
  }

  /** Answers an incoming call. Rejects with a `MicrophoneError`, and then the call still rings. */
  async accept(): Promise<void> {
    if (this.#state !== 'incoming') return;
    const stream = await this.#microphone.borrow();
    // The caller may have given up while the browser asked for the microphone.
    if (this.state !== 'incoming') {
      this.#microphone.giveBack(stream);
      return;
    }
    this.#stream = stream;
    this.#enter('answering');
    this.#session.answer({
      mediaStream: stream,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: [] },
    });
  }

  /** Ends the call in whatever state it is: cancels, declines or hangs up. */
  hangup(): void {
    if (this.#state === 'ended') return;
    if (!this.#isConnected()) {
      // Over for the person at once; the server hears of it by `farewell`.
      this.#isFarewellDue = true;
      for (const receiver of this.#connection?.getReceivers() ?? []) receiver.track.enabled = false;
      const cause = this.#state === 'incoming' ? 'Rejected' : this.#answeredAt === null ? 'Canceled' : 'Terminated';
      this.#ended({ originator: 'local', cause, message: null });
      return;
    }
    // Declining is meant for the call, not for this phone: 603 stops the agent's other phones too (RFC 3261 21.6.2).
    this.#terminate(this.#state === 'incoming' ? { status_code: 603, reason_phrase: 'Decline' } : undefined);
  }

  /** Hung up while the connection was away: says goodbye to the server now that it is back. */
  farewell(): void {
    if (!this.#isFarewellDue) return;
    this.#isFarewellDue = false;
    this.#terminate();
  }

  /** Refuses an incoming call because this phone has no room for it; other phones may still ring. */
  refuseBusy(): void {
    this.#wasRefusedBusy = true;
    this.#terminate({ status_code: 486, reason_phrase: 'Busy Here' });
  }

  setMuted(isMuted: boolean): void {
    if (this.#state === 'ended' || isMuted === this.#isMuted) return;
    if (isMuted) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
    this.#isMuted = isMuted;
    this.#judgeAfresh();
    this.emit('changed', undefined);
  }

  /** Puts the call on hold or takes it back. False if a change is still under way: try again in a moment. */
  setHeld(isHeld: boolean): boolean {
    if (isHeld && this.#state === 'held') return true;
    if (!isHeld && this.#state === 'active') return true;
    if (this.#state !== 'active' && this.#state !== 'held') return false;
    return isHeld ? this.#session.hold() : this.#session.unhold();
  }

  /** Sends keys as RFC 4733 events, or by INFO where the other side did not offer events. */
  dtmf(keys: string): void {
    if (this.#state !== 'active' && this.#state !== 'early') return;
    const sender = this.#connection?.getSenders().find((candidate) => candidate.track?.kind === 'audio');
    const transportType = sender?.dtmf?.canInsertDTMF ? 'RFC2833' : 'INFO';
    this.#session.sendDTMF(keys, {
      duration: DTMF_DURATION_MS,
      interToneGap: DTMF_GAP_MS,
      transportType: transportType as never,
    });
  }

  /** The statistics as last read, once a second. */
  stats(): MediaSample | null {
    return this.#samples.at(-1) ?? null;
  }

  /** How loud each side is right now, 0 to 1. */
  levels(): { me: number; them: number } {
    const sample = this.stats();
    return {
      me: this.#isMuted ? 0 : this.#level(this.#myMeter, sample?.levelCaptured),
      them: this.#level(this.#theirMeter, sample?.levelReceived),
    };
  }

  /** Where the browser gives no running AudioContext, the once-a-second statistics have to do. */
  #level(meter: LevelMeter | null, fallback: number | null | undefined): number {
    const measured = meter?.read() ?? 0;
    return measured > 0 ? measured : levelOf(fallback ?? 0);
  }

  #listen(): void {
    const session = this.#session;
    session.on('peerconnection', ({ peerconnection }) => this.#attach(peerconnection));
    let gathering: ReturnType<typeof setTimeout> | null = null;
    session.on('icecandidate', ({ ready }) => {
      gathering ??= setTimeout(() => {
        gathering = null;
        ready();
      }, GATHERING_MAX_MS);
    });
    session.on('progress', ((event: { response: { status_code: number; body?: string } | null }) => {
      if (this.direction === 'incoming' || this.#state === 'ended') return;
      if (event.response?.body) this.#enter('early');
      else if (event.response?.status_code === 180 && this.#state === 'calling') this.#enter('ringing');
    }) as never);
    session.on('accepted', () => this.#answered());
    session.on('confirmed', () => {
      this.#answered();
      if (this.#state === 'answering') this.#enter('active');
    });
    session.on('hold', ({ originator }) => this.#held(originator as string, true));
    session.on('unhold', ({ originator }) => this.#held(originator as string, false));
    session.on('ended', (event) => this.#ended(event as never));
    session.on('failed', (event) => this.#ended(event as never));
  }

  #attach(connection: RTCPeerConnection): void {
    if (this.#connection === connection) return;
    this.#connection = connection;
    connection.addEventListener('track', ({ track }) => {
      if (track.kind !== 'audio' || this.remoteStream?.getTrackById(track.id)) return;
      // A stream of our own: the browser empties its own while the call is on hold.
      this.remoteStream = new MediaStream([track]);
      this.#theirMeter?.close();
      this.#theirMeter = meterOf(this.remoteStream);
      this.emit('changed', undefined);
    });
    connection.addEventListener('connectionstatechange', () => {
      const media = MEDIA_STATES[connection.connectionState];
      if (!media) return;
      this.#media = media;
      if (media === 'connected') this.#wasMediaUp = true;
      this.emit('changed', undefined);
    });
    if (this.#stream) this.#myMeter ??= meterOf(this.#stream);
  }

  #answered(): void {
    if (this.#answeredAt !== null || this.#state === 'ended') return;
    this.#answeredAt = Date.now();
    this.#lastSoundAt = Date.now();
    this.#statsTimer ??= setInterval(() => void this.#readStats(), STATS_PERIOD_MS);
    this.#enter('active');
  }

  #held(originator: string, isHeld: boolean): void {
    if (this.#state === 'ended') return;
    this.#judgeAfresh();
    this.#lastSoundAt = Date.now();
    if (originator === 'local') this.#enter(isHeld ? 'held' : 'active');
    else {
      this.#isHeldByThem = isHeld;
      this.emit('changed', undefined);
    }
  }

  /** Silence by mute or hold, and counters that begin again, must not count against the audio. */
  #judgeAfresh(): void {
    this.#samples = [];
    this.#verdict = null;
  }

  #isLongSilent(): boolean {
    return this.#state === 'active' && !this.#isHeldByThem && Date.now() - this.#lastSoundAt >= LONG_SILENCE_MS;
  }

  async #readStats(): Promise<void> {
    const connection = this.#connection;
    if (this.#state === 'ended') return;
    const report = (await connection?.getStats().catch(() => null)) ?? null;
    // `ended` may have come while the browser was counting.
    if (this.state === 'ended') return;
    if (!report) {
      // A silence grows longer all the same.
      this.emit('changed', undefined);
      return;
    }
    const sample = mediaSample(report as unknown as { values(): Iterable<unknown> });
    const last = this.#samples.at(-1);
    if (last && isSoundBetween(last, sample)) this.#lastSoundAt = Date.now();
    this.#samples = [...this.#samples, sample].slice(-VERDICT_SAMPLES - 1);
    const oldest = this.#samples[0];
    const isDue = this.#samples.length > VERDICT_SAMPLES;
    if (isDue && oldest) {
      this.#verdict = verdict(oldest, sample, {
        isMuted: this.#isMuted,
        isOnHold: this.#state === 'held' || this.#isHeldByThem,
        isListenOnly: this.#microphone.source.kind === 'silence',
        isLongSilent: this.#isLongSilent(),
      });
    }
    this.emit('changed', undefined);
  }

  async #microphoneReplaced(): Promise<void> {
    const old = this.#stream;
    if (!old || this.#state === 'ended') return;
    const stream = await this.#microphone.borrow().catch(() => null);
    if (!stream) return;
    const track = stream.getAudioTracks()[0];
    const sender = this.#connection?.getSenders().find((candidate) => candidate.track?.kind === 'audio');
    if (this.state === 'ended' || !track || !sender) {
      this.#microphone.giveBack(stream);
      return;
    }
    track.enabled = sender.track?.enabled ?? true;
    await sender.replaceTrack(track).catch(() => {});
    this.#stream = stream;
    this.#judgeAfresh();
    this.#myMeter?.close();
    this.#myMeter = meterOf(stream);
    this.#microphone.giveBack(old);
  }

  #terminate(options?: { status_code: number; reason_phrase: string }): void {
    try {
      this.#session.terminate(options);
    } catch {
      // Already over on JsSIP's side; its event has been or will be delivered.
    }
  }

  #ended(event: { originator: 'local' | 'remote' | 'system'; cause: string; message: SipMessage | null }): void {
    if (this.#state === 'ended') return;
    const message = event.message;
    this.#endedReason = endedReason({
      originator: event.originator,
      cause: event.cause,
      direction: this.direction,
      number: this.#number,
      wasAnswered: this.#answeredAt !== null,
      wasMediaUp: this.#wasMediaUp,
      wasRefusedBusy: this.#wasRefusedBusy,
      ...(typeof message?.status_code === 'number' ? { status: message.status_code } : {}),
      ...(message?.reason_phrase ? { reasonPhrase: message.reason_phrase } : {}),
      reasons: message?.getHeaders?.('reason') ?? [],
    });
    this.#endedAt = Date.now();
    if (this.#statsTimer !== null) clearInterval(this.#statsTimer);
    this.#unsubscribe();
    this.#myMeter?.close();
    this.#theirMeter?.close();
    if (this.#stream) this.#microphone.giveBack(this.#stream);
    this.#stream = null;
    this.#enter('ended');
    this.emit('ended', undefined);
  }

  #enter(state: CallState): void {
    this.#state = state;
    this.emit('changed', undefined);
  }
}

interface SipMessage {
  status_code?: number;
  reason_phrase?: string;
  getHeaders?(name: string): string[];
}

const MEDIA_STATES: Partial<Record<RTCPeerConnectionState, CallView['media']>> = {
  connecting: 'connecting',
  connected: 'connected',
  disconnected: 'interrupted',
  failed: 'failed',
};

/** Null where the browser refuses WebAudio: a call without bars is still a call. */
function meterOf(stream: MediaStream): LevelMeter | null {
  try {
    return new LevelMeter(stream);
  } catch {
    return null;
  }
}
