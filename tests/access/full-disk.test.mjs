// A disk with no room left: what cannot be audited does not happen (O-06), everything else goes on.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from '../browser/lib/shared.mjs';
import { hears } from '../browser/lib/browser.mjs';
import { Phone } from '../browser/lib/phone.mjs';
import { binary } from '../browser/lib/server.mjs';
import { newFolder, run, until } from '../browser/lib/process.mjs';
import { ownAddress } from './lib/client.mjs';
import { Console, newPassword } from './lib/console.mjs';
import { needs } from './lib/needs.mjs';
import { unavailable } from './lib/unavailable.mjs';

const keysPath = '/api/v1/me/api-keys';
const needsRoot = (t) => needs(t, process.getuid() === 0, 'a small disk of its own needs root; run it with sudo');

/** A server whose data folder is a small disk that it alone sees: it goes with the server's mount namespace. */
class Small {
  static async start(t, megabytes = 8) {
    const one = new Small();
    one.data = newFolder('small');
    // The shell becomes the server and keeps its pid.
    const mount = `mount -t tmpfs -o size=${megabytes}m,mode=700 tmpfs "$0" && exec "$@"`;
    one.console = await Console.start(t, { data: one.data, dirty: true, inside: ['unshare', '--mount', 'sh', '-c', mount, one.data] });
    one.server = one.console.server;
    return one;
  }

  /** Runs a program that sees the disk; gives { code, stdout, stderr }. */
  async run(...command) {
    try {
      return { code: 0, ...await run('nsenter', ['--target', String(this.server.process.pid), '--mount', ...command], { env: { ...process.env, NO_COLOR: '1' } }) };
    } catch (error) {
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  }

  async free() { return Number((await this.run('stat', '--file-system', '--format', '%a', this.data)).stdout); }

  async fill() {
    const { stderr } = await this.run('dd', 'if=/dev/zero', `of=${path.join(this.data, 'filler')}`, 'bs=4k', 'oflag=append', 'conv=notrunc');
    assert.match(stderr, /No space left on device/);
    assert.equal(await this.free(), 0);
  }

  async empty() {
    assert.equal((await this.run('rm', path.join(this.data, 'filler'))).code, 0);
    assert.ok(await this.free() > 0);
  }

  async verified() {
    const { code, stdout, stderr } = await this.run(binary, 'audit', 'verify', '--json', '--data', this.data);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.equal(report.ok, true, stdout);
    return report;
  }
}

/** An administrator, and the changes that have to be audited: [name, ask, whether it is so now]. */
async function changes(console_) {
  const { person, client } = await console_.signedIn({ level: 9, role: 'admin' });
  const { owner } = console_;
  const idle = async () => (await owner.must('GET', '/api/v1/policy')).items.find(({ key }) => key === 'session.idle_timeout').value;
  const before = await idle();
  const wanted = { name: 'new.person', display_name: 'New', number: '7654', password: newPassword() };
  const key = { name: 'new key', scopes: ['users:read'], user: person.name, password: person.password };
  return {
    person,
    client,
    list: [
      ['a person', () => owner.post('/api/v1/users', wanted), async () => (await owner.items('/api/v1/users')).some(({ name }) => name === wanted.name)],
      ['the policy', () => owner.patch('/api/v1/policy', { 'session.idle_timeout': 1234 }), async () => await idle() !== before],
      ['an API key', () => client.post(keysPath, key), async () => (await client.items(keysPath)).some(({ name }) => name === key.name)],
    ],
  };
}

test('sec_o06 sec_o07 on a full disk no change happens that cannot be audited, and whoever is signed in goes on reading', async (t) => {
  if (!needsRoot(t)) return;
  const small = await Small.start(t);
  const { owner } = small.console;
  const { person, client, list } = await changes(small.console);
  const audited = await owner.audit();
  for (const [name, ask, is] of list) {
    await small.fill();
    unavailable(await ask(), name);
    assert.equal(await is(), false, `${name}: nothing changed`);
  }
  unavailable(await small.console.client().login(person.name, person.password), 'a sign-in');
  assert.deepEqual(await owner.audit(), audited, 'nothing is in the audit log that did not happen');
  for (const where of ['/api/v1/me', '/api/v1/users', '/api/v1/policy', '/api/v1/audit', keysPath, '/healthz', '/']) {
    assert.equal((await client.get(where)).status, 200, where);
  }
  await small.empty();
  await small.verified();
  for (const [name, , is] of list) assert.equal(await is(), false, `${name}: nothing changed later`);
  assert.doesNotMatch(small.server.readLog(), /panicked at/);
});

test('on a full disk sessions are still listed, and an API key still reads', async (t) => {
  if (!needsRoot(t)) return;
  const small = await Small.start(t);
  const { person, client } = await changes(small.console);
  const program = small.console.client();
  program.token = (await client.must('POST', keysPath, { name: 'reader', scopes: ['users:read'], user: person.name, password: person.password })).key;
  await small.fill();
  // Last uses are written down when sessions are listed, and there has to be a new one: they are counted in seconds.
  const second = () => Math.floor(Date.now() / 1000);
  const began = second();
  await until('another second', () => second() > began);
  const seen = [];
  for (const [who, one, where] of [['API key', program, '/api/v1/users'], ['session', client, '/api/v1/me/sessions'], ['session', client, '/api/v1/sessions']]) {
    seen.push(`${who}: GET ${where} ${(await one.get(where)).status}`);
  }
  assert.deepEqual(seen.filter((line) => !line.endsWith(' 200')), []);
});

test('a36 sec_o06 a session that comes from elsewhere while the disk is full is in the audit log once there is room', async (t) => {
  if (!needsRoot(t)) return;
  const small = await Small.start(t);
  const { client } = await changes(small.console);
  const moved = client.thief({ address: ownAddress() });
  await small.fill();
  for (let i = 0; i < 3; i++) assert.ok([200, 503].includes((await moved.get('/api/v1/me')).status));
  await small.empty();
  await until('the session to go on', async () => (await moved.get('/api/v1/me')).status === 200);
  const rows = (await small.console.owner.audit()).filter(({ action }) => action === 'session.move');
  assert.ok(rows.some((row) => JSON.stringify(row).includes(moved.address)), `${rows.length} moves in the audit log, none to ${moved.address}`);
});

test('sec_o06 what a full disk refused is done when there is room again, without a restart', async (t) => {
  if (!needsRoot(t)) return;
  const small = await Small.start(t);
  const { owner } = small.console;
  const { person, list } = await changes(small.console);
  const audited = await owner.audit();
  await small.fill();
  for (const [name, ask] of list) unavailable(await ask(), name);
  await small.empty();
  for (const [name, ask, is] of list) {
    const answer = await ask();
    assert.ok(answer.status < 300, `${name}: ${answer.text}`);
    assert.equal(await is(), true, name);
  }
  assert.equal((await small.console.client().login(person.name, person.password)).status, 200);
  const rows = await owner.audit();
  const added = rows.slice(0, rows.length - audited.length).map(({ action }) => action);
  assert.ok(added.length >= list.length, added.join(' '));
  assert.deepEqual(rows.slice(-audited.length), audited);
  await small.verified();
});

test('on a full disk phones stay connected, calls go on and new ones are placed', async (t) => {
  if (!needsRoot(t)) return;
  const small = await Small.start(t);
  const { console: console_, server } = small;
  const { client } = await console_.signedIn();
  const caller = await Phone.open('jssip', { url: server.url, origin: console_.origin, account: await console_.account(client), tone: 700 });
  t.after(() => caller.close());
  await caller.register();
  await caller.talk('*43');
  await hears(caller.page, 700);
  await small.fill();
  unavailable(await console_.owner.post('/api/v1/users', { name: 'nobody', display_name: 'Nobody', number: '7654' }), 'a person');
  await hears(caller.page, 700);
  await caller.hangup();
  await caller.ends();
  await caller.talk('*43');
  await hears(caller.page, 700);
  assert.ok((await client.must('POST', '/api/v1/token')).token, 'a page gets its next token');
  await small.empty();
  await hears(caller.page, 700);
  assert.ok(!(await caller.events()).some((event) => /^(disconnected|registration failed)/.test(event)), 'the socket was never lost');
  await small.verified();
});
