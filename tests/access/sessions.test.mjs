// Sessions: where one is signed in, and how it ends, on the open socket too.
import assert from 'node:assert/strict';
import { phone, test } from '../browser/lib/shared.mjs';
import { hears, hearsNothing } from '../browser/lib/browser.mjs';
import { Phone } from '../browser/lib/phone.mjs';
import { RawPhone, RawSocket } from '../browser/lib/sip.mjs';
import { until } from '../browser/lib/process.mjs';
import { Console } from './lib/console.mjs';

/** A registered raw phone of a signed-in client. */
async function registered(t, console_, client) {
  const one = new RawPhone();
  one.account = await console_.account(client);
  one.socket = await RawSocket.connect(console_.server.url);
  one.host = 'sessions.invalid';
  t.after(() => one.end());
  assert.equal((await one.register()).status, 200);
  return one;
}

/** How long until the socket was closed with 4401. */
async function closedAfter(began, one) {
  const { code } = await one.socket.closes(3000);
  assert.equal(code, 4401);
  return Date.now() - began;
}

test('c2 c3 a36 sessions are listed, current and completed, each with its device and address', async (t) => {
  const console_ = await Console.start(t);
  const { person, client: first } = await console_.signedIn();
  const second = (await console_.signedIn(person, { userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1' })).client;
  const third = (await console_.signedIn(person)).client;
  await third.post('/api/v1/logout');
  const rows = await first.items('/api/v1/me/sessions');
  assert.equal(rows.length, 3);
  const current = rows.filter((row) => row.current);
  assert.equal(current.length, 1);
  assert.deepEqual([current[0].ip, current[0].user_agent, current[0].ended_at], [first.address, first.userAgent, null]);
  assert.match(`${current[0].browser} ${current[0].system}`, /^Firefox.*Linux/);
  const ended = rows.filter((row) => row.ended_at !== null);
  assert.equal(ended.length, 1);
  assert.ok(ended[0].ended_reason);
  const apple = rows.find((row) => row.ip === second.address);
  assert.match(`${apple.browser} ${apple.system} ${apple.device}`, /Safari.*(iOS|iPhone)/);
  assert.ok(rows.every((row) => Date.parse(row.created_at) <= Date.parse(row.last_seen_at)));
});

test('c4 c5 x18 sec_a10 logging out of all devices ends every session and socket within a second, and keys only if asked', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({ level: 5 });
  const others = await Promise.all(Array.from({ length: 5 }, async () => (await console_.signedIn(person)).client));
  const phones = await Promise.all(others.slice(0, 3).map((one) => registered(t, console_, one)));
  const { key } = await client.must('POST', '/api/v1/me/api-keys', { name: 'kept', scopes: ['reports:read'], user: person.name, password: person.password });
  const program = console_.client();
  program.token = key;
  assert.equal((await program.get('/api/v1/reports')).status, 200);
  const began = Date.now();
  const ended = await client.must('POST', '/api/v1/me/sessions/end-all', { keep_current: false, api_keys: false });
  assert.ok(ended.ended >= 6, JSON.stringify(ended));
  const took = await Promise.all(phones.map((one) => closedAfter(began, one)));
  assert.ok(Math.max(...took) < 1000, `${took}`);
  for (const one of [client, ...others]) assert.equal((await one.get('/api/v1/me')).status, 401);
  assert.equal((await program.get('/api/v1/reports')).status, 200, 'keys were not ticked');
  const again = (await console_.signedIn(person)).client;
  await again.must('POST', '/api/v1/me/sessions/end-all', { keep_current: true, api_keys: true });
  assert.equal((await again.get('/api/v1/me')).status, 200);
  assert.equal((await program.get('/api/v1/reports')).status, 401, 'keys were ticked');
});

test('b34 x3 x4 sec_a10 an administrator ends a session: 401 and 4401 within a second, the token too', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const one = await registered(t, console_, client);
  const bearer = console_.client();
  bearer.token = one.account.token;
  assert.equal((await bearer.get('/api/v1/me')).status, 200);
  const [session] = (await console_.owner.items('/api/v1/sessions')).filter((row) => row.ip === client.address);
  const began = Date.now();
  assert.ok((await console_.owner.delete(`/api/v1/sessions/${session.id}`)).status < 300);
  assert.ok(await closedAfter(began, one) < 1000);
  const answer = await client.get('/api/v1/me');
  assert.deepEqual([answer.status, answer.code], [401, 'session_ended'], answer.text);
  assert.equal((await bearer.get('/api/v1/me')).status, 401, 'the token is dead with its session');
  const socket = await RawSocket.connect(console_.server.url, { headers: { Authorization: `Bearer ${one.account.token}` } });
  assert.equal(socket.status, 401);
  const rows = await console_.owner.audit();
  assert.ok(rows.some((row) => row.target?.id === session.id || row.target?.id === person.id), JSON.stringify(rows.slice(0, 3)));
});

test('b34 another process ends sessions: the open socket is closed within a second', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const one = await registered(t, console_, client);
  const command = console_.server.command('session', 'end-all', '--user', person.name, '--json');
  const { code, stderr } = await command;
  const began = Date.now();
  assert.equal(code, 0, stderr);
  assert.ok(await closedAfter(began, one) < 1000);
  assert.equal((await client.get('/api/v1/me')).status, 401);
});

for (const [policy, lives] of [['hangup', false], ['finish_call_then_close', true]]) {
  test(`b34 what becomes of a call when its session is ended: ${policy}`, async (t) => {
    const console_ = await Console.start(t);
    await console_.policy({ 'session.on_revoke': policy });
    const { person, client } = await console_.signedIn();
    const one = await Phone.open('jssip', { url: console_.server.url, origin: console_.origin, account: await console_.account(client), tone: 500 });
    t.after(() => one.close());
    await one.register();
    const other = await phone(t, 'sipjs', console_.server, 1001, { tone: 700 });
    await one.call('1001');
    await other.sees('incoming…');
    await other.answer();
    await hears(one.page, 700);
    await console_.owner.must('POST', `/api/v1/users/${person.id}/sessions/end-all`);
    assert.equal((await client.get('/api/v1/me')).status, 401);
    if (lives) {
      await hears(one.page, 700);
      await hears(other.page, 500);
      await one.hangup();
    } else await hearsNothing(one.page);
    await other.ends();
    await one.sees('disconnected…');
  });
}

test('a8 a renewed token keeps the call up', async (t) => {
  const console_ = await Console.start(t);
  const { client } = await console_.signedIn();
  const one = await Phone.open('jssip', { url: console_.server.url, origin: console_.origin, account: await console_.account(client), tone: 700 });
  t.after(() => one.close());
  await one.register();
  await one.talk('*43');
  for (let i = 0; i < 3; i++) {
    await client.must('POST', '/api/v1/token');
    assert.equal((await client.get('/api/v1/me')).status, 200);
    await hears(one.page, 700);
  }
  await one.hangup();
});

test('sec_a27 sec_a24 who loses rights loses them at once, by HTTP and on the open socket', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({ level: 9 });
  const bearer = console_.client();
  bearer.token = (await console_.account(client)).token;
  for (const one of [client, bearer]) assert.equal((await one.get('/api/v1/users')).status, 200);
  const open = await registered(t, console_, client);
  await console_.owner.must('PATCH', `/api/v1/users/${person.id}`, { level: 1, role: 'member' });
  for (const one of [client, bearer]) assert.equal((await one.get('/api/v1/users')).status, 403);
  const answer = await open.ask('OPTIONS', 'sip:ringfence').catch(() => ({ status: 0 }));
  assert.ok([0, 200].includes(answer.status), 'an agent may still keep a phone');
  await console_.owner.must('PATCH', `/api/v1/users/${person.id}`, { disabled: true });
  await until('the disabled person to be out', async () => (await client.get('/api/v1/me')).status === 401, 2000);
  await open.socket.closes(2000);
});

test('b33 x1 x2 a shorter idle time is shown at once with where it comes from, and refuses what is out of range', async (t) => {
  const console_ = await Console.start(t);
  const value = async () => (await console_.owner.must('GET', '/api/v1/policy')).items.find((item) => item.key === 'session.idle_timeout');
  const before = await value();
  assert.deepEqual([before.value, before.source], [8 * 3600, 'preset callcenter'], JSON.stringify(before));
  await console_.preset('workspace');
  assert.equal((await value()).value, 7 * 86400);
  await console_.preset('callcenter');
  await console_.policy({ 'session.idle_timeout': 1800 });
  const after = await value();
  assert.deepEqual([after.value, after.source], [1800, 'set']);
  for (const wrong of [0, 59, -1, '8h', [], 1e12]) {
    const answer = await console_.owner.patch('/api/v1/policy', { 'session.idle_timeout': wrong });
    assert.ok([400, 422].includes(answer.status), `${wrong}: ${answer.text}`);
  }
  assert.equal((await value()).value, 1800);
  const rows = await console_.owner.audit();
  assert.ok(rows.some((row) => /28800/.test(JSON.stringify(row.details)) && /1800/.test(JSON.stringify(row.details))), 'old and new are in the audit log');
});

test('sec_w18 a ticket opens one socket, once', async (t) => {
  const console_ = await Console.start(t);
  const { client } = await console_.signedIn();
  const { ticket } = await client.must('POST', '/api/v1/ticket');
  assert.ok(ticket);
  const { pathname } = new URL(console_.server.url);
  const open = () => RawSocket.connect(console_.server.url, { path: `${pathname}?ticket=${encodeURIComponent(ticket)}`, headers: { 'User-Agent': client.userAgent } });
  const thief = await RawSocket.connect(console_.server.url, { path: `${pathname}?ticket=${encodeURIComponent(ticket)}`, headers: { 'User-Agent': 'curl/8' } });
  t.after(() => thief.end());
  assert.notEqual(thief.status, 101, 'another browser');
  const first = await open();
  t.after(() => first.end());
  assert.ok([101, 401].includes(first.status), `${first.status}`);
  assert.notEqual((await open()).status, 101, 'twice');
});
