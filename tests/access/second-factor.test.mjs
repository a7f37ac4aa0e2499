// The second factor by the API: demanded, shown, guessed, lost, exempted. The pages of it are in security-pages.test.mjs.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { RawPhone, RawSocket } from '../browser/lib/sip.mjs';
import { ownAddress } from './lib/client.mjs';
import { Console } from './lib/console.mjs';
import { Authenticator, codeOf, wrongCode } from './lib/totp.mjs';
import { codeIn } from './lib/stand-ins.mjs';

const factor = (client, attempt, method, code) => client.post('/api/v1/login/factor', { attempt, method, code });

test('b2 b3 b6 sec_a16 sec_a13 the code is asked after the password, before it there is no session, and it works once', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const app = await Console.enrol(client);
  assert.equal(app.recoveryCodes.length, 10);
  const next = console_.client();
  const step = await next.login(person.name, person.password);
  assert.equal(step.status, 200, step.text);
  assert.equal(step.json.mfa_required, true);
  assert.ok(step.json.methods.includes('totp'), step.text);
  assert.equal(step.json.email_sent, false);
  for (const path of ['/api/v1/me', '/api/v1/me/sessions', '/api/v1/phone', '/api/v1/me/second-factor']) assert.equal((await next.get(path)).status, 401, path);
  assert.equal((await next.post('/api/v1/token')).status, 401);

  assert.equal((await factor(next, step.json.attempt, 'totp', wrongCode(app.secret))).status, 401);
  const used = codeOf(app.secret, 0, app.last * 30000);
  const replay = await factor(next, step.json.attempt, 'totp', used);
  assert.deepEqual([replay.status, replay.code], [401, 'code_used'], replay.text);
  const code = await app.next();
  assert.equal((await factor(next, step.json.attempt, 'totp', code)).status, 200);
  const third = console_.client();
  const again = await third.login(person.name, person.password);
  assert.equal((await factor(third, again.json.attempt, 'totp', code)).code, 'code_used');
  assert.equal((await factor(console_.client(), step.json.attempt, 'totp', await app.next())).status, 401, 'an attempt is over when it is done');
});

test('sec_a14 one code, fifty sign-ins at once: one of them gets in', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const app = await Console.enrol(client);
  const clients = [];
  for (let i = 0; i < 10; i++) {
    const one = console_.client();
    const step = await one.login(person.name, person.password);
    if (step.json?.attempt) clients.push([one, step.json.attempt]);
  }
  assert.ok(clients.length >= 4, `${clients.length} attempts`);
  const code = await app.next();
  const many = Array.from({ length: 50 }, (_, i) => clients[i % clients.length]);
  const answers = await Promise.all(many.map(([one, attempt]) => factor(one, attempt, 'totp', code)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1, answers.map(({ status }) => status).join(' '));
  for (const { status, text } of answers) assert.ok([200, 401, 429].includes(status), text);
});

test('b6 sec_a15 five wrong codes lock the factor, and the right one is refused too', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const app = await Console.enrol(client);
  const next = console_.client();
  let { attempt } = (await next.login(person.name, person.password)).json;
  const seen = [];
  for (let i = 0; i < 8; i++) {
    const answer = await factor(next, attempt, 'totp', wrongCode(app.secret));
    seen.push(`${answer.status} ${answer.code}`);
    if (answer.code === 'attempt_over') ({ attempt } = (await next.stranger().login(person.name, person.password)).json ?? {});
    if (/lock|rate/.test(answer.code)) break;
  }
  assert.match(seen.at(-1), /lock|rate/, seen.join(', '));
  const other = console_.client();
  const fresh = (await other.login(person.name, person.password)).json;
  const right = await factor(other, fresh.attempt, 'totp', await app.next());
  assert.ok([401, 403, 423, 429].includes(right.status), right.text);
});

test('b7 b8 b9 sec_a17 without an app the code comes by mail by itself, a newer one voids it, and it is of its sign-in alone', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  await console_.policy({ 'mfa.methods': ['totp', 'email'], 'mfa.required': 'all' });
  const person = await console_.person({ email: 'carol@example.com' });
  assert.equal((await console_.client().login(person.name, person.password)).json.enrolling, true, 'an address nobody verified is no second factor');
  await console_.verifyEmail(person);
  const client = console_.client();
  const step = await client.login(person.name, person.password);
  assert.equal(step.json.mfa_required, true, step.text);
  assert.deepEqual([step.json.methods.includes('email'), step.json.methods.includes('totp'), step.json.email_sent], [true, false, true], step.text);
  const first = codeIn(await mail.next('carol@example.com'));
  assert.ok(!step.text.includes(first));
  assert.equal((await client.post('/api/v1/login/email-code', { attempt: step.json.attempt })).status, 202);
  const second = codeIn(await mail.next('carol@example.com'));
  if (first !== second) assert.equal((await factor(client, step.json.attempt, 'email', first)).status, 401);
  const stranger = console_.client();
  const theirs = (await stranger.login(person.name, person.password)).json;
  const third = codeIn(await mail.next('carol@example.com'));
  if (third !== second) assert.equal((await factor(stranger, theirs.attempt, 'email', second)).status, 401, 'the code of another sign-in');
  assert.equal((await factor(stranger, theirs.attempt, 'email', third)).status, 200);
  assert.equal((await factor(console_.client(), theirs.attempt, 'email', third)).status, 401, 'twice');
  const log = console_.server.readLog();
  for (const code of [first, second, third]) assert.doesNotMatch(log, new RegExp(`\\b${code}\\b`));
});

test('b9 x7 with an app, a code by mail is offered only where the policy lists it', async (t) => {
  const console_ = await Console.start(t);
  await console_.withMail();
  await console_.policy({ 'mfa.methods': ['totp'] });
  const { person, client } = await console_.signedIn({ email: 'dora@example.com' });
  await Console.enrol(client);
  const next = console_.client();
  const step = (await next.login(person.name, person.password)).json;
  assert.ok(!step.methods.includes('email'), JSON.stringify(step));
  const refused = await next.post('/api/v1/login/email-code', { attempt: step.attempt });
  assert.ok(refused.status >= 400 && refused.status < 500, refused.text);
});

test('c12 a recovery code gets in once, and codes are given anew with the password', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const app = await Console.enrol(client);
  const enter = async (code) => {
    const next = console_.client();
    const { attempt } = (await next.login(person.name, person.password)).json;
    return factor(next, attempt, 'recovery', code);
  };
  assert.equal((await enter(app.recoveryCodes[3])).status, 200);
  assert.equal((await enter(app.recoveryCodes[3])).status, 401, 'twice');
  assert.equal((await client.get('/api/v1/me/second-factor')).json.recovery_codes_left, 9);
  assert.ok([401, 403].includes((await client.post('/api/v1/me/second-factor/recovery-codes', { password: 'wrong-wrong-wrong' })).status));
  const renewed = await client.must('POST', '/api/v1/me/second-factor/recovery-codes', { password: person.password });
  assert.equal(renewed.recovery_codes.length, 10);
  assert.equal((await enter(app.recoveryCodes[4])).status, 401, 'the old ones are void');
  assert.equal((await enter(renewed.recovery_codes[0])).status, 200);
});

test('b10 sec_a18 sec_a19 where everybody must, a new person reaches nothing but the set-up, by socket neither', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy({ 'mfa.required': 'all', 'mfa.methods': ['totp'] });
  const person = await console_.person();
  const client = console_.client();
  const first = await client.login(person.name, person.password);
  assert.equal(first.status, 200, first.text);
  assert.equal(first.json.enrolling, true, first.text);
  const description = (await client.get('/api/openapi.json')).json;
  let refused = 0;
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const method of Object.keys(methods)) {
      if (!/^(get|post|put|patch|delete)$/.test(method)) continue;
      const open = /second-factor(\/totp(\/confirm)?|\/passkeys(\/begin)?)?$/.test(path) && path.startsWith('/api/v1/me/');
      if (open || /logout|\/me$|login|sign-|start|set-up|email\/|password\/|identity|invites\/(look|accept)|public|openapi/.test(path)) continue;
      const answer = await client.request(method.toUpperCase(), path.replace(/\{[^}]*\}/g, '00000000-0000-4000-8000-000000000000'), method === 'get' ? {} : { body: {} });
      if (answer.status === 429) continue;
      assert.deepEqual([answer.status, answer.code], [403, 'mfa_enrolment_required'], `${method} ${path}: ${answer.text}`);
      refused += 1;
    }
  }
  assert.ok(refused > 40, `${refused} routes refused`);
  const socket = await RawSocket.connect(console_.server.url, { headers: { Cookie: client.cookieHeader } });
  t.after(() => socket.end());
  if (socket.status === 101) {
    const phone = new RawPhone();
    Object.assign(phone, { socket, host: 'x.invalid', account: { user: person.number, token: 'none' } });
    const answer = await phone.register({ headers: { Authorization: null } }).catch(() => ({ status: 0 }));
    assert.ok(answer.status === 0 || answer.status >= 400, `${answer.status}`);
  } else assert.ok([401, 403].includes(socket.status), `${socket.status}`);

  const cookie = client.cookieHeader;
  // So many refusals have used up what one address may ask.
  client.address = ownAddress();
  await Console.enrol(client);
  const me = await client.get('/api/v1/me');
  assert.deepEqual([me.status, me.json?.enrolling], [200, false], me.text);
  assert.equal((await client.get('/api/v1/me/sessions')).status, 200);
  if (client.cookieHeader !== cookie) {
    const old = console_.client();
    old.cookies = new Map(cookie.split('; ').map((pair) => pair.split('=')));
    assert.notEqual((await old.get('/api/v1/me/sessions')).status, 200);
  }
});

test('b11 b12 an administrator resets a factor: the old code is dead, and the person is told', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  await console_.policy({ 'mfa.methods': ['totp'], 'mfa.required': 'all' });
  const { person, client } = await console_.signedIn({ email: 'erin@example.com' });
  const app = await Console.enrol(client);
  const status = async () => (await console_.owner.items('/api/v1/second-factors')).find((row) => row.user.id === person.id);
  assert.equal((await status()).method, 'totp');
  const reset = await console_.owner.post(`/api/v1/users/${person.id}/second-factor/reset`);
  assert.ok(reset.status < 300, reset.text);
  await mail.next('erin@example.com');
  assert.notEqual((await status()).method, 'totp');
  const next = console_.client();
  const step = await next.login(person.name, person.password);
  assert.equal(step.json.enrolling, true, step.text);
  const begun = await next.must('POST', '/api/v1/me/second-factor/totp');
  assert.notEqual(begun.secret, app.secret);
  assert.equal((await next.post('/api/v1/me/second-factor/totp/confirm', { code: await app.next() })).status >= 400, true, 'a code of the old app');
  const rows = await console_.owner.audit();
  assert.ok(rows.some((row) => row.target?.id === person.id && /factor/.test(row.action)), JSON.stringify(rows.slice(0, 3)));
});

test('b13 an exemption lets a person in without, for a time and with a reason', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy({ 'mfa.required': 'all', 'mfa.methods': ['totp'] });
  const person = await console_.person();
  const path = `/api/v1/users/${person.id}/second-factor/exemption`;
  const until = new Date(Date.now() + 3600_000).toISOString();
  assert.ok([400, 422].includes((await console_.owner.put(path, { until })).status), 'a reason is needed');
  assert.ok([400, 422].includes((await console_.owner.put(path, { until: '2001-01-01T00:00:00Z', reason: 'late' })).status), 'the past');
  await console_.owner.must('PUT', path, { until, reason: 'lost phone' });
  const exempt = await console_.client().login(person.name, person.password);
  assert.equal(exempt.json.enrolling, false, exempt.text);
  const row = (await console_.owner.items('/api/v1/second-factors')).find((one) => one.user.id === person.id);
  assert.equal(row.exempt_reason, 'lost phone');
  await console_.owner.must('DELETE', path);
  assert.equal((await console_.client().login(person.name, person.password)).json.enrolling, true);
});

test('b4 b5 c13 enrolment gives a standard address, a picture and the secret; a wrong code enables nothing', async (t) => {
  const console_ = await Console.start(t);
  const { client } = await console_.signedIn();
  const begun = await client.must('POST', '/api/v1/me/second-factor/totp');
  const url = new URL(begun.otpauth);
  assert.equal(`${url.protocol}//${url.host}`, 'otpauth://totp');
  assert.equal(url.searchParams.get('secret'), begun.secret.replace(/\s/g, ''));
  for (const [name, value] of [['algorithm', 'SHA1'], ['digits', '6'], ['period', '30']]) assert.ok([value, null].includes(url.searchParams.get(name)), name);
  assert.ok(url.searchParams.get('issuer'));
  assert.match(begun.qr_svg, /^<\?xml|^<svg/);
  const wrong = await client.post('/api/v1/me/second-factor/totp/confirm', { code: wrongCode(begun.secret) });
  assert.ok([400, 401, 403, 422].includes(wrong.status), wrong.text);
  const state = (await client.get('/api/v1/me/second-factor')).json;
  assert.deepEqual([state.totp, state.totp_pending], [false, true]);
  const app = new Authenticator(begun.secret);
  const done = await client.must('POST', '/api/v1/me/second-factor/totp/confirm', { code: await app.next() });
  assert.equal(done.recovery_codes.length, 10);
  const seen = await client.get('/api/v1/me/second-factor');
  assert.ok(!seen.text.includes(begun.secret) && !done.recovery_codes.some((code) => seen.text.includes(code)), 'shown once');
});
