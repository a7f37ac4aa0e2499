// An authenticator app: RFC 6238 with SHA-1, six digits, 30 seconds.
import { createHmac } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function fromBase32(text) {
  let bits = 0;
  let held = 0;
  const bytes = [];
  for (const letter of text.replace(/[\s=-]/g, '').toUpperCase()) {
    held = (held << 5) | alphabet.indexOf(letter);
    bits += 5;
    if (bits >= 8) { bits -= 8; bytes.push((held >> bits) & 255); }
  }
  return Buffer.from(bytes);
}

/** The code of now; `steps` later or earlier by whole steps. */
export function codeOf(secret, steps = 0, now = Date.now()) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30000) + steps));
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** A code that is none of those accepted now. */
export function wrongCode(secret) {
  const good = [-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps));
  for (let code = 0; ; code++) {
    const text = String(code).padStart(6, '0');
    if (!good.includes(text)) return text;
  }
}

/**
 * An app that was given a secret: `next()` is a code not yet used. A step's code works once, one step of skew is
 * accepted, so three codes can be had at once; the fourth waits for the clock.
 */
export class Authenticator {
  constructor(secret) {
    this.secret = secret;
    this.last = 0;
  }

  async next() {
    const step = () => Math.floor(Date.now() / 30000);
    const wanted = Math.max(this.last + 1, step() - 1);
    while (wanted > step() + 1) await new Promise((resolve) => setTimeout(resolve, 200));
    this.last = wanted;
    return codeOf(this.secret, 0, wanted * 30000);
  }
}
