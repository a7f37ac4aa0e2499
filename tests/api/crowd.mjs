// A door to the server for a program that knows the API and nothing of who it is. Every request goes on once as everybody,
// from nobody to the owner, each as one of several sessions or keys and from an address of its own, so that it is the
// server's answers that are tested and not its limits. The program gets one of the answers: one that failed if there is
// one, else in turn one of those that granted something.
import http from 'node:http';
import { Client, ownAddress } from '../access/lib/client.mjs';
import { Console } from '../access/lib/console.mjs';

/** Who asks. */
const principals = {
  nobody: null,
  'an agent (level 1)': { level: 1, role: 'member' },
  'a supervisor (level 5)': { level: 5, role: 'member' },
  'a manager (level 7)': { level: 7, role: 'member' },
  'an administrator (level 9)': { level: 9, role: 'admin' },
  'the owner': { level: 9, role: 'owner' },
  'an API key of every scope': { level: 9, role: 'owner', isKey: true },
};
const scopes = [
  'users:read', 'users:write', 'sessions:read', 'sessions:write', 'invites:write', 'numbers:read', 'numbers:write', 'keys:read', 'settings:read',
  'settings:write', 'reports:read', 'audit:read',
];
const loose = {
  'rate.per_token_per_minute': 6000, 'rate.per_ip_per_minute': 60000, 'rate.public_form_per_hour': 100, 'rate.expensive_per_hour': 1000, 'api_keys.max_active': 1000,
};
const sizeOfEach = 4;

/** One who asks, with the sessions or keys they ask with. */
class Asker {
  static async make(console_, name, wanted) {
    const one = new Asker();
    Object.assign(one, { console: console_, name, isKey: wanted?.isKey, members: [], at: 0, counts: {} });
    one.person = wanted && await console_.person({ level: wanted.level, role: wanted.role });
    if (one.person) for (let i = 0; i < sizeOfEach; i++) one.members.push(await one.#join());
    return one;
  }

  async #join() {
    const client = new Client(this.console.origin);
    const answer = await client.login(this.person.name, this.person.password);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    if (!this.isKey) return { cookie: client.cookieHeader };
    this.at += 1;
    const made = await client.must('POST', '/api/v1/me/api-keys', { name: `crowd ${this.at}`, scopes, user: this.person.name, password: this.person.password });
    return { authorization: `Bearer ${made.key}` };
  }

  /** Sends a request as this one; gives { status, message, rawHeaders, body }. */
  async ask(method, url, headers, body) {
    this.at += 1;
    const member = this.members[this.at % this.members.length] ?? {};
    const { host, port } = new URL(this.console.origin);
    const answer = await new Promise((resolve, reject) => {
      const all = { ...headers, ...member, host, origin: this.console.origin };
      const request = http.request({ host: '127.0.0.1', port, method, path: url, headers: all, localAddress: ownAddress(), family: 4, agent: false }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode, message: response.statusMessage, rawHeaders: response.rawHeaders, body: Buffer.concat(parts) }));
      });
      request.on('error', reject);
      request.end(body);
    });
    this.counts[answer.status] = (this.counts[answer.status] ?? 0) + 1;
    const isOut = answer.status === 401 || (answer.status < 300 && /logout|end-all|workspace$/.test(url));
    if (isOut && this.members.length) await this.#join().then((fresh) => { this.members[this.members.indexOf(member)] = fresh; }, () => {});
    return answer;
  }
}

/** The description without what it says of credentials: they are added here, whatever is asked. */
function withoutCredentials(answer) {
  const description = JSON.parse(answer.body.toString());
  delete description.security;
  delete description.components.securitySchemes;
  for (const methods of Object.values(description.paths)) for (const operation of Object.values(methods)) delete operation.security;
  return { ...answer, rawHeaders: ['content-type', 'application/json'], body: Buffer.from(JSON.stringify(description)) };
}

export class Crowd {
  /** A server of its own, with everybody in it. */
  static async start(t) {
    const one = new Crowd();
    one.console = await Console.start(t, { dirty: true });
    await one.console.policy(loose);
    one.askers = [];
    for (const [name, wanted] of Object.entries(principals)) one.askers.push(await Asker.make(one.console, name, wanted));
    one.count = 0;
    one.broken = [];
    const server = http.createServer((request, response) => {
      one.#serve(request).then((answer) => {
        response.writeHead(answer.status, answer.message, answer.rawHeaders);
        response.end(request.method === 'HEAD' ? undefined : answer.body);
      }, (error) => { one.broken.push(`${request.method} ${request.url}: ${error.message}`); response.destroy(); });
    });
    server.on('clientError', (error, socket) => socket.destroy());
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => { server.closeAllConnections(); server.close(); });
    one.origin = `http://127.0.0.1:${server.address().port}`;
    return one;
  }

  async #serve(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !/^(connection|transfer-encoding|content-length|keep-alive)$/.test(name)));
    if (body.length || !/^(GET|HEAD|DELETE)$/.test(request.method)) headers['content-length'] = body.length;
    this.count += 1;
    if (request.url === '/api/openapi.json') return withoutCredentials(await this.askers[0].ask('GET', request.url, headers, body));
    const turn = this.count % this.askers.length;
    const inTurn = [...this.askers.slice(turn), ...this.askers.slice(0, turn)];
    const answers = await Promise.all(inTurn.map((asker) => asker.ask(request.method, request.url, headers, body)));
    if (request.method !== 'GET' && request.url.startsWith('/api/v1/policy')) await this.#mend();
    return answers.find(({ status }) => status >= 500) ?? answers.find(({ status }) => status < 300) ?? answers[0];
  }

  /** Settings go back to where they are in nobody's way. */
  async #mend() {
    this.console.owner.address = ownAddress();
    await this.console.owner.patch('/api/v1/policy', { ...loose, 'mfa.required': 'none', 'session.idle_timeout': 28800 });
  }

  /** How everybody was answered: { name: { status: count } }. */
  get counts() { return Object.fromEntries(this.askers.map(({ name, counts }) => [name, counts])); }
}
