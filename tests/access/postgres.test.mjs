// The whole server on PostgreSQL, and two of them on one database.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from '../browser/lib/shared.mjs';
import { hears } from '../browser/lib/browser.mjs';
import { Phone } from '../browser/lib/phone.mjs';
import { RawPhone, RawSocket } from '../browser/lib/sip.mjs';
import { newFolder, until } from '../browser/lib/process.mjs';
import { Console, newPassword } from './lib/console.mjs';
import { Database, Way, needsPostgres } from './lib/postgres.mjs';
import { serve } from './lib/serve.mjs';
import { unavailable } from './lib/unavailable.mjs';

const keysPath = '/api/v1/me/api-keys';
const factor = (client, attempt, code) => client.post('/api/v1/login/factor', { attempt, method: 'totp', code });
const socketOf = (server) => `wss://localhost:${server.port}/ws`;

/** A server on an empty database, set up: { database, first, owner }. */
async function one(t, options = {}) {
  const database = await Database.create(t);
  const first = await database.serve(t, options);
  return { database, first, owner: await first.setUp() };
}

/** Two servers on one database. */
async function two(t, options = {}) {
  const set = await one(t, options);
  return { ...set, second: await set.database.serve(t, { ...options, joins: set.first }) };
}

let numbers = 3000;
async function person(owner, more = {}) {
  const number = String(++numbers);
  const wanted = { name: `p${number}`, display_name: `Person ${number}`, number, password: newPassword(), ...more };
  return { ...await owner.must('POST', '/api/v1/users', wanted), password: wanted.password };
}

async function signIn(server, somebody) {
  const client = server.client();
  const answer = await client.login(somebody.name, somebody.password);
  assert.equal(answer.status, 200, answer.text);
  return client;
}

/** The same browser at another server. */
function at(server, client) {
  const same = server.client({ address: client.address });
  same.cookies = new Map(client.cookies);
  return same;
}

async function account(client) {
  const { token } = await client.must('POST', '/api/v1/token');
  return { user: (await client.must('GET', '/api/v1/me')).number, token };
}

async function rawPhone(t, server, client) {
  const phone = new RawPhone();
  phone.account = await account(client);
  phone.socket = await RawSocket.connect(socketOf(server));
  phone.host = 'postgres.invalid';
  t.after(() => phone.end());
  assert.equal((await phone.register()).status, 200);
  return phone;
}

/** The audit is whole, by `ringfence audit verify`. */
async function verified(server) {
  const { code, stdout, stderr } = await server.command('audit', 'verify', '--json');
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(report.ok, true, stdout);
  return report;
}

test('b2 b6 on PostgreSQL: password and TOTP let in, the audit is whole and nothing is left in the data folder', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, owner } = await one(t);
  const somebody = await person(owner);
  const client = await signIn(first, somebody);
  const app = await Console.enrol(client);
  const next = first.client();
  const step = await next.login(somebody.name, somebody.password);
  assert.deepEqual([step.status, step.json.mfa_required], [200, true], step.text);
  assert.equal((await next.get('/api/v1/me')).status, 401, 'before the code there is no session');
  const code = await app.next();
  assert.equal((await factor(next, step.json.attempt, code)).status, 200);
  assert.equal((await next.must('GET', '/api/v1/me')).id, somebody.id);
  const again = first.client();
  const { attempt } = (await again.login(somebody.name, somebody.password)).json;
  assert.equal((await factor(again, attempt, code)).code, 'code_used');
  const rows = await owner.audit();
  assert.ok(rows.some((row) => row.target?.id === somebody.id), JSON.stringify(rows.slice(0, 3)));
  assert.ok((await verified(first)).rows >= 5);
  assert.equal(fs.existsSync(path.join(first.data, 'ringfence.db')), false);
});

test('b34 x4 sec_a10 on PostgreSQL: a session revoked at one server ends cookie, token and open socket at another', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, second, owner } = await two(t);
  const somebody = await person(owner);
  const client = await signIn(first, somebody);
  const elsewhere = at(second, client);
  assert.equal((await elsewhere.get('/api/v1/me')).status, 200, 'a session is good at every server');
  const phone = await rawPhone(t, second, elsewhere);
  const bystander = await rawPhone(t, second, at(second, await signIn(first, await person(owner))));
  const [session] = (await owner.items('/api/v1/sessions')).filter((row) => row.ip === client.address && row.ended_at === null);
  const began = Date.now();
  assert.ok((await owner.delete(`/api/v1/sessions/${session.id}`)).status < 300);
  const { code } = await phone.socket.closes(5000);
  const took = Date.now() - began;
  assert.equal(code, 4401);
  assert.ok(took < 2000, `${took} ms`);
  const refused = await elsewhere.get('/api/v1/me');
  assert.deepEqual([refused.status, refused.code], [401, 'session_ended'], refused.text);
  const bearer = second.client();
  bearer.token = phone.account.token;
  assert.equal((await bearer.get('/api/v1/me')).status, 401, 'the token is dead with its session');
  assert.equal((await client.get('/api/v1/me')).status, 401);
  assert.equal((await bystander.ask('OPTIONS', 'sip:ringfence')).status, 200, 'nobody else is thrown out');
});

test('sec_a34 c23 on PostgreSQL: an API key made at one server works at another, and revoked it is dead at both', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, second, owner } = await two(t);
  const admin = await person(owner, { level: 9, role: 'admin' });
  const client = await signIn(first, admin);
  const made = await client.must('POST', keysPath, { name: 'everywhere', scopes: ['users:read'], user: admin.name, password: admin.password });
  const programs = [first, second].map((server) => Object.assign(server.client(), { token: made.key }));
  for (const program of programs) assert.equal((await program.get('/api/v1/users')).status, 200);
  assert.ok((await client.delete(`${keysPath}/${made.id}`)).status < 300);
  assert.equal((await programs[0].get('/api/v1/users')).status, 401, 'where it was revoked, at once');
  const began = Date.now();
  await until('the key to be refused at the other server', async () => (await programs[1].get('/api/v1/users')).status === 401, 5000);
  assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
});

test('a26 sec_a33 on PostgreSQL: of fifty keys made at once at two servers, ten come to be', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, second, owner } = await two(t);
  await owner.must('PATCH', '/api/v1/policy', { 'rate.per_token_per_minute': 600, 'rate.per_ip_per_minute': 600 });
  const admins = await Promise.all(Array.from({ length: 5 }, () => person(owner, { level: 9, role: 'admin' })));
  const clients = await Promise.all(admins.map((admin) => signIn(first, admin)));
  const make = (i) => {
    const [admin, client, server] = [admins[i % 5], clients[i % 5], i % 2 ? first : second];
    return at(server, client).post(keysPath, { name: `key ${i}`, scopes: ['users:read'], user: admin.name, password: admin.password }, { timeout: 60000 });
  };
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => make(i)));
  // A slow machine turns some away before they are counted.
  for (let i = 50; i < 60 && !answers.some(({ code }) => code === 'api_key_limit'); i++) answers.push(await make(i));
  const shown = answers.map(({ status, code }) => `${status} ${code ?? ''}`).join(', ');
  const made = answers.filter(({ status }) => status === 201);
  const active = (await owner.items('/api/v1/api-keys')).filter((key) => key.revoked_at === null);
  assert.equal(active.length, 10, shown);
  assert.deepEqual(made.map(({ json }) => json.id).sort(), active.map(({ id }) => id).sort(), 'who was told so has a key, and nobody else');
  for (const { status, code, text } of answers) assert.ok(status === 201 || `${status} ${code}` === '409 api_key_limit' || `${status} ${code}` === '503 busy', text);
  assert.ok(answers.some(({ code }) => code === 'api_key_limit'), shown);
  for (const server of [first, second]) assert.equal((await at(server, clients[0]).post(keysPath, { name: 'eleventh', scopes: ['users:read'], user: admins[0].name, password: admins[0].password })).code, 'api_key_limit');
  await verified(first);
});

test('sec_a14 on PostgreSQL: one code shown fifty times at once to two servers lets one in', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, second, owner } = await two(t);
  const somebody = await person(owner);
  const app = await Console.enrol(await signIn(first, somebody));
  const attempts = [];
  for (let i = 0; i < 10; i++) {
    const client = (i % 2 ? first : second).client();
    const step = await client.login(somebody.name, somebody.password);
    if (step.json?.attempt) attempts.push(step.json.attempt);
  }
  assert.ok(attempts.length >= 4, `${attempts.length} attempts`);
  const code = await app.next();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => factor((i % 2 ? first : second).client(), attempts[i % attempts.length], code)));
  const shown = answers.map(({ status, code: why }) => `${status} ${why ?? ''}`).join(', ');
  assert.equal(answers.filter(({ status }) => status === 200).length, 1, shown);
  for (const { status, text } of answers) assert.ok([200, 401, 429].includes(status), text);
  await verified(second);
});

test('on PostgreSQL: a backup goes into a data folder with SQLite, and people sign in there', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, owner } = await one(t);
  const somebody = await person(owner);
  const client = await signIn(first, somebody);
  const app = await Console.enrol(client);
  const file = path.join(newFolder('backup'), 'all');
  const saved = await first.command('backup', file, '--json');
  assert.equal(saved.code, 0, saved.stderr);
  const restored = await serve(t, {
    joins: first,
    before: async (server) => {
      const { code, stderr } = await first.commandOf('restore', file, '--data', server.data, '--root-key-file', path.join(first.data, 'root.key'));
      assert.equal(code, 0, stderr);
      assert.ok(fs.existsSync(path.join(server.data, 'ringfence.db')));
    },
  });
  const next = restored.client();
  const step = await next.login(somebody.name, somebody.password);
  assert.deepEqual([step.status, step.json.mfa_required], [200, true], step.text);
  assert.equal((await factor(next, step.json.attempt, await app.next())).status, 200);
  assert.equal((await next.must('GET', '/api/v1/me')).id, somebody.id);
  const administrator = await signIn(restored, first.first);
  assert.ok((await administrator.items('/api/v1/users')).some(({ id }) => id === somebody.id));
  const [here, there] = [await verified(restored), await verified(first)];
  assert.ok(here.rows > 5 && there.rows > 5, JSON.stringify([here, there]));
});

test('sec_o07 on PostgreSQL: without its database a server says so, keeps calls and sockets up, and goes on when it is back', async (t) => {
  if (!needsPostgres(t)) return;
  const { database, first, owner } = await one(t, { dirty: true });
  const somebody = await person(owner);
  const client = await signIn(first, somebody);
  const raw = await rawPhone(t, first, client);
  const caller = await Phone.open('jssip', { url: socketOf(first), origin: first.origin, account: await account(await signIn(first, await person(owner))), tone: 700 });
  t.after(() => caller.close());
  await caller.register();
  await caller.talk('*43');
  await hears(caller.page, 700);
  const { pid } = first.process;

  await database.close();
  for (const user of [somebody.name, 'nobody.at.all']) {
    const began = Date.now();
    unavailable(await first.client().login(user, somebody.password), `a sign-in as ${user}`);
    assert.ok(Date.now() - began < 8000, `${Date.now() - began} ms`);
  }
  for (const [method, where, body] of [['POST', '/api/v1/users', { name: 'lost', display_name: 'Lost', number: '9876' }], ['PATCH', '/api/v1/policy', { 'session.idle_timeout': 1800 }], ['GET', '/api/v1/users']]) {
    unavailable(await owner.request(method, where, body ? { body } : {}), `${method} ${where}`);
  }
  const ready = await first.client().get('/readyz');
  assert.deepEqual([ready.status, ready.json.ready, ready.json.reasons.map(({ code }) => code)], [503, false, ['store']], ready.text);
  assert.match(ready.json.reasons[0].detail, /database/);
  assert.equal((await first.client().get('/healthz')).status, 200);
  await hears(caller.page, 700);
  assert.equal(raw.socket.closed, null);
  assert.equal((await raw.ask('OPTIONS', 'sip:ringfence')).status, 200);
  assert.equal((await raw.register()).status, 200, 'a token that is good stays good');
  await caller.hangup();
  await caller.talk('*43');
  await hears(caller.page, 700);

  await database.open();
  await until('the server to be ready again', async () => (await first.client().get('/readyz')).status === 200, 8000);
  await signIn(first, somebody);
  assert.equal((await client.get('/api/v1/me')).status, 200, 'whoever was signed in still is');
  const names = (await owner.items('/api/v1/users')).map(({ name }) => name);
  assert.ok(!names.includes('lost'), 'what was refused did not happen');
  assert.notEqual((await owner.must('GET', '/api/v1/policy')).items.find(({ key }) => key === 'session.idle_timeout').value, 1800);
  assert.ok((await person(owner)).id);
  await hears(caller.page, 700);
  assert.equal(raw.socket.closed, null);
  assert.deepEqual([first.process.isRunning(), first.process.pid], [true, pid]);
  assert.doesNotMatch(first.readLog(), /panicked at/);
  await verified(first);
});

/** A server whose database can stand still: { database, first, owner, somebody, way }. */
async function freezable(t) {
  const database = await Database.create(t);
  const way = await Way.to(t, database);
  const first = await database.serve(t, { database: way.url, dirty: true });
  t.after(() => way.thaw());
  const owner = await first.setUp();
  return { database, first, owner, somebody: await person(owner), way };
}

/** It is well again without a restart. */
async function recovers(first, somebody, way) {
  way.thaw();
  await until('the server to be ready again', async () => (await first.client().get('/readyz')).status === 200, 10000);
  await signIn(first, somebody);
}

test('sec_o07 on PostgreSQL: while the database stands still who asks gets an answer, and afterwards what they wanted', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, somebody, way } = await freezable(t);
  way.freeze();
  const began = Date.now();
  const [answer, ready, alive] = await Promise.all([
    first.client().login(somebody.name, somebody.password), first.client().get('/readyz'), first.client().get('/healthz'),
  ]);
  assert.equal(alive.status, 200);
  unavailable(answer, 'a sign-in');
  assert.equal(ready.status, 503, ready.text);
  assert.ok(Date.now() - began < 12000, `${Date.now() - began} ms`);
  await recovers(first, somebody, way);
});

test('sec_o07 on PostgreSQL: a database that stands still in the middle of a sign-in gets it an answer too', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, somebody, way } = await freezable(t);
  way.freezeAt((part) => part.includes(somebody.name));
  const answer = await first.client().login(somebody.name, somebody.password).catch((error) => assert.fail(error.message));
  assert.ok(way.isFrozen, 'it stood still');
  unavailable(answer, 'a sign-in');
  await recovers(first, somebody, way);
});

test('sec_a10 on PostgreSQL: who waits for a database that stands still keeps no revocation back', async (t) => {
  if (!needsPostgres(t)) return;
  const { first, owner, somebody, way } = await freezable(t);
  const phone = await rawPhone(t, first, await signIn(first, somebody));
  // In the middle of what the server asks twice a second: more than the few bytes of a ping.
  way.freezeAt((part) => part.length > 20);
  await until('the database to stand still', () => way.isFrozen);
  way.lose();
  way.thaw();
  await until('the server to be ready again', async () => (await first.client().get('/readyz')).status === 200, 30000);
  const command = await first.command('session', 'end-all', '--user', somebody.name, '--json');
  assert.equal(command.code, 0, command.stderr);
  assert.equal((await phone.socket.closes(20000)).code, 4401);
  assert.equal((await owner.get('/api/v1/me')).status, 200);
});

test('on PostgreSQL: a server that is lost in the middle of a change does not keep the others from theirs', async (t) => {
  if (!needsPostgres(t)) return;
  const { database, first, owner, somebody, way } = await freezable(t);
  const second = await database.serve(t, { joins: first, dirty: true });
  await signIn(second, somebody);
  // While its row for the audit is on the way, the head of the audit is locked.
  way.freezeAt((part) => part.includes('user.create'));
  const lost = owner.post('/api/v1/users', { name: 'lost', display_name: 'Lost', number: '9876' }).catch((error) => error);
  await until('the first server to be lost', () => way.isFrozen);
  const answer = await second.client().login(somebody.name, somebody.password).catch((error) => assert.fail(error.message));
  if (answer.status !== 200) unavailable(answer, 'a sign-in at the other server');
  await until('the other server to be well', async () => (await second.client().login(somebody.name, somebody.password)).status === 200, 30000);
  assert.ok(!(await at(second, owner).items('/api/v1/users')).some(({ name }) => name === 'lost'));
  await lost;
  await verified(second);
});
