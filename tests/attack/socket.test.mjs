// The WebSocket from outside: upgrades, frames, tokens. SECURITY A-01, W-01, W-18, D-08, S-01; INTEROP C-46, C-47.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { frame, RawPhone, RawSocket } from '../browser/lib/sip.mjs';
import { until } from '../browser/lib/process.mjs';
import { attack, refusedWith } from './helper.mjs';

const connect = async (t, ringfence, options) => {
  const socket = await RawSocket.connect(ringfence.url, options);
  t.after(() => socket.end());
  return socket;
};
const join = async (t, ringfence, number = 1001, options = {}) => {
  const phone = await RawPhone.connect(ringfence, number, options);
  t.after(() => phone.end());
  return phone;
};
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Variations of a good token that must all be refused. */
function forgeries(token) {
  const [head, body, signature] = token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const signed = (h, c, key = 'wrong key') => {
    const text = `${base64url(h)}.${base64url(c)}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const unsigned = (alg) => `${base64url({ ...header, alg })}.${body}.`;
  return {
    'alg none': unsigned('none'), 'alg None': unsigned('None'), 'alg NONE': unsigned('NONE'), 'alg nOnE': unsigned('nOnE'),
    'alg none, signed': `${base64url({ ...header, alg: 'none' })}.${body}.${signature}`,
    'alg HS512': `${base64url({ ...header, alg: 'HS512' })}.${body}.${signature}`,
    'wrong key': signed(header, claims), 'empty key': signed(header, claims, ''),
    'level raised': `${head}.${base64url({ ...claims, level: 9, lvl: 9 })}.${signature}`,
    'expiry raised': `${head}.${base64url({ ...claims, exp: claims.exp + 3600 })}.${signature}`,
    'signature cut': `${head}.${body}.${signature.slice(0, -2)}`, 'signature missing': `${head}.${body}`, 'signature empty': `${head}.${body}.`,
    garbage: 'x.y.z', 'two dots': '..', 'very long': 'A'.repeat(20000),
  };
}

attack('an ordinary upgrade is answered with the subprotocol and without compression', async (t, ringfence) => {
  const socket = await connect(t, ringfence, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
  assert.ok(socket.accepted);
  assert.equal(socket.head['sec-websocket-protocol'], 'sip');
  assert.equal(socket.head['sec-websocket-extensions'], undefined);
});

attack('interop_c47 an upgrade without the subprotocol is refused in words', async (t, ringfence) => {
  for (const value of [null, 'mqtt', 'sipp']) {
    const socket = await connect(t, ringfence, { headers: { 'Sec-WebSocket-Protocol': value } });
    refusedWith(socket, 400);
    await until('the reason', () => /sip/.test(socket.body), 1000);
  }
});

attack('sec_w01 an upgrade from a foreign origin is refused', async (t, ringfence) => {
  const { host, port } = new URL(ringfence.origin);
  const foreign = ['https://evil.example', 'null', `http://${host}.evil.example`, `https://${host}`, `http://evil.example:${port}`, `http://${host}@evil.example`, `${ringfence.origin}/`, `http://localhost:${Number(port) + 1}`, ''];
  for (const origin of foreign) refusedWith(await connect(t, ringfence, { headers: { Origin: origin } }), 403);
});

attack('a malformed upgrade is refused', async (t, ringfence) => {
  for (const headers of [{ 'Sec-WebSocket-Version': '8' }, { 'Sec-WebSocket-Key': null }, { Upgrade: null }, { Connection: 'close' }]) {
    const socket = await connect(t, ringfence, { headers });
    assert.ok(socket.status >= 400 && socket.status < 500, `${JSON.stringify(headers)}: ${socket.status}`);
  }
});

attack('k13 a token presented at the upgrade is checked before 101', async (t, ringfence) => {
  const { token } = ringfence.account(1001);
  const good = await connect(t, ringfence, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(good.status, 101);
  for (const [name, bad] of Object.entries(forgeries(token))) {
    const socket = await connect(t, ringfence, { headers: { Authorization: `Bearer ${bad}` } });
    assert.ok([400, 401, 403, 431].includes(socket.status) || (name === 'very long' && socket.closed), `${name}: ${socket.status}`);
  }
});

attack('k13 a token of too low a level is refused before 101', async (t, ringfence) => {
  const mint = async (level) => (await ringfence.command('token', 'mint', '--user', '1001', '--level', level)).stdout.trim();
  const [none, agent] = [await mint('0'), await mint('1')];
  assert.match(none, /^\S+\.\S+\.\S+$/);
  refusedWith(await connect(t, ringfence, { headers: { Authorization: `Bearer ${none}` } }), 403);
  refusedWith(await connect(t, ringfence, { headers: { Authorization: `Bearer ${agent}` } }), 101);
});

attack('sec_w17 a token in the address does not open the socket as anybody', async (t, ringfence) => {
  const { token } = ringfence.account(1001);
  const { pathname } = new URL(ringfence.url);
  const phone = new RawPhone();
  phone.account = ringfence.account(1001);
  phone.host = 'x.invalid';
  phone.socket = await connect(t, ringfence, { path: `${pathname}?token=${token}` });
  if (phone.socket.status !== 101) return;
  const answer = await phone.register({ headers: { Authorization: null } }).catch(() => ({ status: 0 }));
  assert.notEqual(answer.status, 200);
});

attack('sec_a01 a forged token on the first REGISTER is refused and binds nothing', async (t, ringfence) => {
  for (const [name, bad] of Object.entries(forgeries(ringfence.account(1001).token))) {
    const phone = await join(t, ringfence);
    const answer = await phone.register({ headers: { Authorization: `Bearer ${bad}` } }).catch((error) => ({ status: 0, error }));
    assert.ok([0, 400, 401, 403].includes(answer.status), `${name}: ${answer.status}`);
    if (answer.status === 0) assert.ok(phone.socket.closed, `${name}: neither answered nor closed`);
  }
});

attack('a socket that does not register within 5 s is closed', async (t, ringfence) => {
  const silent = await connect(t, ringfence);
  assert.equal(silent.status, 101);
  const chatty = await connect(t, ringfence);
  const began = Date.now();
  const pings = setInterval(() => chatty.send('\r\n\r\n'), 400);
  t.after(() => clearInterval(pings));
  await Promise.all([silent.closes(9000), chatty.closes(9000)]);
  const took = Date.now() - began;
  assert.ok(took > 3500 && took < 8000, `${took} ms`);
});

attack('sec_a25 nothing but REGISTER is served before authentication', async (t, ringfence) => {
  const phone = await join(t, ringfence);
  for (const method of ['INVITE', 'MESSAGE', 'SUBSCRIBE', 'BYE', 'REFER', 'UPDATE', 'INFO']) {
    if (phone.socket.closed) break;
    const answer = await phone.ask(method, 'sip:*43@ringfence', { headers: { Authorization: null } }).catch(() => ({ status: 0 }));
    assert.ok(answer.status === 0 || answer.status >= 400, `${method}: ${answer.status}`);
  }
});

attack('s05 a socket is bound to its identity: another agent\'s name is refused or replaced', async (t, ringfence) => {
  const phone = await join(t, ringfence);
  assert.equal((await phone.register()).status, 200);
  const spoof = await phone.register({ headers: { From: '<sip:1002@ringfence>;tag=a', To: '<sip:1002@ringfence>', Authorization: null } });
  assert.ok(spoof.status >= 400, `${spoof.status}`);
  const swapped = await phone.register({ headers: { Authorization: `Bearer ${ringfence.account(1002).token}`, From: '<sip:1002@ringfence>;tag=a', To: '<sip:1002@ringfence>' } }).catch(() => ({ status: 0 }));
  assert.ok(swapped.status === 0 || swapped.status >= 400, `${swapped.status}`);
});

attack('interop_c06 the 200 to REGISTER has our contact with its expires parameter', async (t, ringfence) => {
  const phone = await join(t, ringfence);
  const { text } = await phone.register();
  const contact = /^Contact: *(.*)$/mi.exec(text)?.[1];
  assert.match(contact, new RegExp(`sip:${phone.account.user}@${phone.host}`));
  assert.match(contact, /;expires=\d+/);
});

for (const [name, wreck, codes] of [
  ['unmasked', (s) => s.send('OPTIONS sip:a SIP/2.0\r\n\r\n', { masked: false }), [1002]],
  ['with a reserved bit (compressed)', (s) => s.send('x', { rsv: 4 }), [1002]],
  ['of an unknown opcode', (s) => s.send('x', { opcode: 3 }), [1002]],
  ['of 63-bit length', (s) => s.send('x', { length: 2 ** 53 }), [1002, 1009]],
  ['of 1 MiB', (s) => s.send('A'.repeat(1 << 20)), [1009]],
  ['a fragment without a beginning', (s) => s.send('x', { opcode: 0 }), [1002]],
  ['a ping of 126 bytes', (s) => s.send('x'.repeat(126), { opcode: 9 }), [1002]],
  ['a ping in fragments', (s) => s.send('x', { opcode: 9, fin: false }), [1002]],
  ['text that is not UTF-8', (s) => s.send(Buffer.from([0xff, 0xfe, 0x80])), [1007, 1002]],
  ['fragments without an end', (s) => { s.send('A'.repeat(1000), { fin: false }); for (let i = 0; i < 300; i++) s.send('A'.repeat(1000), { opcode: 0, fin: false }); }, [1009, 1008]],
]) {
  attack(`d08 a frame ${name} closes the socket with ${codes.join(' or ')}`, async (t, ringfence) => {
    const phone = await join(t, ringfence);
    assert.equal((await phone.register()).status, 200);
    wreck(phone.socket);
    const { code } = await phone.socket.closes(6000);
    assert.ok([...codes, 1006].includes(code), `closed with ${code}`);
    if (code === 1006) t.diagnostic('closed without a close frame');
  });
}

attack('interop_c46 a message in fragments, in a binary frame, and without Content-Length is understood', async (t, ringfence) => {
  const phone = await join(t, ringfence);
  assert.equal((await phone.register()).status, 200);
  for (const send of [
    (text) => { phone.socket.send(text.slice(0, 40), { fin: false }); phone.socket.send(text.slice(40), { opcode: 0 }); },
    (text) => phone.socket.send(text, { opcode: 2 }),
  ]) {
    const { callId, text } = phone.request('OPTIONS', 'sip:ringfence');
    send(text);
    assert.equal((await phone.answerTo(callId)).status, 200);
  }
  assert.equal((await phone.ask('OPTIONS', 'sip:ringfence', { headers: { 'Content-Length': null } })).status, 200);
});

attack('s01 text that is not SIP is answered 400 or closes the socket, and 64 KiB Call-IDs are refused', async (t, ringfence) => {
  const junk = ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'hello', '\0'.repeat(100), 'INVITE', `${'A'.repeat(60000)}`, 'SIP/2.0 200 OK\r\n\r\n', 'INVITE sip:x SIP/2.0\r\n\r\n', `INVITE sip:x SIP/2.0\r\n${'X: y\r\n'.repeat(9000)}\r\n`, 'OPTIONS sip:a SIP/2.0\r\nCSeq: 99999999999999999999 OPTIONS\r\n\r\n'];
  for (const text of junk) {
    const phone = await join(t, ringfence);
    assert.equal((await phone.register()).status, 200);
    const before = phone.socket.messages.length;
    phone.socket.send(text);
    const probe = await phone.ask('OPTIONS', 'sip:ringfence').catch(() => null);
    for (const answer of phone.socket.messages.slice(before)) assert.match(answer, /^SIP\/2\.0 (4|5|200 OK)/);
    assert.ok(probe?.status === 200 || phone.socket.closed, `after ${JSON.stringify(text.slice(0, 30))}`);
  }
  const phone = await join(t, ringfence);
  assert.equal((await phone.register()).status, 200);
  const long = await phone.ask('INVITE', 'sip:*43@ringfence', { callId: 'c'.repeat(65000) }).catch(() => ({ status: 0 }));
  assert.ok(long.status === 0 || long.status >= 400, `${long.status}`);
});

attack('d03 a reader that stops reading harms nobody else', async (t, ringfence) => {
  const phone = await join(t, ringfence);
  assert.equal((await phone.register()).status, 200);
  phone.socket.socket.pause();
  const { text } = phone.request('OPTIONS', 'sip:ringfence');
  for (let i = 0; i < 500 && !phone.socket.socket.destroyed; i++) phone.socket.socket.write(frame(text.replace(/branch=\S+/, `branch=z9hG4bK${i}`)));
});
