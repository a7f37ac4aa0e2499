// API keys from their making to their end.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { RawSocket } from '../browser/lib/sip.mjs';
import { Console } from './lib/console.mjs';

const path = '/api/v1/me/api-keys';
const wanted = (person, name, more = {}) => ({ name, scopes: ['users:read'], user: person.name, password: person.password, ...more });

async function admin(t) {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({ level: 9, role: 'admin' });
  return { console_, person, client };
}

test('a22 a25 a27 c18 c21 sec_a34 a key has its form, is shown once, and is masked ever after', async (t) => {
  const { client, person } = await admin(t);
  const answer = await client.post(path, wanted(person, 'reports'));
  assert.equal(answer.status, 201, answer.text);
  assert.match(answer.json.key, /^[a-z]{2,8}_live_[A-Za-z0-9]{8,12}_[A-Za-z0-9]{32,}$/);
  assert.match(answer.headers['cache-control'], /no-store/);
  const secret = answer.json.key.split('_').at(-1);
  for (const list of [path, '/api/v1/api-keys']) {
    const { text, json } = await client.get(list);
    assert.ok(!text.includes(secret) && !text.includes(answer.json.key), list);
    assert.equal(json.items.find((item) => item.id === answer.json.id).masked, answer.json.masked);
  }
  assert.ok(answer.json.masked.length < 24 && answer.json.key.startsWith(answer.json.masked.replace(/…|\.\.\.|\*+/g, '')), answer.json.masked);
});

test('c15 b30 a key does what its scopes say and nothing else, and only a browser makes keys', async (t) => {
  const { console_, client, person } = await admin(t);
  const reader = console_.client();
  reader.token = (await client.must('POST', path, wanted(person, 'reader'))).key;
  const writer = console_.client();
  writer.token = (await client.must('POST', path, wanted(person, 'writer', { scopes: ['users:read', 'users:write'] }))).key;
  assert.equal((await reader.get('/api/v1/users')).status, 200);
  const body = { name: 'by.key', display_name: 'By key', number: '4711' };
  assert.equal((await reader.post('/api/v1/users', body)).status, 403);
  const made = await writer.post('/api/v1/users', body);
  assert.equal(made.status, 201, made.text);
  assert.equal((await writer.patch(`/api/v1/users/${made.json.id}`, { display_name: 'Renamed' })).json.display_name, 'Renamed');
  assert.ok((await writer.delete(`/api/v1/users/${made.json.id}`)).status < 300);
  for (const one of [reader, writer]) {
    assert.equal((await one.get('/api/v1/audit')).status, 403);
    assert.ok([401, 403].includes((await one.post(path, wanted(person, 'by a key'))).status));
    assert.ok([401, 403].includes((await one.get('/api/v1/billing')).status));
    assert.ok([401, 403].includes((await one.post('/api/v1/token')).status));
  }
});

test('c19 c20 a name is unique, and making a key needs the password, and the code where there is one', async (t) => {
  const { console_, client, person } = await admin(t);
  assert.equal((await client.post(path, wanted(person, 'one'))).status, 201);
  const twice = await client.post(path, wanted(person, 'one'));
  assert.equal(twice.status, 409, twice.text);
  for (const bad of [{ password: 'wrong-wrong-wrong' }, { user: 'somebody' }, { user: console_.me.user }]) {
    const answer = await client.post(path, wanted(person, 'two', bad));
    assert.deepEqual([answer.status, answer.code], [403, 'reauth_required'], answer.text);
  }
  const [first] = await client.items(path);
  assert.ok((await client.delete(`${path}/${first.id}`)).status < 300);
  assert.equal((await client.post(path, wanted(person, 'one'))).status, 201, 'the name is free again');
  const app = await Console.enrol(client);
  assert.equal((await client.post(path, wanted(person, 'three'))).status, 403);
  const done = await client.post(path, wanted(person, 'three', { code: await app.next() }));
  assert.equal(done.status, 201, done.text);
});

test('a26 x8 sec_a33 ten keys may be active, also when twenty are made at once; the cap is a setting', async (t) => {
  const { console_, client, person } = await admin(t);
  await console_.policy({ 'rate.per_token_per_minute': 600, 'rate.per_ip_per_minute': 600 }).catch(() => {});
  const make = (name, address) => client.thief({ address }).post(path, wanted(person, name));
  for (let i = 0; i < 9; i++) assert.equal((await make(`k${i}`)).status, 201, `${i}`);
  const raced = await Promise.all(Array.from({ length: 20 }, (_, i) => make(`raced ${i}`)));
  const statuses = raced.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 201).length, 1, statuses.join(' '));
  const refused = raced.find(({ status }) => status === 409);
  assert.equal(refused?.code, 'api_key_limit', statuses.join(' '));
  const [first] = (await client.items(path)).filter((key) => !key.revoked_at);
  assert.ok((await client.delete(`${path}/${first.id}`)).status < 300);
  assert.equal((await make('after')).status, 201);
  assert.equal((await make('too many')).status, 409);
  await console_.policy({ 'api_keys.max_active': 20 });
  assert.equal((await make('with the new cap')).status, 201);
});

test('c23 sec_a34 a revoked key is dead at the next request, whoever revokes it', async (t) => {
  const { console_, client, person } = await admin(t);
  for (const [name, revoke] of [['own', (id) => client.delete(`${path}/${id}`)], ['by the owner', (id) => console_.owner.delete(`/api/v1/api-keys/${id}`)]]) {
    const made = await client.must('POST', path, wanted(person, name));
    const program = console_.client();
    program.token = made.key;
    assert.equal((await program.get('/api/v1/users')).status, 200);
    const listed = (await client.items(path)).find((key) => key.id === made.id);
    assert.equal(listed.last_used_ip ?? program.address, program.address);
    assert.ok((await revoke(made.id)).status < 300);
    assert.equal((await program.get('/api/v1/users')).status, 401, name);
  }
});

test('c24 sec_w17 a key or token in an address is refused, and its holder is nobody', async (t) => {
  const { console_, client, person } = await admin(t);
  const { key } = await client.must('POST', path, wanted(person, 'in a url'));
  const { token } = await console_.account(client);
  for (const [name, value] of [['api_key', key], ['access_token', token], ['token', token], ['key', key], ['password', 'x'], ['anything', key], ['q', token]]) {
    const answer = await console_.client().get(`/api/v1/users?${name}=${encodeURIComponent(value)}`);
    assert.ok([400, 401, 403].includes(answer.status), `${name}: ${answer.status}`);
    assert.ok(!answer.text.includes(value), name);
  }
  const socket = await RawSocket.connect(console_.server.url, { path: `/ws?access_token=${key}` });
  t.after(() => socket.end());
  assert.notEqual(socket.status, 101);
});

test('sec_a02 a28 b31 a key that differs in one character, or a token another server signed, is refused alike', async (t) => {
  const { console_, client, person } = await admin(t);
  const { key } = await client.must('POST', path, wanted(person, 'nearly'));
  const flip = (at) => key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
  const secretAt = key.lastIndexOf('_') + 1;
  const texts = new Set();
  const formed = [flip(secretAt), flip(key.length - 1), flip(key.indexOf('_live_') + 6)];
  for (const bad of [...formed, key.slice(0, -1), `${key}x`, key.toUpperCase(), 'dn_live__', 'dn_live_aaaaaaaa_']) {
    const program = console_.client();
    program.token = bad;
    const answer = await program.get('/api/v1/users');
    assert.equal(answer.status, 401, bad.slice(0, 20));
    if (formed.includes(bad)) texts.add(answer.json.detail);
  }
  assert.equal(texts.size, 1, [...texts].join('\n'));
});
