/** The phone as the views see it: snapshots of the engine, and what the person can ask of it. */
import {
  createPhone,
  instanceId,
  InvalidNumberError,
  keyTone,
  Microphone,
  MicrophoneError,
  Phone,
  PhoneBusyError,
  ring,
  ringback,
  type Call,
  type CallView,
  type MicrophoneProblem,
  type MicrophoneSource,
  type MicrophoneState,
  type PhoneProblem,
  type PhoneState,
} from '../phone/index.ts';
import type { BuiltInNumber, PhoneSettings } from '../api/phone.ts';
import type { Me } from '../api/session.ts';

export interface RecentCall extends CallView {
  wasAnswered: boolean;
}

export type CheckState = 'done' | 'waiting' | 'problem';

export interface Check {
  id: 'secure' | 'connected' | 'microphone' | 'speaker' | 'media';
  title: string;
  words: string;
  state: CheckState;
}

const RECENT_MAX = 20;
/** Louder than line noise: somebody or something was really heard. */
const HEARD_LEVEL = 0.15;

export class PhoneModel {
  readonly phone: Phone;
  readonly settings: PhoneSettings;
  readonly me: Me;

  state = $state<PhoneState>('offline');
  problem = $state<PhoneProblem | null>(null);
  problemDetail = $state<string | null>(null);
  calls = $state.raw<CallView[]>([]);
  frontId = $state<string | null>(null);
  recent = $state.raw<RecentCall[]>([]);
  /** The call that ended last, until the next one or until dismissed. */
  lastEnded = $state.raw<RecentCall | null>(null);
  remoteStream = $state.raw<MediaStream | null>(null);
  number = $state('');
  /** Why the number in the field was not called. */
  numberProblem = $state<string | null>(null);
  isDialling = $state(false);

  source = $state.raw<MicrophoneSource>({ kind: 'device', deviceId: null });
  devices = $state.raw<{ deviceId: string; label: string }[]>([]);
  microphoneState = $state<MicrophoneState>('unknown');
  microphoneProblem = $state.raw<MicrophoneProblem | null>(null);
  /** What waits for a microphone: shown beside the problem, and done once there is one. */
  pending = $state.raw<{ words: string; callId: string | null; act: () => Promise<void> } | null>(null);

  isPlayBlocked = $state(false);
  hasHeard = $state(false);
  hasTwoWay = $state(false);

  readonly front = $derived(this.calls.find((call) => call.id === this.frontId) ?? null);
  readonly incoming = $derived(this.calls.find((call) => call.state === 'incoming') ?? null);
  readonly others = $derived(this.calls.filter((call) => call.id !== this.frontId && call.state !== 'incoming'));
  readonly checks = $derived(this.#checks());
  readonly isProven = $derived(this.checks.every((check) => check.state === 'done'));

  readonly #unsubscribe: (() => void)[];

  constructor(me: Me, settings: PhoneSettings) {
    this.me = me;
    this.settings = settings;
    const url = new URL(settings.ws, location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const microphone = new Microphone(toneFromAddress() ?? undefined);
    this.phone = createPhone({
      number: settings.number,
      displayName: settings.display_name || me.display_name,
      host: location.hostname,
      url: url.href,
      instanceId: INSTANCE_ID,
      microphone,
    });
    this.#unsubscribe = [
      this.phone.on('changed', () => this.#read()),
      this.phone.on('ended', (call) => this.#ended(call)),
      microphone.on('changed', () => this.#readMicrophone()),
    ];
    this.#readMicrophone();
    this.phone.connect();
  }

  /** The echo test: offered large until this phone has proven itself. */
  get echo(): BuiltInNumber | null {
    return this.settings.built_in[0] ?? null;
  }

  close(): void {
    this.phone.disconnect();
    ring.stop();
    ringback.stop();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  async dial(typed: string): Promise<void> {
    if (this.isDialling) return;
    this.numberProblem = null;
    this.lastEnded = null;
    this.isDialling = true;
    try {
      await this.#needingMicrophone(`Calling ${typed}`, null, async () => {
        await this.phone.call(typed);
        this.number = '';
      });
    } catch (error) {
      const isOurs = error instanceof InvalidNumberError || error instanceof PhoneBusyError;
      this.numberProblem = isOurs ? `${error.message}.` : 'The call could not be placed.';
    } finally {
      this.isDialling = false;
    }
  }

  async answer(id: string): Promise<void> {
    const call = this.#call(id);
    if (!call) return;
    this.lastEnded = null;
    await this.#needingMicrophone('Answering', id, () => this.phone.accept(call));
  }

  /** Takes the phone back from another tab or window. */
  useHere(): void {
    this.phone.resume();
  }

  hangup(id: string): void {
    this.#call(id)?.hangup();
  }

  setMuted(id: string, isMuted: boolean): void {
    this.#call(id)?.setMuted(isMuted);
  }

  setHeld(id: string, isHeld: boolean): void {
    this.#call(id)?.setHeld(isHeld);
  }

  async bringToFront(id: string): Promise<void> {
    const call = this.#call(id);
    if (call) await this.phone.bringToFront(call);
  }

  /** A key of the pad: a DTMF digit in a call, otherwise one more character of the number. */
  press(key: string): void {
    keyTone(key);
    if (this.frontId !== null) this.#call(this.frontId)?.dtmf(key);
    else {
      this.number += key;
      this.numberProblem = null;
    }
  }

  levels(id: string): { me: number; them: number } {
    const levels = this.#call(id)?.levels() ?? { me: 0, them: 0 };
    if (levels.them > HEARD_LEVEL && !this.isPlayBlocked) this.hasHeard = true;
    return levels;
  }

  /** Changes the microphone, and goes on with what waited for one. */
  async useSource(source: MicrophoneSource): Promise<void> {
    const pending = this.pending;
    this.pending = null;
    await this.phone.microphone.use(source).catch(() => {});
    if (pending) await this.#needingMicrophone(pending.words, pending.callId, pending.act);
  }

  tryMicrophoneAgain(): Promise<void> {
    return this.useSource({ kind: 'device', deviceId: null });
  }

  dismissMicrophoneProblem(): void {
    this.pending = null;
    this.phone.microphone.problem = null;
    this.#readMicrophone();
  }

  async #needingMicrophone(words: string, callId: string | null, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.pending = { words, callId, act };
    }
  }

  #call(id: string): Call | undefined {
    return this.phone.calls.find((call) => call.id === id);
  }

  #read(): void {
    this.state = this.phone.state;
    this.problem = this.phone.problem;
    this.problemDetail = this.phone.problemDetail;
    this.calls = this.phone.calls.map((call) => call.view());
    const front = this.phone.front;
    this.frontId = front?.id ?? null;
    this.remoteStream = front?.remoteStream ?? null;
    if (this.calls.some((call) => call.verdict?.isTwoWay)) this.hasTwoWay = true;
    // Beside a call that is up, the incoming panel and its announcement are enough.
    if (this.incoming && !front) ring.start();
    else ring.stop();
    if (front?.state === 'ringing') ringback.start();
    else ringback.stop();
  }

  #readMicrophone(): void {
    const microphone = this.phone.microphone;
    this.source = microphone.source;
    this.devices = microphone.devices;
    this.microphoneState = microphone.state;
    this.microphoneProblem = microphone.problem;
    const pending = this.pending;
    if (pending && microphone.problem === null && microphone.state !== 'problem') {
      // A microphone was plugged in, or allowed, while something waited for it.
      this.pending = null;
      void this.#needingMicrophone(pending.words, pending.callId, pending.act);
    }
  }

  #ended(call: Call): void {
    const view = call.view();
    const ended: RecentCall = { ...view, wasAnswered: view.answeredAt !== null };
    this.recent = [ended, ...this.recent].slice(0, RECENT_MAX);
    this.lastEnded = ended;
    if (this.pending?.callId === view.id) this.dismissMicrophoneProblem();
  }

  #checks(): Check[] {
    const isSecure = isSecureContext;
    const isReady = this.state === 'ready';
    const isElsewhere = this.problem === 'elsewhere';
    return [
      {
        id: 'secure',
        title: 'This page is secure',
        words: isSecure ? 'Browsers allow calls here' : 'Open this page by https or on localhost',
        state: isSecure ? 'done' : 'problem',
      },
      {
        id: 'connected',
        title: 'Connected',
        words: isReady ? `This phone is ${this.settings.number}` : isElsewhere ? 'Opened in another tab or window' : this.state === 'lost' ? 'Trying again' : 'Connecting',
        state: isReady ? 'done' : this.state === 'lost' || isElsewhere ? 'problem' : 'waiting',
      },
      this.#microphoneCheck(),
      {
        id: 'speaker',
        title: 'Speaker',
        words: this.isPlayBlocked
          ? 'The browser waits for a click before it plays sound'
          : this.hasHeard
            ? 'Sound from a call was played'
            : 'Checked by your first call',
        state: this.isPlayBlocked ? 'problem' : this.hasHeard ? 'done' : 'waiting',
      },
      {
        id: 'media',
        title: 'Media path',
        words: this.hasTwoWay ? 'Audio went both ways' : 'Checked five seconds into your first call',
        state: this.hasTwoWay ? 'done' : 'waiting',
      },
    ];
  }

  #microphoneCheck(): Check {
    const check = (words: string, state: CheckState): Check => ({ id: 'microphone', title: 'Microphone', words, state });
    if (this.microphoneProblem) return check(this.microphoneProblem.title, 'problem');
    if (this.source.kind === 'tone') return check('A test tone speaks for you', 'done');
    if (this.source.kind === 'silence') return check('Listening only', 'done');
    if (this.microphoneState === 'open') return check('In use', 'done');
    if (this.microphoneState === 'allowed') return check('Allowed', 'done');
    return check('Your browser asks on the first call', 'waiting');
  }
}

/** One phone for as long as this page is loaded, also after signing out and in. */
const INSTANCE_ID = instanceId(isReload(), tabStorage());

function isReload(): boolean {
  const navigation = performance.getEntriesByType('navigation')[0];
  return navigation !== undefined && 'type' in navigation && navigation.type === 'reload';
}

/** Some browsers throw at the very name when storage is forbidden. */
function tabStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** `?tone=1000` gives this page its own test tone, so that two phones can be told apart by ear or by a test. */
function toneFromAddress(): number | null {
  const hertz = Number(new URLSearchParams(location.search).get('tone'));
  return hertz >= 100 && hertz <= 4000 ? hertz : null;
}
