// Nothing secret rests in the data folder or in the log, and what the HTTP edge says. Issue 2, "Shown by" 3;
// requirements K16; SECURITY P-04, O-01, W-04, S-08.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { sleep } from '../browser/lib/process.mjs';
import { newServer, phone, test } from '../browser/lib/shared.mjs';
import { Client } from '../access/lib/client.mjs';
import { attack } from './helper.mjs';

/** Every file below a folder. */
const files = (folder) => fs.readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));

/** A secret as it may be written: plain, base64 in its three alignments, hex, UTF-16. */
function spellings(secret) {
  const bytes = Buffer.from(secret);
  const aligned = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift ? shift + 1 : 0, -4));
  return [secret, ...aligned, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), Buffer.from(secret, 'utf16le').toString('latin1')];
}

test('k16 the data folder holds no trunk password and no token, and the keys are readable by the owner alone', async (t) => {
  const password = `canary-${Math.random().toString(36).slice(2)}-trunk`;
  const server = await newServer(t, { trunk: { password, port: 1 } });
  const agent = await phone(t, 'jssip', server, 1001);
  await agent.talk('*43');
  await agent.hangup();
  await agent.ends();
  const key = new URL(server.info.page).hash.slice(3);
  const secrets = [password, key, ...server.agents.map(({ token }) => token), ...server.agents.map(({ token }) => token.split('.')[2])].filter(Boolean);
  await sleep(200);
  const found = files(server.data);
  assert.ok(found.length > 0, 'there is a data folder');
  for (const file of [...found, server.log]) {
    const text = fs.readFileSync(file).toString('latin1');
    for (const secret of secrets) for (const spelling of spellings(secret)) assert.ok(!text.includes(spelling), `${file} holds ${secret.slice(0, 10)}…`);
  }
  assert.equal(fs.statSync(server.data).mode & 0o077, 0, 'the folder is the owner\'s alone');
  for (const file of found) assert.equal(fs.statSync(file).mode & 0o077, 0, file);
});

test('k16 user passwords and added trunks rest only as hashes and ciphertext', async (t) => {
  const server = await newServer(t);
  const [user, trunk] = ['canary-user-password-7', 'canary-added-trunk-9'];
  const secretFile = path.join(path.dirname(server.log), 'secret');
  fs.writeFileSync(secretFile, user, { mode: 0o600 });
  const added = await server.command('user', 'add', 'canary', '--number', '1900', '--level', '1', '--password-file', secretFile);
  assert.equal(added.code, 0, added.stderr);
  fs.writeFileSync(secretFile, trunk, { mode: 0o600 });
  const second = await server.command('trunk', 'add', 'canary', 'sips:canary@localhost:1', '--password-file', secretFile);
  assert.equal(second.code, 0, second.stderr);
  for (const file of [...files(server.data), server.log]) {
    const text = fs.readFileSync(file).toString('latin1');
    for (const secret of [user, trunk]) for (const spelling of spellings(secret)) assert.ok(!text.includes(spelling), file);
  }
});

attack('sec_w04 every answer carries the security headers, errors too', async (t, ringfence) => {
  for (const place of ['/', '/healthz', '/readyz', '/api/v1/me', '/api/v1/nothing', '/nothing.js', '/ws', '/../../etc/passwd', '/%00']) {
    const response = await fetch(new URL(place, ringfence.origin), { redirect: 'manual' }).catch(() => null);
    if (!response) continue;
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff', place);
    assert.match(response.headers.get('content-security-policy') ?? '', /frame-ancestors/, place);
    assert.ok(response.status < 500, `${place}: ${response.status}`);
    assert.equal(response.headers.get('access-control-allow-origin'), null, place);
  }
});

attack('s08 control characters in API values are refused', async (t, ringfence) => {
  const post = (place, body) => new Client(ringfence.origin).post(place, body);
  for (const evil of ['a\r\nVia: x', 'a\nb', 'a\0b', '\u001b[31m', '\u202e']) {
    assert.ok([400, 401, 422].includes((await post('/api/v1/login', { user: evil, password: evil })).status));
    assert.ok([400, 401, 404, 410, 422].includes((await post('/api/v1/start', { key: evil })).status));
  }
});

attack('sec_a02 the API refuses what it should: no token, a bad one, a foreign origin, too much', async (t, ringfence) => {
  const me = (headers) => fetch(new URL('/api/v1/me', ringfence.origin), { headers }).then((response) => response.status);
  assert.equal(await me({}), 401);
  assert.equal(await me({ authorization: 'Bearer x.y.z' }), 401);
  assert.equal(await me({ authorization: `Bearer ${ringfence.account(1001).token}` }), 200);
  // Not the login: it would have counted as guessing by now.
  const authorization = `Bearer ${ringfence.account(1001).token}`;
  const change = ({ headers, body }) => new Client(ringfence.origin).request('PATCH', '/api/v1/me', { headers: { origin: null, authorization, ...headers }, body }).then(({ status }) => status, () => 413);
  const body = JSON.stringify({ display_name: 'x' });
  assert.ok([403].includes(await change({ headers: { 'content-type': 'application/json', origin: 'https://evil.example' }, body })));
  assert.ok([400, 403, 415].includes(await change({ headers: { 'content-type': 'text/plain' }, body })));
  assert.ok([400, 413, 422].includes(await change({ headers: { 'content-type': 'application/json', origin: ringfence.origin }, body: `{"display_name":"${'a'.repeat(2 << 20)}"}` })));
  assert.ok([400, 422].includes(await change({ headers: { 'content-type': 'application/json', origin: ringfence.origin }, body: `${'['.repeat(10000)}` })));
});
