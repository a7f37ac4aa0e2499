// A WebSocket and SIP client on bare sockets, for what a browser would never send: every frame, header and body is ours.
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { until } from './process.mjs';

const token = (bytes = 8) => randomBytes(bytes).toString('hex');

/** One WebSocket frame; `masked` false and a false `length` are there to be refused. */
export function frame(payload, { opcode = 1, fin = true, masked = true, rsv = 0, length } = {}) {
  const body = Buffer.from(payload);
  const claimed = length ?? body.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  const size = Buffer.alloc(8);
  if (claimed < 126) head.push(mask | Number(claimed));
  else if (claimed < 65536) { size.writeUInt16BE(Number(claimed)); head.push(mask | 126, ...size.subarray(0, 2)); } else { size.writeBigUInt64BE(BigInt(claimed)); head.push(mask | 127, ...size); }
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, body.map((byte, i) => byte ^ key[i % 4])]);
}

export class RawSocket {
  /**
   * Does the upgrade by hand. `headers` are added to (a null value removes) the ordinary ones. When the answer is not
   * 101, `status` and `body` say what it was.
   */
  static async connect(url, { headers = {}, path } = {}) {
    const { protocol, hostname, port, host, pathname, search } = new URL(url);
    const one = new RawSocket();
    one.host = host;
    const secure = protocol === 'wss:' || protocol === 'https:';
    one.socket = secure
      ? tls.connect({ host: hostname, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
      : net.connect({ host: '127.0.0.1', port });
    one.pending = Buffer.alloc(0);
    one.messages = [];
    one.closed = null; // { code, reason } of a close frame, or { code: 1006 } when the connection just ended
    one.socket.on('error', () => {});
    one.socket.on('close', () => { one.closed ??= { code: 1006, reason: '' }; });
    one.socket.on('data', (data) => { one.pending = Buffer.concat([one.pending, data]); one.#read(); });
    await new Promise((resolve) => { one.socket.once(secure ? 'secureConnect' : 'connect', resolve); one.socket.once('close', resolve); });
    const all = {
      Host: host, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': 'sip', Origin: `${secure ? 'https' : 'http'}://${host}`, ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
    one.socket.write(`GET ${path ?? pathname + search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    await until('the answer to the upgrade', () => one.status || one.closed, 5000, 10);
    one.accepted = one.status === 101 && one.head['sec-websocket-accept'] === createHash('sha1').update(`${all['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    return one;
  }

  #read() {
    if (!this.status) {
      const end = this.pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [first, ...lines] = this.pending.subarray(0, end).toString('latin1').split('\r\n');
      this.head = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
      this.pending = this.pending.subarray(end + 4);
      this.status = Number(first.split(' ')[1]);
    }
    if (this.status !== 101) { this.body = this.pending.toString(); return; }
    while (this.pending.length >= 2) {
      const opcode = this.pending[0] & 15;
      let length = this.pending[1] & 127;
      let at = 2;
      if (length === 126) { if (this.pending.length < 4) return; length = this.pending.readUInt16BE(2); at = 4; } else if (length === 127) { if (this.pending.length < 10) return; length = Number(this.pending.readBigUInt64BE(2)); at = 10; }
      if (this.pending.length < at + length) return;
      const payload = this.pending.subarray(at, at + length);
      this.pending = this.pending.subarray(at + length);
      if (opcode === 8) this.closed = { code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() };
      else if (opcode === 9) this.socket.write(frame(payload, { opcode: 10 }));
      else if (opcode <= 2) this.messages.push(payload.toString());
    }
  }

  send(payload, options) { this.socket.write(frame(payload, options)); }

  /** The close code, once the server closed. */
  closes(timeout = 3000) { return until('the server to close the socket', () => this.closed, timeout, 20); }

  end() { this.socket.destroy(); }
}

/** A SIP phone on a raw socket: `register`, `invite`, or any text at all by `socket.send`. */
export class RawPhone {
  static async connect(server, number, options = {}) {
    const one = new RawPhone();
    one.account = server.account(number);
    one.socket = await RawSocket.connect(server.url, options);
    one.host = `${token(5)}.invalid`;
    return one;
  }

  /** The text of a request; `headers` replace or add, a null removes. */
  request(method, uri, { headers = {}, body = '', callId = token(12), cseq = 1 } = {}) {
    const user = this.account.user;
    const all = {
      Via: `SIP/2.0/WS ${this.host};branch=z9hG4bK${token()}`, 'Max-Forwards': 69, From: `<sip:${user}@ringfence>;tag=${token(5)}`,
      To: `<${method === 'REGISTER' ? `sip:${user}@ringfence` : uri}>`, 'Call-ID': callId, CSeq: `${cseq} ${method}`,
      Contact: `<sip:${user}@${this.host};transport=ws>`, Authorization: `Bearer ${this.account.token}`,
      ...(body ? { 'Content-Type': 'application/sdp' } : {}), 'Content-Length': Buffer.byteLength(body), ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
    return { callId: all['Call-ID'], text: `${method} ${uri} SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n${body}` };
  }

  /** Sends a request and gives the final answer: { status, phrase, text }. */
  async ask(method, uri, options = {}) {
    const { callId, text } = this.request(method, uri, options);
    this.socket.send(text);
    return this.answerTo(callId, options.timeout);
  }

  async answerTo(callId, timeout = 4000) {
    let found;
    await until(`a final answer (socket ${JSON.stringify(this.socket.closed)})`, () => {
      found = this.socket.messages.find((text) => /^SIP\/2\.0 [2-6]/.test(text) && text.includes(callId.slice(0, 200)));
      return found || this.socket.closed;
    }, timeout, 20);
    if (!found) throw new Error(`the socket closed (${JSON.stringify(this.socket.closed)}) before an answer`);
    const [, status, phrase] = /^SIP\/2\.0 (\d+) ?(.*)/.exec(found);
    return { status: Number(status), phrase: phrase.trim(), text: found };
  }

  register(options = {}) { return this.ask('REGISTER', 'sip:ringfence', { ...options, headers: { Expires: 300, ...options.headers } }); }

  invite(number, sdp, options = {}) { return this.ask('INVITE', `sip:${number}@ringfence`, { ...options, body: sdp }); }

  end() { this.socket.end(); }
}

/** An offer such as a browser makes, with the given lines left out or replaced. */
export function browserOffer({ profile = 'UDP/TLS/RTP/SAVPF', fingerprint = `sha-256 ${Array.from(randomBytes(32), (b) => b.toString(16).padStart(2, '0').toUpperCase()).join(':')}`, extra = [], medias = 1, setup = 'actpass' } = {}) {
  const session = ['v=0', `o=- ${Date.now()} 2 IN IP4 127.0.0.1`, 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=msid-semantic: WMS'];
  const media = (mid) => [
    `m=audio 40000 ${profile} 111 0 8 126`, 'c=IN IP4 127.0.0.1', 'a=rtcp:9 IN IP4 0.0.0.0', 'a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host',
    `a=ice-ufrag:${token(4)}`, `a=ice-pwd:${token(16)}`, ...(fingerprint ? [`a=fingerprint:${fingerprint}`] : []), `a=setup:${setup}`, `a=mid:${mid}`, 'a=sendrecv', 'a=rtcp-mux',
    'a=rtpmap:111 opus/48000/2', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:126 telephone-event/8000', ...extra,
  ];
  return `${[...session, ...Array.from({ length: medias }, (_, i) => media(i)).flat()].join('\r\n')}\r\n`;
}
