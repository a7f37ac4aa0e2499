// A PBX that is wrong, absent or dies: what the caller is told, and that no byte goes to a stranger.
// Issue 2, "Shown by" 2 and "Bad input and faults"; SECURITY P-01; requirement K15.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { Console } from '../access/lib/console.mjs';
import { hears } from '../browser/lib/browser.mjs';
import { Pbx } from '../browser/lib/pbx.mjs';
import { newFolder, repository, run, until } from '../browser/lib/process.mjs';
import { newServer, phone, sharedPbx, test, trunkTo } from '../browser/lib/shared.mjs';

/** Calls and gives the end of the call, which must not be a success. */
async function refused(agent, number) {
  await agent.call(number);
  const end = await agent.ends(10000);
  assert.ok(!(await agent.events()).includes('confirmed'));
  return end;
}

/** `trunk list` once its words match. */
async function listSays(server, pattern) {
  let last;
  await until(() => `trunk list to say ${pattern}; it said ${JSON.stringify(last)}`, async () => {
    last = await server.command('trunk', 'list');
    return pattern.test(last.stdout + last.stderr);
  }, 8000, 300);
  return last.stdout + last.stderr;
}

test('wrong password: trunk list says why, the caller gets words, nothing echoes the password', async (t) => {
  const pbx = await sharedPbx();
  const wrong = `${pbx.secret}-wrong`;
  const ringfence = await newServer(t, { trunk: { ...trunkTo(pbx), password: wrong } });
  const words = await listSays(ringfence, /password|credential|refus|401|403|auth/i);
  assert.ok(!words.includes(wrong));
  const agent = await phone(t, 'jssip', ringfence, 1001);
  const end = await refused(agent, '600');
  assert.ok(end.code >= 403 && end.code < 600, JSON.stringify(end));
  assert.match(end.phrase, /\w+ \w+/, 'in words');
});

test('PBX down at the start: the server runs, callers get 503 in words, and it registers once the PBX is there', async (t) => {
  const pbx = await Pbx.prepare();
  t.after(() => pbx.remove());
  const ringfence = await newServer(t, { trunk: trunkTo(pbx) });
  const agent = await phone(t, 'jssip', ringfence, 1001, { tone: 700 });
  const end = await refused(agent, '600');
  assert.equal(end.code, 503);
  assert.match(end.phrase, /PBX|\w+ \w+/);
  await agent.talk('*43');
  await hears(agent.page, 700);
  await agent.hangup();
  await agent.ends();
  await pbx.start();
  await pbx.waitRegistered('ringfence', 45000); // a REGISTER that comes while Asterisk boots is dropped
  await agent.talk('600');
  await hears(agent.page, 700);
  await agent.hangup();
});

for (const library of ['jssip', 'sipjs']) {
  test(`PBX killed in mid-call: ${library}'s call ends, with a reason`, async (t) => {
    const pbx = await Pbx.prepare();
    t.after(() => pbx.remove());
    await pbx.start();
    const ringfence = await newServer(t, { trunk: trunkTo(pbx) });
    await pbx.waitRegistered();
    const agent = await phone(t, library, ringfence, 1001, { tone: 700 });
    await agent.talk('600');
    await hears(agent.page, 700);
    await pbx.kill();
    const end = await agent.ends(15000);
    assert.equal(end.by, 'remote');
    assert.match(end.reason ?? '', /text="[^"]+ [^"]+"/, 'in words');
    assert.equal((await refused(agent, '600')).code, 503);
  });
}

test('a PBX that is added to a running server is called without a restart, and one that is removed no more', async (t) => {
  const pbx = await Pbx.prepare();
  t.after(() => pbx.remove());
  await pbx.start();
  const console_ = await Console.start(t);
  const ringfence = console_.server;
  ringfence.canaries.push(pbx.secret);
  const agent = await phone(t, 'jssip', ringfence, 1001, { tone: 700 });
  assert.equal((await refused(agent, '600')).code, 404);

  const body = { name: 'desk', host: 'localhost', port: pbx.ports.tls, user: 'ringfence', password: pbx.secret, ca_pem: fs.readFileSync(pbx.ca, 'utf8'), register: true };
  const none = await console_.owner.post('/api/v1/trunks', { ...body, ca_pem: 'no certificate' });
  assert.equal(none.status, 422, none.text);
  const { id } = await console_.owner.must('POST', '/api/v1/trunks', body);
  await listSays(ringfence, /desk.*registered/);
  const leads = await console_.owner.must('POST', '/api/v1/dial-plan/test', { from: '1001', number: '600' });
  assert.deepEqual(leads, { route: 'trunk', words: 'the PBX desk, which is shown 1001' });
  await agent.talk('600');
  await hears(agent.page, 700);
  assert.equal((await console_.owner.delete(`/api/v1/trunks/${id}`)).status, 204);
  assert.equal((await agent.ends(15000)).by, 'remote');
  assert.equal((await refused(agent, '600')).code, 404);

  const secret = path.join(newFolder('secret'), 'password');
  fs.writeFileSync(secret, pbx.secret, { mode: 0o600 });
  const added = await ringfence.command('trunk', 'add', 'shell', `sips:ringfence@localhost:${pbx.ports.tls}`, '--password-file', secret, '--ca', pbx.ca);
  assert.equal(added.code, 0, added.stderr);
  await listSays(ringfence, /shell.*registered/);
  await agent.talk('600');
  await hears(agent.page, 700);
  await agent.hangup();
  await agent.ends();
});

/** A TLS listener that counts what arrives inside the encryption. */
async function sink(t, folder, name) {
  const counts = { connections: 0, bytes: 0, port: 0 };
  const server = tls.createServer({ key: fs.readFileSync(path.join(folder, `${name}.key`)), cert: fs.readFileSync(path.join(folder, `${name}.pem`)) }, (socket) => {
    socket.on('data', (data) => { counts.bytes += data.length; });
    socket.on('error', () => {});
  });
  server.on('connection', () => { counts.connections += 1; });
  server.on('tlsClientError', () => {});
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  counts.port = server.address().port;
  t.after(() => server.close());
  return counts;
}

test('p01 wrong certificate: no SIP byte leaves, and trunk list says why', async (t) => {
  const make = path.join(repository, 'certs/make.sh');
  const [ours, strange] = [newFolder('ca'), newFolder('other-ca')];
  await run(make, [ours, 'wrong-name=DNS:elsewhere.test', 'right=DNS:localhost,IP:127.0.0.1']);
  await run(make, [strange, 'wrong-ca=DNS:localhost,IP:127.0.0.1']);
  const ca = path.join(ours, 'ca.pem');

  const control = await sink(t, ours, 'right');
  const trusted = await newServer(t, { trunk: { password: 'canary-control', port: control.port, ca } });
  await until('the control to get bytes', () => control.bytes > 0, 8000);
  await trusted.stop();

  for (const [folder, name, pattern] of [[ours, 'wrong-name', /name|certificate/i], [strange, 'wrong-ca', /issuer|authority|trust|certificate/i]]) {
    const counts = await sink(t, folder, name);
    const ringfence = await newServer(t, { trunk: { password: `canary-${name}`, port: counts.port, ca } });
    await until(`${name} to be tried`, () => counts.connections > 0, 8000);
    await listSays(ringfence, pattern);
    const agent = await phone(t, 'jssip', ringfence, 1001);
    assert.equal((await refused(agent, '600')).code, 503);
    assert.equal(counts.bytes, 0, `bytes after the handshake with ${name}`);
  }
});
