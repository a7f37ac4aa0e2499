// Limits by rate, as they are without any configuration.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { RawSocket } from '../browser/lib/sip.mjs';
import { Console } from './lib/console.mjs';

/** Asks until refused for rate; gives the answers. */
async function burst(ask, most) {
  const answers = [];
  while (answers.length < most) {
    const batch = await Promise.all(Array.from({ length: 10 }, () => ask(answers.length)));
    answers.push(...batch);
    if (batch.some(({ status }) => status === 429)) return answers;
  }
  return answers;
}

/** The refusal says all it should. */
function says(answer, scope) {
  assert.equal(answer.status, 429, answer.text);
  const { error, limit, retry_after: after, ...rest } = answer.json;
  assert.equal(error, 'rate_limited');
  assert.ok(limit > 0 && after > 0, answer.text);
  assert.ok(rest.scope, answer.text);
  if (scope) assert.match(rest.scope, scope);
  assert.equal(Number(answer.headers['retry-after']), after);
  for (const name of ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']) assert.match(answer.headers[name] ?? '', /^\d+$/, name);
  assert.equal(answer.headers['ratelimit-remaining'], '0');
  assert.match(answer.headers['content-type'], /application\/problem\+json/);
}

test('a29 a32 c16 every kind of route is limited from the start: missing ones, signing in, reading, the socket', async (t) => {
  const console_ = await Console.start(t);
  const { client } = await console_.signedIn();
  const { token } = await console_.account(client);
  const kinds = {
    'a missing route': () => { const one = console_.client(); return () => one.get('/api/v1/there-is-no-such-thing'); },
    'a missing API': () => { const one = console_.client(); return () => one.get('/api/v9'); },
    'signing in': () => { const one = console_.client(); return (i) => one.login(`nobody${i}`, 'wrong-wrong-wrong'); },
    'a public form': () => { const one = console_.client(); return () => one.post('/api/v1/public/contact', { name: 'A', email: 'a@example.com', words: 'hello' }); },
    'reading without a session': () => { const one = console_.client(); return () => one.get('/api/v1/users'); },
    'reading as oneself': () => () => client.thief({ address: undefined }).get('/api/v1/me'),
  };
  for (const [name, make] of Object.entries(kinds)) {
    const answers = await burst(make(), 1500);
    const refused = answers.find(({ status }) => status === 429);
    assert.ok(refused, `${name}: ${answers.length} answers and none refused`);
    try { says(refused); } catch (error) { throw new Error(`${name}: ${error.message}; ${refused.text} ${JSON.stringify(refused.headers)}`); }
    assert.ok(answers.every(({ status }) => status < 500), name);
  }
  const sockets = [];
  while (sockets.length < 700 && !sockets.includes(429)) {
    const batch = await Promise.all(Array.from({ length: 20 }, () => RawSocket.connect(console_.server.url, { headers: { Authorization: `Bearer ${token}` } })));
    sockets.push(...batch.map(({ status }) => status));
    batch.forEach((socket) => socket.end());
  }
  assert.ok(sockets.includes(429), `${sockets.length} sockets: ${[...new Set(sockets)]}`);
});

test('a30 sec_w08 the sixth demo booking of an address within an hour is refused, and no header makes another address', async (t) => {
  const console_ = await Console.start(t);
  const one = console_.client();
  const book = (client, headers = {}) => client.post('/api/v1/public/demo-bookings', { name: 'Ada', email: 'ada@example.com', wanted_at: '2030-01-01T10:00:00Z', words: 'please' }, { headers });
  for (let i = 0; i < 5; i++) assert.equal((await book(one)).status, 201, `${i}`);
  const sixth = await book(one);
  says(sixth);
  assert.equal(sixth.json.limit, 5);
  assert.ok(sixth.json.retry_after > 60);
  for (const headers of [{ 'x-forwarded-for': '198.51.100.7' }, { forwarded: 'for=198.51.100.8' }, { 'x-real-ip': '198.51.100.9' }, { 'x-forwarded-for': '198.51.100.7, 127.0.0.1' }, { 'client-ip': '198.51.100.1' }]) {
    assert.equal((await book(one, headers)).status, 429, JSON.stringify(headers));
  }
  assert.equal((await book(console_.client())).status, 201, 'another address');
});

test('a31 x10 an expensive route is limited by the hour', async (t) => {
  const console_ = await Console.start(t);
  const answers = [];
  for (let i = 0; i < 200 && answers.at(-1)?.status !== 429; i++) answers.push(await console_.owner.post('/api/v1/dial-plan/test', { from: '1001', number: '*43' }));
  assert.equal(answers[0].status, 200, answers[0].text);
  assert.equal(answers[0].json.route, 'built_in');
  says(answers.at(-1));
  assert.ok(answers.at(-1).json.retry_after >= 600, answers.at(-1).text);
  assert.equal((await console_.owner.get('/api/v1/me')).status, 200, 'the rest goes on');
});

test('c17 x10 a token has sixty requests a minute, told beforehand', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const bearer = console_.client();
  const made = await client.must('POST', '/api/v1/me/api-keys', { name: 'busy', scopes: ['numbers:read'], user: person.name, password: person.password });
  bearer.token = made.key;
  const first = await bearer.get('/api/v1/numbers');
  const limit = Number(first.headers['ratelimit-limit']);
  assert.ok(limit <= 60 && limit >= 15, `${limit}`);
  const answers = [first];
  while (answers.at(-1).status !== 429 && answers.length < 70) answers.push(await bearer.get('/api/v1/numbers'));
  assert.ok(answers.length <= 61 && answers.length >= 15, `${answers.length}`);
  says(answers.at(-1));
});
