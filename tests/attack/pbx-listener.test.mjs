// The SIP/TLS listener for PBXs, from a stranger on an allowed address. SECURITY S-01 to S-04, P-08; INTEROP C-60.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import tls from 'node:tls';
import { sleep, until } from '../browser/lib/process.mjs';
import { newServer, phone, test } from '../browser/lib/shared.mjs';
import { browserOffer } from '../browser/lib/sip.mjs';

const password = 'canary-listener-5150';
const md5 = (text) => createHash('md5').update(text).digest('hex');

/** A server with a trunk whose PBX is not there, so that its address is known and nobody is connected. */
const target = (t) => newServer(t, { trunk: { password, port: 1 } });

async function connect(t, server) {
  const one = { text: '', closed: false };
  one.socket = tls.connect({ host: '127.0.0.1', port: server.sipPort, servername: 'localhost', rejectUnauthorized: false });
  one.socket.on('data', (data) => { one.text += data; });
  one.socket.on('error', () => {});
  one.socket.on('close', () => { one.closed = true; });
  t.after(() => one.socket.destroy());
  await until('TLS with the listener', () => one.socket.getProtocol() || one.closed, 3000, 10);
  return one;
}

function request(method, number, { headers = {}, body = '', callId = randomBytes(8).toString('hex'), cseq = 1 } = {}) {
  const uri = `sip:${number}@localhost`;
  const all = {
    Via: `SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK${randomBytes(6).toString('hex')}`, 'Max-Forwards': 70, From: '<sip:6001@localhost>;tag=x1', To: `<${uri}>`,
    'Call-ID': callId, CSeq: `${cseq} ${method}`, Contact: '<sip:6001@127.0.0.1:5061;transport=tls>', ...(body ? { 'Content-Type': 'application/sdp' } : {}),
    'Content-Length': Buffer.byteLength(body), ...headers,
  };
  return { uri, callId, text: `${method} ${uri} SIP/2.0\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n${body}` };
}

/** Sends and gives the final answer. */
async function ask(link, method, number, options) {
  const { callId, text } = request(method, number, options);
  const from = link.text.length;
  link.socket.write(text);
  const answer = await until(`an answer to ${method}`, () => {
    const parts = link.text.slice(from).split(/(?=SIP\/2\.0 \d{3})/);
    return parts.find((part) => /^SIP\/2\.0 [2-6]/.test(part) && part.includes(callId)) || (link.closed && 'closed');
  }, 4000, 20);
  return { status: Number(/^SIP\/2\.0 (\d+)/.exec(answer)?.[1] ?? 0), text: answer };
}

const offer = browserOffer({ profile: 'RTP/SAVP', fingerprint: null, extra: ['a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'] });

test('s04 an INVITE without our account is challenged, whatever its From says, and rings nobody', async (t) => {
  const server = await target(t);
  const agent = await phone(t, 'jssip', server, 1001);
  const link = await connect(t, server);
  for (const from of ['<sip:6001@localhost>;tag=a', '<sip:ringfence@localhost>;tag=b', '<sip:1001@localhost>;tag=c']) {
    const { status, text } = await ask(link, 'INVITE', '1001', { body: offer, headers: { From: from, 'P-Asserted-Identity': '<sip:boss@localhost>' } });
    assert.ok([401, 403, 407].includes(status), `${status}`);
    if (status !== 403) assert.match(text, /Authenticate: *Digest/i);
  }
  await sleep(300);
  assert.ok(!(await agent.events()).includes('incoming'));
});

test('s02 wrong, broken, replayed and doubled answers to the challenge are refused', async (t) => {
  const server = await target(t);
  const link = await connect(t, server);
  const { text } = await ask(link, 'INVITE', '1001', { body: offer });
  const challenge = [...text.matchAll(/^(?:WWW|Proxy)-Authenticate: *(.*)$/gmi)].map(([, line]) => line).find((line) => /MD5/.test(line)) ?? '';
  const value = (name) => new RegExp(`${name}="?([^",]+)`).exec(challenge)?.[1];
  const name = /Proxy-Auth/i.test(text) ? 'Proxy-Authorization' : 'Authorization';
  const answer = (secret, nonce = value('nonce'), user = 'ringfence') => {
    const response = md5(`${md5(`${user}:${value('realm')}:${secret}`)}:${nonce}:00000001:abcd:auth:${md5('INVITE:sip:1001@localhost')}`);
    return `Digest username="${user}", realm="${value('realm')}", nonce="${nonce}", uri="sip:1001@localhost", algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd", response="${response}"`;
  };
  for (const bad of [answer('wrong'), answer(password, 'made-up-nonce'), answer(password, value('nonce'), 'other'), 'Digest', 'Digest username=', `Digest ${'x'.repeat(5000)}`, 'Basic cmluZ2ZlbmNlOng=', 'Bearer x', '']) {
    if (link.closed) break;
    const { status } = await ask(link, 'INVITE', '1001', { body: offer, headers: { [name]: bad } });
    assert.ok([0, 400, 401, 403, 407].includes(status), `${bad.slice(0, 40)}: ${status}`);
  }
});

test('s03 no other method does anything without authentication', async (t) => {
  const server = await target(t);
  for (const method of ['REGISTER', 'SUBSCRIBE', 'MESSAGE', 'NOTIFY', 'PUBLISH', 'REFER', 'INFO', 'UPDATE', 'BYE', 'CANCEL', 'PRACK', 'FOO']) {
    const link = await connect(t, server);
    const { status } = await ask(link, method, '1001');
    assert.ok(status === 0 || status >= 400, `${method}: ${status}`);
  }
});

test('interop_c60 HTTP, rubbish, false lengths and slow headers close only their own connection', async (t) => {
  const server = await target(t);
  const evil = ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', `${'A'.repeat(200000)}`, request('OPTIONS', '1', { headers: { 'Content-Length': '-1' } }).text, request('OPTIONS', '1', { headers: { 'Content-Length': '4294967328' } }).text, `OPTIONS sip:a SIP/2.0\r\n${'X: y\r\n'.repeat(20000)}\r\n`, '\0'.repeat(70000)];
  for (const text of evil) {
    const link = await connect(t, server);
    link.socket.write(text);
    await until(`the connection to close or answer after ${JSON.stringify(text.slice(0, 20))}`, () => link.closed || /^SIP\/2\.0 [45]/.test(link.text), 4000);
  }
  const slow = await connect(t, server);
  slow.socket.write('OPTIONS sip:a SIP/2.0\r\nVia: ');
  const fine = await connect(t, server);
  assert.equal((await ask(fine, 'OPTIONS', 'localhost')).status, 200);
  fine.socket.write('\r\n\r\n');
  await until('the pong', () => fine.text.endsWith('\r\n\r\n') || fine.text.endsWith('0\r\n\r\n\r\n'), 2000);
});
