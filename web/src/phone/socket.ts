/**
 * The WebSocket under JsSIP (RFC 7118), as JsSIP's public `Socket` interface.
 *
 * It adds one thing to JsSIP's own: it can be barred. After the server says "signed out" (close code 4401) or "opened
 * elsewhere" (4409, 4429) JsSIP would reconnect for ever, and stopping JsSIP would cut the calls that are up. A barred
 * socket takes the wish to connect and keeps it until the person has signed in again, or wants the phone here.
 */
export const CLOSE_SIGNED_OUT = 4401;
export const CLOSE_RESTARTING = 1012;
/** Another tab or window has taken this phone's place. */
export const CLOSE_REPLACED = 4409;
/** More sockets than one session may have. */
export const CLOSE_TOO_MANY = 4429;

/** After these the server does not want this phone back before something has changed. */
const BARRING: ReadonlySet<number> = new Set([CLOSE_SIGNED_OUT, CLOSE_REPLACED, CLOSE_TOO_MANY]);

export class SipSocket {
  readonly url: string;
  readonly sip_uri: string;
  via_transport: string;

  // Set by JsSIP's transport before it connects.
  onconnect: () => void = () => {};
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => {};
  ondata: (data: string | ArrayBuffer) => void = () => {};

  #socket: WebSocket | null = null;
  #isBarred = false;
  #isConnectWanted = false;

  constructor(url: string) {
    const parsed = new URL(url);
    this.url = url;
    this.sip_uri = `sip:${parsed.host};transport=ws`;
    this.via_transport = parsed.protocol === 'wss:' ? 'WSS' : 'WS';
  }

  connect(): void {
    if (this.#isBarred) {
      this.#isConnectWanted = true;
      return;
    }
    if (this.isConnected() || this.isConnecting()) return;
    this.disconnect();
    const socket = new WebSocket(this.url, 'sip');
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.onconnect();
    socket.onmessage = (message) => this.ondata(message.data as string | ArrayBuffer);
    socket.onclose = (close) => {
      this.#socket = null;
      if (BARRING.has(close.code)) this.bar();
      this.ondisconnect(!close.wasClean, close.code, close.reason);
    };
    this.#socket = socket;
  }

  disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#isConnectWanted = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  send(message: string): boolean {
    if (!this.#socket || !this.isConnected()) return false;
    this.#socket.send(message);
    return true;
  }

  isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.#socket?.readyState === WebSocket.CONNECTING;
  }

  /** Refuses to connect until `unbar`. An open connection is left alone. */
  bar(): void {
    this.#isBarred = true;
  }

  /** Allows connecting again, and does so at once if JsSIP asked for it meanwhile. */
  unbar(): void {
    this.#isBarred = false;
    if (this.#isConnectWanted) {
      this.#isConnectWanted = false;
      this.connect();
    }
  }
}
