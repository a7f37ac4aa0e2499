// Two hundred secrets go through the whole server, which logs all it can; none of them may rest or show anywhere.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { newFolder, until } from '../browser/lib/process.mjs';
import { test } from '../browser/lib/shared.mjs';
import { browserOffer, RawPhone, RawSocket } from '../browser/lib/sip.mjs';
import { Console } from './lib/console.mjs';
import { MailSink, linkOf } from './lib/stand-ins.mjs';
import { wrongCode } from './lib/totp.mjs';

const files = (folder) => fs.readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));

/** A secret as it may be written: plain, percent, base64 in its three alignments, hex, UTF-16. */
function spellings(secret) {
  const bytes = Buffer.from(secret);
  const aligned = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift ? shift + 1 : 0, -4));
  return [secret, encodeURIComponent(secret), ...aligned, ...aligned.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')), bytes.toString('hex'), Buffer.from(secret, 'utf16le').toString('latin1')];
}

test('a18 a19 a20 a24 b14 b16 c24 x9 sec_o01 sec_o02 sec_a09 sec_a31 sec_w17 two hundred secrets leave no trace: database, logs at trace, metrics, backup', async (t) => {
  const console_ = await Console.start(t, { args: ['--log', 'trace'], dirty: true });
  const { server, owner } = console_;
  const canaries = new Map();
  const plant = (kind, text = `Ca9-${randomBytes(12).toString('hex')}-q`) => { canaries.set(text, kind); return text; };
  for (const { token } of server.agents) plant('token', token.split('.')[2]);

  const mail = await MailSink.start(t);
  await console_.policy({ 'smtp.tls': 'opportunistic', 'smtp.required_for_secrets': false, 'signup.enabled': true, 'mfa.methods': ['totp', 'email'], 'api_keys.max_active': 100 });
  await owner.must('PUT', '/api/v1/settings/mail', { host: '127.0.0.1', port: mail.ports.plain, from: 'a@example.com', tls: 'opportunistic', user: 'mailer', password: plant('SMTP password') });
  await owner.put('/api/v1/settings/mail', { host: '127.0.0.1', port: mail.ports.plain, from: 'a@example.com', tls: 'opportunistic' });
  for (const kind of ['google', 'microsoft']) await owner.must('PUT', `/api/v1/settings/identity-providers/${kind}`, { client_id: 'id', client_secret: plant('OIDC secret'), enabled: true });
  for (let i = 0; i < 3; i++) {
    const secretFile = path.join(newFolder('secret'), 'password');
    fs.writeFileSync(secretFile, plant('trunk password'), { mode: 0o600 });
    assert.equal((await server.command('trunk', 'add', `canary${i}`, `sips:canary${i}@localhost:1`, '--password-file', secretFile)).code, 0);
  }
  await owner.post('/api/v1/trunks', { name: 'by-api', host: 'localhost', port: 1, user: 'x', password: plant('trunk password'), media: 'srtp', register: false });

  for (let i = 0; i < 20; i++) {
    const person = await console_.person({ password: plant('password'), email: `p${i}@example.com` });
    const client = console_.client();
    await client.login(person.name, plant('wrong password'));
    const { json } = await client.login(person.name, person.password);
    assert.ok(json?.id ?? json?.mfa_required, JSON.stringify(json));
    for (const value of client.cookies.values()) plant('cookie', value);
    if (json.mfa_required) continue;
    if (i < 6) {
      const app = await Console.enrol(client);
      plant('TOTP secret', app.secret);
      for (const code of app.recoveryCodes) plant('recovery code', code);
      const next = console_.client();
      const step = (await next.login(person.name, person.password)).json;
      plant('attempt', step.attempt);
      await next.post('/api/v1/login/factor', { attempt: step.attempt, method: 'totp', code: wrongCode(app.secret) });
      await next.post('/api/v1/login/factor', { attempt: step.attempt, method: 'recovery', code: plant('wrong recovery code') });
    } else if (i < 14) {
      const made = await client.post('/api/v1/me/api-keys', { name: `k${i}`, scopes: ['numbers:read'], user: person.name, password: person.password });
      assert.equal(made.status, 201, made.text);
      plant('API key', made.json.key.split('_').at(-1));
      const program = console_.client();
      program.token = made.json.key;
      assert.equal((await program.get('/api/v1/numbers')).status, 200);
    } else {
      const fresh = plant('changed password');
      assert.equal((await client.post('/api/v1/me/password', { old: person.password, new: fresh, end_other_sessions: true })).status, 204);
      await client.post('/api/v1/password/forgot', { email: `p${i}@example.com` });
    }
  }
  for (let i = 14; i < 20; i++) {
    const { key } = linkOf(await mail.next(`p${i}@example.com`, /#k=/));
    plant('reset key', key);
    await console_.client().post('/api/v1/password/reset', { key, password: plant('reset password') });
  }
  await console_.client().post('/api/v1/sign-up', { email: 'new@example.com', password: plant('sign-up password'), display_name: 'N', workspace: 'N' });
  plant('verification key', linkOf(await mail.next('new@example.com')).key);
  await owner.must('POST', '/api/v1/invites', { email: 'invited@example.com', role: 'member', number: '8801' });
  plant('invitation key', linkOf(await mail.next('invited@example.com')).key);

  const stranger = () => console_.client();
  for (let i = 0; i < 8; i++) {
    await stranger().get('/api/v1/me', { headers: { authorization: `Bearer ${plant('Authorization')}` } });
    await stranger().get('/api/v1/me', { headers: { authorization: `Basic ${Buffer.from(`u:${plant('Authorization, basic')}`).toString('base64')}` } });
    await stranger().get('/api/v1/me', { headers: { cookie: `ringfence-dev=${plant('cookie')}; other=${plant('other cookie')}` } });
    await stranger().get(`/api/v1/me?access_token=${plant('query')}&token=${plant('query')}`);
    await stranger().get(`/?password=${plant('query')}`);
    await stranger().post('/api/v1/login', { user: 'x', password: 'y', secret: plant('unknown member') });
    await stranger().post('/api/v1/login', `{"user":"x","password":"${plant('broken JSON')}`);
    await stranger().get('/api/v1/me', { headers: { 'x-api-key': plant('X-API-Key'), 'proxy-authorization': `Bearer ${plant('Proxy-Authorization')}` } });
    const early = await RawSocket.connect(server.url, { headers: { Authorization: `Bearer ${plant('Authorization, upgrade')}` } });
    early.end();
    const query = await RawSocket.connect(server.url, { path: `/ws?ticket=${plant('ticket')}` });
    query.end();
    const named = await RawSocket.connect(server.url, { headers: { 'Sec-WebSocket-Protocol': `sip, ${plant('subprotocol')}` } });
    named.end();
    const phone = await RawPhone.connect(server, 1001);
    await phone.register({ headers: { Authorization: `Bearer ${plant('SIP Authorization')}`, 'Proxy-Authorization': `Digest username="x", response="${plant('SIP Proxy-Authorization')}"`, 'X-Auth-Token': plant('SIP X-Auth') } }).catch(() => {});
    phone.end();
  }
  const phone = await RawPhone.connect(server, 1001);
  assert.equal((await phone.register()).status, 200);
  const key = Buffer.from(plant('a=crypto').slice(0, 30)).toString('base64');
  canaries.set(key, 'a=crypto, as sent');
  await phone.invite('*43', browserOffer({ extra: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}`] })).catch(() => {});
  await phone.ask('OPTIONS', 'sip:ringfence', { headers: { 'Proxy-Authorization': `Digest username="x", response="${plant('SIP Proxy-Authorization')}"` } });
  phone.end();

  const backup = path.join(newFolder('backup'), 'ringfence.backup');
  const made = await server.command('backup', backup);
  assert.equal(made.code, 0, made.stderr);
  const metrics = await fetch(server.info.metrics).then((response) => response.text());
  await until('the log to be written', () => server.readLog().length > 10_000, 2000);
  assert.match(server.readLog(), /"level":"(TRACE|DEBUG)"/, "the log is at trace");
  assert.ok(canaries.size >= 200, `${canaries.size} canaries`);
  const places = [...files(server.data), server.log, backup].map((file) => [file, fs.readFileSync(file).toString('latin1')]);
  places.push(['metrics', metrics], ['standard output of backup', made.stdout + made.stderr]);
  const found = [];
  for (const [place, text] of places) {
    for (const [secret, kind] of canaries) {
      const spelled = spellings(secret).findIndex((spelling) => spelling.length > 5 && text.includes(spelling));
      if (spelled < 0) continue;
      const at = text.indexOf(spellings(secret)[spelled]);
      found.push(`${kind} (spelling ${spelled}) in ${place}: …${JSON.stringify(text.slice(Math.max(0, at - 80), at + 12))}`);
    }
  }
  assert.equal(found.length, 0, `${found.length} found:\n${found.slice(0, 20).join('\n')}`);
  assert.match(places.map(([, text]) => text).join(''), /\$argon2id\$/, 'passwords are there as argon2id');
});
