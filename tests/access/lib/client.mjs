// A program or browser without a screen: cookies, JSON, and an address of its own among this machine's loopback
// addresses, so that limits by address of one test do not touch another.
import http from 'node:http';
import https from 'node:https';
import { randomInt } from 'node:crypto';

/** An address of 127.0.0.0/8 that hardly anybody else uses. */
export const ownAddress = () => `127.${randomInt(1, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`;

export class Client {
  /** `origin` is as in `http://127.0.0.1:8080`; `address` is where requests come from. */
  constructor(origin, { address = ownAddress(), userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' } = {}) {
    this.origin = origin;
    this.address = address;
    this.userAgent = userAgent;
    this.cookies = new Map();
    this.token = null;
    /** Every answer, for `assertAll` tests: { method, path, status, headers, text }. */
    this.answers = [];
  }

  /** Another browser of the same machine: no cookies. */
  stranger(options = {}) { return new Client(this.origin, { address: this.address, ...options }); }

  /** The same browser, copied: what a thief of its cookies has. */
  thief(options = {}) {
    const one = new Client(this.origin, { address: this.address, userAgent: this.userAgent, ...options });
    one.cookies = new Map(this.cookies);
    return one;
  }

  get cookieHeader() { return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '); }

  /**
   * Sends a request. `body` is JSON unless it is a text; `headers` replace (null removes). The answer has `status`,
   * `headers`, `text`, `json` (null when it is none) and `code` of a problem.
   */
  request(method, path, { body, headers = {}, timeout = 15000 } = {}) {
    const url = new URL(path, this.origin);
    const text = body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = {
      host: url.host, 'user-agent': this.userAgent, accept: 'application/json',
      ...(method === 'GET' || method === 'HEAD' ? {} : { origin: this.origin }),
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...(this.cookies.size ? { cookie: this.cookieHeader } : {}),
      ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
      ...headers,
    };
    for (const name of Object.keys(all)) if (all[name] === null) delete all[name];
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? https.request : http.request;
      const request = send({
        method, host: '127.0.0.1', port: url.port, path: `${url.pathname}${url.search}`, headers: all, localAddress: this.address, family: 4,
        rejectUnauthorized: false, servername: url.hostname === '127.0.0.1' ? undefined : url.hostname, agent: false, timeout,
      }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const answer = { method, path, status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders, text: Buffer.concat(parts).toString() };
          try { answer.json = JSON.parse(answer.text); } catch { answer.json = null; }
          answer.code = answer.json?.code ?? null;
          this.#keep(response.headers['set-cookie'] ?? []);
          this.answers.push(answer);
          resolve(answer);
        });
      });
      request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path} in ${timeout} ms`)));
      request.on('error', reject);
      request.end(text);
    });
  }

  #keep(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const gone = attributes.some((one) => /^\s*max-age=0$/i.test(one));
      if (gone) this.cookies.delete(pair.slice(0, at)); else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  get(path, options) { return this.request('GET', path, options); }

  post(path, body = {}, options = {}) { return this.request('POST', path, { body, ...options }); }

  put(path, body = {}, options = {}) { return this.request('PUT', path, { body, ...options }); }

  patch(path, body = {}, options = {}) { return this.request('PATCH', path, { body, ...options }); }

  delete(path, options) { return this.request('DELETE', path, options); }

  /** As any of the above, but throws unless the status is 2xx; gives the JSON. */
  async must(method, path, body) {
    const answer = await this.request(method, path, body === undefined && method !== 'POST' ? {} : { body: body ?? {} });
    if (answer.status < 200 || answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`);
    return answer.json;
  }

  /** Signs in with a password alone; gives the answer. */
  login(user, password) { return this.post('/api/v1/login', { user, password }); }

  /** The newest rows of the audit log. */
  async audit() { return (await this.must('GET', '/api/v1/audit?limit=200')).items; }

  /** All items of a list, page by page. */
  async items(path) {
    const found = [];
    let cursor;
    for (let page = 0; page < 100; page++) {
      const { items, next } = await this.must('GET', cursor ? `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}` : path);
      found.push(...items);
      if (next === null || next === undefined) return found;
      cursor = next;
    }
    throw new Error(`${path} never ends`);
  }
}
