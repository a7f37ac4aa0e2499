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
const usual = {
  'mfa.required': 'none', 'session.idle_timeout': 28800,
  'rate.per_token_per_minute': 6000, 'rate.per_ip_per_minute': 60000, 'rate.public_form_per_hour': 100, 'rate.expensive_per_hour': 1000, 'api_keys.max_active': 1000,
};
const sizeOfEach = 4;
/** A session is asked with for this long, so that it stays below the 300 requests a minute of one. */
const usesMax = 250;
/** An id of nobody. */
const nowhere = '3c0a1c36-64a1-4a2c-9a6c-2b9a1e0d7f55';

/** One who asks, with the sessions or keys they ask with. */
class Asker {
  static async make(keeper, name, wanted) {
    const one = new Asker();
    Object.assign(one, { keeper, name, wanted, isKey: wanted?.isKey, members: [], out: new Set(), at: 0, counts: {} });
    if (wanted) for (let i = 0; i < sizeOfEach; i++) one.members.push(await one.#join());
    return one;
  }

  /** A session or key, of somebody new of this kind where the last one gets none: they changed their password, say. */
  async #join() {
    if (this.person) {
      try { return await this.#enter(); } catch { /* they are out for good */ }
    }
    this.person = await this.keeper.person({ level: this.wanted.level, role: this.wanted.role });
    return this.#enter();
  }

  async #enter() {
    const client = new Client(this.keeper.origin);
    const { name, password } = this.person;
    await client.must('POST', '/api/v1/login', { user: name, password });
    if (!this.isKey) return { uses: 0, headers: { cookie: client.cookieHeader } };
    this.at += 1;
    const made = await client.must('POST', '/api/v1/me/api-keys', { name: `crowd ${this.at}`, scopes, user: name, password });
    return { uses: 0, headers: { authorization: `Bearer ${made.key}` } };
  }

  /** Sends a request as this one; gives { status, message, rawHeaders, body }. */
  async ask(method, url, headers, body) {
    this.at += 1;
    const member = this.members[this.at % this.members.length];
    const { host, port } = new URL(this.keeper.origin);
    const answer = await new Promise((resolve, reject) => {
      const all = { ...headers, ...member?.headers, host, origin: this.keeper.origin };
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
    if (member && (isOut || ++member.uses > usesMax)) this.out.add(member);
    return answer;
  }

  /** Those who are out come in again. */
  async mend() {
    for (const member of this.out) this.members[this.members.indexOf(member)] = await this.#join();
    this.out.clear();
  }
}

/** An owner who is nobody of the crowd, whom the crowd cannot name, and who signs in again when it ended everybody's sessions. */
class Keeper {
  static async make(console_) {
    const one = new Keeper();
    Object.assign(one, { console: console_, origin: console_.origin });
    one.me = await console_.person({ level: 9, role: 'owner' });
    return one;
  }

  person(wanted) { return this.#as((console_) => console_.person(wanted)); }

  policy(changes) { return this.#as((console_) => console_.policy(changes)); }

  /** Works from a new address, signed in. */
  async #as(work) {
    const { console: console_ } = this;
    console_.owner.address = ownAddress();
    if ((await console_.owner.get('/api/v1/me')).status !== 200) {
      console_.owner = new Client(this.origin);
      await console_.owner.must('POST', '/api/v1/login', { user: this.me.name, password: this.me.password });
    }
    return work(console_);
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
    one.keeper = await Keeper.make(one.console);
    await one.keeper.policy(usual);
    one.askers = [];
    for (const [name, wanted] of Object.entries(principals)) one.askers.push(await Asker.make(one.keeper, name, wanted));
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
    const body = this.#without(Buffer.concat(parts));
    request.url = request.url.replaceAll(this.keeper.me.id, nowhere);
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !/^(connection|transfer-encoding|content-length|keep-alive)$/.test(name)));
    if (body.length || !/^(GET|HEAD|DELETE)$/.test(request.method)) headers['content-length'] = body.length;
    this.count += 1;
    if (request.url === '/api/openapi.json') return withoutCredentials(await this.askers[0].ask('GET', request.url, headers, body));
    const turn = this.count % this.askers.length;
    const inTurn = [...this.askers.slice(turn), ...this.askers.slice(0, turn)];
    const answers = await Promise.all(inTurn.map((asker) => asker.ask(request.method, request.url, headers, body)));
    // Settings go back to where they are in nobody's way.
    if (request.method !== 'GET' && request.url.startsWith('/api/v1/policy')) await this.keeper.policy(usual);
    for (const asker of this.askers) await asker.mend();
    return answers.find(({ status }) => status >= 500) ?? answers.find(({ status }) => status < 300) ?? answers[0];
  }

  /** A body that does not name the keeper. */
  #without(body) {
    const { id } = this.keeper.me;
    return body.includes(id) ? Buffer.from(body.toString('latin1').replaceAll(id, nowhere), 'latin1') : body;
  }

  /** How everybody was answered: { name: { status: count } }. */
  get counts() { return Object.fromEntries(this.askers.map(({ name, counts }) => [name, counts])); }
}
