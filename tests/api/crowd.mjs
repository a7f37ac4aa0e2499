// A door to the server for a program that knows the API and nothing of who it is: every request goes on as one of many
// sessions or keys of the same person, from an address of its own, so that it is the server's answers that are tested and
// not its limits.
import http from 'node:http';
import { Client, ownAddress } from '../access/lib/client.mjs';
import { Console } from '../access/lib/console.mjs';

/** Passes the description on without what it says of credentials: they are added here, whatever is asked. */
async function describe(answer, response) {
  const parts = [];
  for await (const part of answer) parts.push(part);
  const text = Buffer.concat(parts).toString();
  const description = JSON.parse(text);
  delete description.security;
  delete description.components.securitySchemes;
  for (const methods of Object.values(description.paths)) for (const operation of Object.values(methods)) delete operation.security;
  response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] });
  response.end(JSON.stringify(description));
}

/** Who asks: what they are, and how they show it. */
export const principals = {
  nobody: null,
  'an agent (level 1)': { level: 1, role: 'member' },
  'a supervisor (level 5)': { level: 5, role: 'member' },
  'a manager (level 7)': { level: 7, role: 'member' },
  'an administrator (level 9)': { level: 9, role: 'admin' },
  'the owner': { level: 9, role: 'owner' },
  'an API key of every scope': { level: 9, role: 'owner', key: true },
};

const scopes = [
  'users:read', 'users:write', 'sessions:read', 'sessions:write', 'invites:write', 'numbers:read', 'numbers:write', 'keys:read', 'settings:read',
  'settings:write', 'reports:read', 'audit:read',
];

const loose = {
  'rate.per_token_per_minute': 6000, 'rate.per_ip_per_minute': 60000, 'rate.public_form_per_hour': 100, 'rate.expensive_per_hour': 1000, 'api_keys.max_active': 1000,
};

export class Crowd {
  /** A server of its own with this principal in it; `size` sessions or keys. */
  static async start(t, principal, size = 12) {
    const one = new Crowd();
    one.console = await Console.start(t, { dirty: true });
    one.size = size;
    await one.console.policy(loose);
    one.person = principal && await one.console.person({ ...principal, key: undefined });
    one.isKey = Boolean(principal?.key);
    one.members = [];
    one.refused = 0;
    one.count = 0;
    one.failures = [];
    if (one.person) for (let i = 0; i < size; i++) one.members.push(await one.#join(i));
    await one.#listen(t);
    return one;
  }

  async #join(number) {
    const client = new Client(this.console.origin);
    const answer = await client.login(this.person.name, this.person.password);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    if (!this.isKey) return { cookie: client.cookieHeader };
    const key = await client.must('POST', '/api/v1/me/api-keys', { name: `crowd ${number}`, scopes, user: this.person.name, password: this.person.password });
    return { authorization: `Bearer ${key.key}` };
  }

  async #listen(t) {
    const target = new URL(this.console.origin);
    const server = http.createServer((request, response) => {
      const member = this.members.length ? this.members[this.count % this.members.length] : {};
      this.count += 1;
      const headers = { ...request.headers, host: target.host, origin: this.console.origin, ...member };
      delete headers.connection;
      const onward = http.request({ host: '127.0.0.1', port: target.port, method: request.method, path: request.url, headers, localAddress: ownAddress(), family: 4, agent: false }, (answer) => {
        if (answer.statusCode === 429) this.refused += 1;
        if (request.url === '/api/openapi.json') return describe(answer, response);
        response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
        answer.pipe(response);
        answer.on('end', () => this.#mend(request, answer.statusCode, member));
      });
      onward.on('error', (error) => {
        this.failures.push(`${request.method} ${request.url}: ${error.message}`);
        response.destroy();
      });
      request.pipe(onward);
    });
    server.on('clientError', (error, socket) => socket.destroy());
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => { server.closeAllConnections(); server.close(); });
    this.origin = `http://127.0.0.1:${server.address().port}`;
  }

  /** What was signed out signs in again, and settings go back to where nothing is in the way. */
  #mend(request, status, member) {
    if (request.method !== 'GET' && status < 300 && request.url.startsWith('/api/v1/policy')) {
      this.console.owner.address = ownAddress();
      this.console.policy({ ...loose, 'mfa.required': 'none' }).catch(() => {});
    }
    const isOut = status === 401 || (status < 300 && /logout|end-all|workspace$/.test(request.url));
    const at = this.members.indexOf(member);
    if (!isOut || at < 0 || member.isMending) return;
    member.isMending = true;
    this.#join(`${at} ${this.count}`).then((fresh) => { this.members[at] = fresh; }, () => { member.isMending = false; });
  }
}
