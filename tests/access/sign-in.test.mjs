// From signing up to a new password: mails, links, verification, and that nobody learns who has an account.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { Console, newPassword } from './lib/console.mjs';
import { linkOf } from './lib/stand-ins.mjs';

const signUp = { display_name: 'Ada Lovelace', workspace: 'Engines' };

test('a3 a4 a1 x16 sec_a40 somebody signs up, verifies the address by mail, and only then signs in, by address or name', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  const ada = console_.client();
  const [email, password] = ['ada@example.com', newPassword()];
  assert.equal((await ada.post('/api/v1/sign-up', { ...signUp, email, password })).status, 403, 'closed unless the policy opens it');
  await console_.policy({ 'signup.enabled': true });
  const made = await ada.post('/api/v1/sign-up', { ...signUp, email, password });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.cookies, undefined);
  assert.equal(ada.cookies.size, 0, 'signing up signs nobody in');

  const first = linkOf(await mail.next(email));
  assert.match(first.url.pathname, /^\/verify$/);
  const early = await ada.login(email, password);
  assert.deepEqual([early.status, early.code], [403, 'email_unverified'], early.text);
  assert.equal((await ada.login(email, `${password}x`)).code, 'wrong_credentials', 'a wrong password tells nothing of the address');

  assert.equal((await ada.post('/api/v1/email/resend', { email })).status, 202);
  const second = linkOf(await mail.next(email));
  assert.notEqual(second.key, first.key);
  assert.ok([400, 404, 410].includes((await ada.post('/api/v1/email/verify', { key: first.key })).status), 'a newer link voids the older');
  const verified = await ada.post('/api/v1/email/verify', { key: second.key });
  assert.ok(verified.status < 300, verified.text);
  const again = await ada.post('/api/v1/email/verify', { key: second.key });
  assert.deepEqual([again.status, again.code], [410, 'link_used'], again.text);

  const done = await ada.login(email, password);
  assert.equal(done.status, 200, done.text);
  assert.equal(done.json.role, 'owner');
  assert.equal(done.json.workspace.name, signUp.workspace);
  const byName = console_.client();
  assert.equal((await byName.login(done.json.user, password)).status, 200, 'the name is the same account');
  assert.equal((await byName.get('/api/v1/me')).json.id, done.json.id);
  assert.equal((await byName.get('/api/v1/vault')).status, 403, 'whoever signs up does not run the installation');
});

test('a1 sec_a20 sec_o07 whoever fails to sign in learns nothing: unknown, wrong, disabled and without password are the same', async (t) => {
  const console_ = await Console.start(t);
  const person = await console_.person({ email: 'known@example.com' });
  const disabled = await console_.person();
  await console_.owner.must('PATCH', `/api/v1/users/${disabled.id}`, { disabled: true });
  const without = await console_.person({ password: undefined });
  const tries = {
    unknown: ['nobody', 'nothing-at-all-7'], wrong: [person.name, 'nothing-at-all-7'], 'by address': ['known@example.com', 'nothing-at-all-7'],
    disabled: [disabled.name, disabled.password], 'no password': [without.name, 'nothing-at-all-7'], 'unknown address': ['who@example.com', 'nothing-at-all-7'],
  };
  const seen = new Set();
  for (const [what, [user, password]] of Object.entries(tries)) {
    const client = console_.client();
    const answer = await client.login(user, password);
    assert.equal(answer.status, 401, `${what}: ${answer.text}`);
    assert.equal(client.cookies.size, 0, what);
    const { instance, ...problem } = answer.json;
    seen.add(JSON.stringify(problem));
    assert.doesNotMatch(answer.text, /sql|src\/|panicked|ringfence \d/i);
  }
  assert.equal(seen.size, 1, [...seen].join('\n'));
});

test('c8 sec_a19 a forgotten password: the same answer for everybody, one link, once, ending all sessions, and the second factor stays', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  const { person, client } = await console_.signedIn({ email: 'bob@example.com', email_verified: undefined });
  await console_.policy({ 'mfa.methods': ['totp'] });
  const app = await Console.enrol(client);
  const stranger = console_.client();
  const known = await stranger.post('/api/v1/password/forgot', { email: 'bob@example.com' });
  const unknown = await stranger.post('/api/v1/password/forgot', { email: 'nobody@example.com' });
  assert.deepEqual([known.status, known.text], [202, unknown.text]);
  assert.equal(unknown.status, 202);
  const { key, url } = linkOf(await mail.next('bob@example.com'));
  assert.equal(url.pathname, '/reset');
  assert.equal(url.search, '', 'the key is in the fragment alone');
  assert.equal(mail.count('nobody@example.com'), 0);

  const fresh = newPassword();
  const short = await stranger.post('/api/v1/password/reset', { key, password: 'short' });
  assert.equal(short.status, 422, short.text);
  assert.equal((await stranger.post('/api/v1/password/reset', { key, password: fresh })).status, 204);
  assert.equal((await stranger.post('/api/v1/password/reset', { key, password: newPassword() })).status, 410);
  assert.equal((await client.get('/api/v1/me')).status, 401, 'the reset ended all sessions');
  assert.equal((await console_.client().login(person.name, person.password)).status, 401);
  const step = await stranger.login(person.name, fresh);
  assert.equal(step.json?.mfa_required, true, step.text);
  assert.equal((await stranger.get('/api/v1/me')).status, 401);
  const done = await stranger.post('/api/v1/login/factor', { attempt: step.json.attempt, method: 'totp', code: await app.next() });
  assert.equal(done.status, 200, done.text);
});

test('c7 c6 sec_a38 a password is changed with the old one only, and the other sessions end if wished', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const other = (await console_.signedIn(person)).client;
  const fresh = newPassword();
  const wrong = await client.post('/api/v1/me/password', { old: 'not-the-old-one-7', new: fresh, end_other_sessions: true });
  assert.equal(wrong.status, 403, wrong.text);
  assert.ok([400, 403, 422].includes((await client.post('/api/v1/me/password', { new: fresh, end_other_sessions: true })).status));
  assert.equal((await client.post('/api/v1/me/password', { old: person.password, new: fresh, end_other_sessions: true })).status, 204);
  assert.equal((await client.get('/api/v1/me')).status, 200, 'the one who changed it goes on');
  assert.equal((await other.get('/api/v1/me')).status, 401);
  assert.equal((await console_.client().login(person.name, person.password)).status, 401);
  assert.equal((await console_.client().login(person.name, fresh)).status, 200);
});

test('c7 guessing the old password is slowed down', async (t) => {
  const console_ = await Console.start(t);
  const { client } = await console_.signedIn();
  const seen = [];
  for (let i = 0; i < 12 && seen.at(-1) !== 429; i++) seen.push((await client.post('/api/v1/me/password', { old: `wrong-${i}-wrong`, new: newPassword(), end_other_sessions: false })).status);
  assert.equal(seen.at(-1), 429, seen.join(' '));
  assert.ok(seen.slice(0, -1).every((status) => status === 403), seen.join(' '));
});

test('a2 b36 x15 sec_a37 passwords of 8 to 128 characters are taken whole, common ones are not', async (t) => {
  const console_ = await Console.start(t);
  const rocket = String.fromCodePoint(0x1f680);
  const mixed = (length) => Array.from({ length }, (_, i) => 'aB3$xY7!qL'[(i * 7 + 3) % 10]).join('');
  const add = (password) => {
    const number = String(7000 + Math.floor(Math.random() * 2000));
    return console_.owner.post('/api/v1/users', { name: `u${number}-${Math.random().toString(36).slice(2, 8)}`, display_name: 'x', number: `${number}${Math.floor(Math.random() * 1000)}`, password });
  };
  for (const [password, status, code] of [
    [mixed(7), 422, 'password_too_short'], [mixed(129), 422, 'password_too_long'], ['password', 422, null], ['12345678', 422, null],
    [mixed(8), 201, null], [mixed(128), 201, null], [rocket.repeat(128), 201, null], [rocket.repeat(129), 422, 'password_too_long'],
  ]) {
    const answer = await add(password);
    assert.equal(answer.status, status, `${[...password].length} characters: ${answer.text}`);
    if (code) assert.equal(answer.code, code);
    if (status !== 201) continue;
    const tries = [[[...password].slice(0, -1).join(''), 401], [`${password}x`.slice(0, 200), 401], [password, 200]];
    for (const [tried, expected] of tries) {
      const login = await console_.client().login(answer.json.name, tried);
      assert.ok(login.status === expected || (expected === 401 && login.status === 422), `${[...tried].length} of ${[...password].length}: ${login.text}`);
    }
  }
  await console_.policy({ 'password.min_length': 20, 'password.composition': ['lower', 'upper', 'digit', 'sign'] });
  assert.equal((await add(mixed(19))).code, 'password_too_short');
  assert.equal((await add('abcdefghijklmnopqrstuvwxyz')).status, 422);
  assert.equal((await add(mixed(20))).status, 201, 'rules count for the next password, at once');
});

test('sec_a13 sec_a26 a9 signing in gives a new cookie, and a failed try leaves nothing behind', async (t) => {
  const console_ = await Console.start(t);
  const person = await console_.person();
  const client = console_.client();
  client.cookies.set('ringfence-dev', 'chosen-by-somebody-else');
  assert.equal((await client.login(person.name, 'wrong-wrong-wrong')).status, 401);
  assert.equal((await client.get('/api/v1/me')).status, 401);
  const done = await client.login(person.name, person.password);
  assert.equal(done.status, 200, done.text);
  const cookie = client.cookies.get('ringfence-dev');
  assert.notEqual(cookie, 'chosen-by-somebody-else');
  const line = done.headers['set-cookie'].find((one) => one.startsWith('ringfence-dev='));
  assert.match(line, /HttpOnly/);
  assert.match(line, /SameSite=(Strict|Lax)/);
  assert.match(line, /Path=\//);
  const again = await client.login(person.name, person.password);
  assert.equal(again.status, 200);
  assert.notEqual(client.cookies.get('ringfence-dev'), cookie);
  const old = client.thief();
  old.cookies.set('ringfence-dev', cookie);
  assert.equal((await old.get('/api/v1/me')).status, 401, 'the session that was signed in before is over');
});

test('sec_a21 five hundred wrong passwords do not lock the owner of a known browser out', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  await client.post('/api/v1/logout');
  const attackers = Array.from({ length: 25 }, () => console_.client());
  const statuses = {};
  await Promise.all(attackers.map(async (attacker) => {
    for (let i = 0; i < 20; i++) {
      const { status } = await attacker.login(person.name, `guess-${i}-guess`);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }));
  assert.ok(statuses[429] > 300, JSON.stringify(statuses));
  const began = Date.now();
  const home = client.thief({ address: undefined });
  const back = await home.login(person.name, person.password);
  assert.equal(back.status, 200, back.text);
  assert.ok(Date.now() - began < 1000);
});

test('b35 sec_o04 the login history has each sign-in, failure and sign-out with its address, also as CSV', async (t) => {
  const console_ = await Console.start(t);
  const person = await console_.person();
  const client = console_.client();
  await client.login(person.name, 'wrong-wrong-wrong');
  await client.login(person.name, person.password);
  const mine = await client.items('/api/v1/me/logins');
  await client.post('/api/v1/logout');
  assert.ok(mine.length >= 2);
  const rows = (await console_.owner.items('/api/v1/login-history')).filter((row) => row.ip === client.address);
  assert.equal(rows.length, 3, JSON.stringify(rows));
  for (const row of rows) {
    assert.match(row.at, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.equal(row.user_agent, client.userAgent);
  }
  const csv = await console_.owner.get('/api/v1/login-history.csv');
  assert.match(csv.headers['content-type'], /^text\/csv/);
  assert.equal(csv.text.split('\n').filter((line) => line.includes(client.address)).length, 3);
  assert.equal((await console_.client().get('/api/v1/login-history.csv')).status, 401);
});
