/**
 * The phone: one registration and at most two calls, one in front and one waiting or held.
 *
 * Knows nothing of the page around it. Authentication is the session cookie that the browser sends with the WebSocket;
 * there is no password here.
 */
import type { RTCSession } from 'jssip/lib/RTCSession';
import { Call } from './call.ts';
import { Emitter } from './emitter.ts';
import type { Microphone } from './microphone.ts';
import { diallable } from './number.ts';
import { CLOSE_REPLACED, CLOSE_RESTARTING, CLOSE_SIGNED_OUT, CLOSE_TOO_MANY, SipSocket } from './socket.ts';
import type { CreateUserAgent, UserAgent } from './user_agent.ts';

export type PhoneState = 'offline' | 'connecting' | 'ready' | 'lost';

/** Why the phone is not ready, when there is more to say than its state. `elsewhere`: another tab or window is the phone now. */
export type PhoneProblem = 'signed-out' | 'elsewhere' | 'restarting' | 'unreachable' | 'refused';

export interface PhoneOptions {
  /** The agent's own number: user part of the address of record. */
  number: string;
  displayName: string;
  /** Host of the address of record: the host the page came from. */
  host: string;
  /** Absolute URL of the SIP WebSocket. */
  url: string;
  /** UUID of this phone among the agent's phones. */
  instanceId: string;
  microphone: Microphone;
  createUserAgent: CreateUserAgent;
}

interface PhoneEvents {
  /** State, problem or list of calls changed. */
  changed: void;
  incoming: Call;
  ended: Call;
  /** The session is over, calls that are up go on. `revoked`: the server said so, by closing the phone's socket. */
  signedOut: 'revoked' | 'ended';
  /** The connection was lost or refused: a good moment to ask whether the session still lives. */
  disconnected: void;
}

export class InvalidNumberError extends Error {
  constructor() {
    super('That is not a number this phone can call');
    this.name = 'InvalidNumberError';
  }
}

export class PhoneBusyError extends Error {
  constructor() {
    super('Two calls are up already. End one first');
    this.name = 'PhoneBusyError';
  }
}

/** One in front and one waiting; the next caller hears busy. */
const CALLS_MAX = 2;
/** A session with too many sockets may have fewer later: dead ones are noticed. A replaced phone never tries by itself. */
const TOO_MANY_RETRY_MS = 15_000;
const REGISTER_RETRY_MIN_MS = 2_000;
const REGISTER_RETRY_MAX_MS = 30_000;
/** A hold before switching calls: how often and how long to try while JsSIP finishes another change. */
const HOLD_TRIES_MAX = 20;
const HOLD_RETRY_MS = 100;

export class Phone extends Emitter<PhoneEvents> {
  state: PhoneState = 'offline';
  problem: PhoneProblem | null = null;
  /** The server's own words for `refused`, if it gave any. */
  problemDetail: string | null = null;
  calls: Call[] = [];

  readonly microphone: Microphone;
  readonly #socket: SipSocket;
  readonly #userAgent: UserAgent;
  readonly #host: string;
  #registerTries = 0;
  #registerTimer: ReturnType<typeof setTimeout> | null = null;
  #tooManyTimer: ReturnType<typeof setTimeout> | null = null;
  #frontId: string | null = null;
  /** Calls that ended while the server could not be told. */
  #unfinished: Call[] = [];

  constructor(options: PhoneOptions) {
    super();
    this.microphone = options.microphone;
    this.#host = options.host;
    this.#socket = new SipSocket(options.url);
    this.#userAgent = options.createUserAgent({
      uri: `sip:${options.number}@${options.host}`,
      displayName: options.displayName,
      instanceId: options.instanceId,
      socket: this.#socket,
    });
    this.#listen();
  }

  /** The call the person is talking on, or ringing out to. */
  get front(): Call | null {
    return this.calls.find((call) => call.id === this.#frontId) ?? this.calls.find((call) => call.state !== 'incoming') ?? null;
  }

  connect(): void {
    this.#enter('connecting', null);
    this.#userAgent.start();
  }

  /** After signing in again, or taking the phone back from another tab: reconnects the socket and registers, keeping the calls that are up. */
  resume(): void {
    this.#stopTooManyTimer();
    this.#enter(this.#userAgent.isRegistered() ? 'ready' : 'connecting', null);
    this.#socket.unbar();
  }

  /** Ends all calls, unregisters and disconnects. */
  disconnect(): void {
    if (this.#registerTimer !== null) clearTimeout(this.#registerTimer);
    this.#registerTimer = null;
    this.#stopTooManyTimer();
    this.#userAgent.stop();
    this.#enter('offline', null);
  }

  /** Stops reconnecting without touching calls, because the session has ended. */
  signOut(how: 'revoked' | 'ended'): void {
    if (this.problem === 'signed-out') return;
    this.#stopTooManyTimer();
    this.#socket.bar();
    this.#enter('offline', 'signed-out');
    this.emit('signedOut', how);
  }

  /** Places a call. Rejects with `InvalidNumberError`, `PhoneBusyError` or a `MicrophoneError`. */
  async call(typed: string): Promise<Call> {
    const number = diallable(typed);
    if (number === null) throw new InvalidNumberError();
    if (this.calls.length >= CALLS_MAX) throw new PhoneBusyError();
    const stream = await this.microphone.borrow();
    let session: RTCSession;
    try {
      await this.#holdOthers(null);
      session = this.#userAgent.call(`sip:${encodeURIComponent(number)}@${this.#host}`, {
        mediaStream: stream,
        mediaConstraints: { audio: true, video: false },
        pcConfig: { iceServers: [] },
      });
    } catch (error) {
      this.microphone.giveBack(stream);
      throw error;
    }
    const call = this.#add(session, 'outgoing', number, null, stream);
    this.#frontId = call.id;
    this.emit('changed', undefined);
    return call;
  }

  /** Answers a waiting call; the one in front is put on hold first. */
  async accept(call: Call): Promise<void> {
    await this.#holdOthers(call);
    await call.accept();
    this.#frontId = call.id;
    this.emit('changed', undefined);
  }

  /** Takes a held call to the front and holds the other. */
  async bringToFront(call: Call): Promise<void> {
    await this.#holdOthers(call);
    this.#frontId = call.id;
    await patiently(() => call.setHeld(false));
    this.emit('changed', undefined);
  }

  async #holdOthers(front: Call | null): Promise<void> {
    for (const call of this.calls) {
      if (call !== front && call.isActive) await patiently(() => call.setHeld(true));
    }
  }

  #listen(): void {
    const agent = this.#userAgent;
    agent.on('connecting', () => {
      if (this.state !== 'lost' && this.state !== 'offline') this.#enter('connecting', this.problem);
    });
    agent.on('registered', () => {
      this.#registerTries = 0;
      this.problemDetail = null;
      this.#enter('ready', null);
      for (const call of this.#unfinished.splice(0)) call.farewell();
    });
    agent.on('registrationFailed', (event: { response: { status_code: number; reason_phrase: string } | null }) =>
      this.#registrationFailed(event.response),
    );
    agent.on('disconnected', (event: { code?: number }) => this.#disconnected(event.code));
    agent.on('newRTCSession', (event: { originator: string; session: RTCSession }) => {
      if (event.originator === 'remote') this.#incoming(event.session);
    });
  }

  #registrationFailed(response: { status_code: number; reason_phrase: string } | null): void {
    // Without a response the connection broke, and `disconnected` tells it.
    if (!response || !this.#userAgent.isConnected()) return;
    this.problemDetail = `${response.status_code} ${response.reason_phrase}`.trim();
    this.#enter('lost', 'refused');
    this.emit('disconnected', undefined);
    if (this.#registerTimer !== null) clearTimeout(this.#registerTimer);
    const ceiling = Math.min(REGISTER_RETRY_MAX_MS, REGISTER_RETRY_MIN_MS * 2 ** this.#registerTries);
    this.#registerTries += 1;
    this.#registerTimer = setTimeout(
      () => {
        this.#registerTimer = null;
        if (this.#userAgent.isConnected() && !this.#userAgent.isRegistered()) this.#userAgent.register();
      },
      ceiling / 2 + (Math.random() * ceiling) / 2,
    );
  }

  #disconnected(code: number | undefined): void {
    // Our own `disconnect`, or a socket we have barred.
    if (this.state === 'offline') return;
    if (code === CLOSE_SIGNED_OUT) {
      this.signOut('revoked');
      return;
    }
    if (code === CLOSE_REPLACED || code === CLOSE_TOO_MANY) {
      this.#enter('offline', 'elsewhere');
      if (code === CLOSE_TOO_MANY) this.#tooManyTimer ??= setTimeout(() => this.resume(), TOO_MANY_RETRY_MS);
      this.emit('disconnected', undefined);
      return;
    }
    this.#enter('lost', code === CLOSE_RESTARTING ? 'restarting' : 'unreachable');
    this.emit('disconnected', undefined);
  }

  #stopTooManyTimer(): void {
    if (this.#tooManyTimer !== null) clearTimeout(this.#tooManyTimer);
    this.#tooManyTimer = null;
  }

  #incoming(session: RTCSession): void {
    const identity = session.remote_identity;
    const number = safeDecode(String(identity.uri.user ?? ''));
    const call = this.#add(session, 'incoming', number, identity.display_name || null, null);
    if (this.calls.length > CALLS_MAX) {
      call.refuseBusy();
      return;
    }
    this.emit('incoming', call);
  }

  #add(session: RTCSession, direction: 'incoming' | 'outgoing', number: string, displayName: string | null, stream: MediaStream | null): Call {
    const call = new Call({
      session,
      direction,
      number,
      displayName,
      microphone: this.microphone,
      stream,
      isConnected: () => this.#userAgent.isConnected(),
    });
    this.calls = [...this.calls, call];
    call.on('changed', () => this.emit('changed', undefined));
    call.on('ended', () => {
      this.calls = this.calls.filter((other) => other !== call);
      if (this.#frontId === call.id) this.#frontId = null;
      if (!this.#userAgent.isConnected()) this.#unfinished.push(call);
      this.emit('ended', call);
      this.emit('changed', undefined);
    });
    this.emit('changed', undefined);
    return call;
  }

  #enter(state: PhoneState, problem: PhoneProblem | null): void {
    this.state = state;
    this.problem = problem;
    this.emit('changed', undefined);
  }
}

/** JsSIP refuses a hold while another offer is under way; that takes a round trip. */
async function patiently(act: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < HOLD_TRIES_MAX; tries += 1) {
    if (act()) return true;
    await new Promise((resolve) => setTimeout(resolve, HOLD_RETRY_MS));
  }
  return false;
}

function safeDecode(user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
