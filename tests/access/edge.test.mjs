// The server as it is run for real: TLS alone, a listener that redirects, the one link that sets it up.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { test } from '../browser/lib/shared.mjs';
import { RawSocket } from '../browser/lib/sip.mjs';
import { newPassword } from './lib/console.mjs';
import { serve } from './lib/serve.mjs';
import { MailSink, linkOf } from './lib/stand-ins.mjs';

const required = {
  'strict-transport-security': /max-age=(3153600\d|[4-9]\d{7}|\d{9,})/, 'x-content-type-options': /^nosniff$/, 'referrer-policy': /^no-referrer$/,
  'content-security-policy': /frame-ancestors 'none'/, 'cross-origin-opener-policy': /^same-origin$/, 'cross-origin-resource-policy': /^same-origin$/,
  'origin-agent-cluster': /^\?1$/, 'x-frame-options': /^DENY$|^SAMEORIGIN$/, 'x-permitted-cross-domain-policies': /^none$/, 'x-dns-prefetch-control': /^off$/,
  'x-download-options': /^noopen$/, 'x-xss-protection': /^0$/,
};

function secured(answer, what) {
  for (const [name, value] of Object.entries(required)) assert.match(answer.headers[name] ?? '', value, `${what}: ${name}`);
  const policy = answer.headers['content-security-policy'];
  assert.doesNotMatch(/script-src[^;]*|default-src[^;]*/.exec(policy)[0], /unsafe-inline|unsafe-eval|\*/, what);
  assert.match(policy, /object-src 'none'|default-src 'none'/, what);
  assert.match(policy, /base-uri 'none'/, what);
  assert.doesNotMatch(answer.headers.server ?? '', /\d/, what);
  assert.equal(answer.headers['x-powered-by'], undefined, what);
}

test('a21 sec_w04 sec_o07 every route of the description answers with the security headers, whatever it answers', async (t) => {
  const server = await serve(t);
  const client = await server.setUp();
  const { paths } = (await client.get('/api/openapi.json')).json;
  const ways = [
    ['GET', '/'], ['GET', '/sign-in'], ['GET', '/docs'], ['GET', '/docs/'], ['GET', '/nothing.js'], ['GET', '/api/v1/nothing'], ['POST', '/'], ['GET', '/healthz'], ['GET', '/readyz'], ['GET', '/ws'],
    ['TRACE', '/api/v1/me'], ['OPTIONS', '/api/v1/me'], ['GET', '/%00'], ['GET', '/..%2f..%2fetc%2fpasswd'], ['GET', '/metrics'],
  ];
  for (const [path, methods] of Object.entries(paths)) for (const method of Object.keys(methods)) if (/^(get|post|put|patch|delete)$/.test(method)) ways.push([method.toUpperCase(), path.replace(/\{[^}]*\}/g, 'x')]);
  assert.ok(ways.length > 100, `${ways.length}`);
  for (const [method, path] of ways) {
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? '{"' : undefined;
    const answer = await server.client().request(method, path, { body });
    secured(answer, `${method} ${path}`);
    assert.ok(answer.status < 500, `${method} ${path}: ${answer.text}`);
    if (path.startsWith('/api/v1')) assert.match(answer.headers['cache-control'] ?? '', /no-store/, path);
    assert.doesNotMatch(answer.text.startsWith('{') ? answer.text : '', /\.rs:|sqlx|SELECT |panicked|\/work\//, path);
  }
  const refused = await RawSocket.connect(`wss://localhost:${server.port}/ws`, { headers: { Origin: 'https://evil.example' } });
  assert.equal(refused.status, 403);
  secured({ headers: refused.head }, 'a refused socket');
});

test('a9 sec_a40 c1 sec_a13 the first administrator comes by the one link, once, and gets a __Host- cookie', async (t) => {
  const server = await serve(t);
  for (const [user, password] of [['admin', 'admin'], ['root', 'root'], ['admin', 'password'], ['ringfence', 'ringfence'], ['1009', '1009'], ['admin', '']]) {
    const answer = await server.client().login(user, password);
    assert.ok([400, 401, 422].includes(answer.status), answer.text);
  }
  const { key } = server;
  const client = server.client();
  const answer = await client.post('/api/v1/set-up', { key, ...server.first });
  assert.ok([200, 201].includes(answer.status), answer.text);
  assert.deepEqual([answer.json.role, answer.json.level], ['owner', 9]);
  const cookie = answer.headers['set-cookie'].find((line) => line.startsWith('__Host-ringfence='));
  for (const part of [/; ?Secure/, /; ?HttpOnly/, /; ?SameSite=(Strict|Lax)/, /; ?Path=\/(;|$)/]) assert.match(cookie, part);
  assert.doesNotMatch(cookie, /Domain=/i);
  const again = await server.client().post('/api/v1/set-up', { key, ...server.first, name: 'second' });
  assert.ok([404, 409, 410].includes(again.status), again.text);
  const guess = await server.client().post('/api/v1/set-up', { key: 'x'.repeat(key.length), ...server.first, name: 'third' });
  assert.ok(guess.status >= 400 && guess.status < 500, guess.text);
});

test('a17 b17 x13 sec_w06 over HTTP a read is sent to HTTPS, anything else and any credential is refused and audited', async (t) => {
  const server = await serve(t);
  const client = await server.setUp();
  const plain = server.client({ origin: `http://localhost:${server.redirectPort}` });
  for (const [method, path] of [['GET', '/'], ['GET', '/a/b?x=y'], ['HEAD', '/sign-in'], ['GET', '/api/v1/sign-in-options']]) {
    const answer = await plain.request(method, path);
    assert.equal(answer.status, 308, `${method} ${path}: ${answer.text}`);
    const to = new URL(answer.headers.location);
    assert.equal(to.protocol, 'https:');
    assert.equal(to.hostname, 'localhost');
    assert.equal(`${to.pathname}${to.search}`, path);
  }
  const elsewhere = await plain.get('/', { headers: { host: 'evil.example' } });
  assert.doesNotMatch(elsewhere.headers.location ?? '', /evil/, 'it does not redirect to where the request says');
  const asks = [
    ['POST', '/api/v1/login', { body: { user: 'a', password: 'secret-in-clear' } }], ['PUT', '/x', { body: {} }], ['DELETE', '/api/v1/me'],
    ['GET', '/api/v1/me', { headers: { authorization: 'Bearer abc' } }], ['GET', '/', { headers: { cookie: `__Host-ringfence=${client.cookies.get('__Host-ringfence')}` } }],
  ];
  for (const [method, path, options] of asks) {
    const answer = await plain.request(method, path, options);
    assert.deepEqual([answer.status, answer.code], [403, 'tls_required'], `${method} ${path}: ${answer.text}`);
    assert.equal(answer.headers.location, undefined);
  }
  const rows = JSON.parse((await server.command('audit', 'show', '--action', 'tls_required', '--json')).stdout);
  assert.ok((rows.items ?? rows).length > 0, JSON.stringify(rows));
  const socket = await RawSocket.connect(`ws://localhost:${server.redirectPort}/ws`);
  assert.notEqual(socket.status, 101);
});

test('a17 sec_w05 nothing below TLS 1.2 is spoken', async (t) => {
  const server = await serve(t);
  const shake = (options) => new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', rejectUnauthorized: false, ...options }, () => { resolve(socket.getProtocol()); socket.destroy(); });
    socket.on('error', (error) => resolve(error.code ?? error.message));
  });
  assert.equal(await shake({}), 'TLSv1.3');
  assert.equal(await shake({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
  for (const version of ['TLSv1', 'TLSv1.1']) assert.doesNotMatch(String(await shake({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })), /^TLSv/, version);
  for (const ciphers of ['RC4-SHA', 'DES-CBC3-SHA', 'AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA']) {
    let outcome;
    try { outcome = await shake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }); } catch (error) { outcome = error.code; }
    assert.doesNotMatch(String(outcome), /^TLSv/, ciphers);
  }
});

test('a37 sec_w02 sec_w01 sec_w03 only listed origins are answered across origins, by request and by socket', async (t) => {
  const server = await serve(t, { origins: ['https://softphone.test'] });
  const client = await server.setUp();
  const good = await client.get('/api/v1/me', { headers: { origin: 'https://softphone.test' } });
  assert.deepEqual([good.headers['access-control-allow-origin'], good.headers['access-control-allow-credentials']], ['https://softphone.test', 'true']);
  assert.match(good.headers.vary ?? '', /origin/i);
  const bad = ['https://evil-softphone.test', 'https://softphone.test.evil.example', 'https://a.softphone.test', 'http://softphone.test', 'https://softphone.test:8443', 'null', 'https://softphone.test/', 'HTTPS://SOFTPHONE.TEST.', 'https://softphone.tes', 'https://xsoftphone.test', 'https://softphone.test@evil.example', '*'];
  for (const origin of bad) {
    const answer = await client.get('/api/v1/me', { headers: { origin } });
    assert.equal(answer.headers['access-control-allow-origin'], undefined, origin);
    const change = await client.patch('/api/v1/me', { display_name: 'By another site' }, { headers: { origin } });
    assert.equal(change.status, 403, origin);
    const socket = await RawSocket.connect(`wss://localhost:${server.port}/ws`, { headers: { Origin: origin } });
    assert.equal(socket.status, 403, origin);
    socket.end();
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const answer = await client.post('/api/v1/logout', '{}', { headers: { origin: 'https://evil.example', 'content-type': type, 'sec-fetch-site': 'cross-site' } });
    assert.ok([403, 415].includes(answer.status), `${type}: ${answer.status}`);
  }
  assert.equal((await client.get('/api/v1/me')).status, 200, 'still signed in');
});

test('b19 x12 mail goes over STARTTLS where the receiver can, and required refuses one that cannot', async (t) => {
  const server = await serve(t);
  const client = await server.setUp();
  const sink = await MailSink.start(t, server.pair);
  const settings = (more) => ({ host: 'localhost', user: 'mailer', password: 'pass word', from: 'ringfence@example.com', tls: 'opportunistic', ca_pem: fs.readFileSync(server.pair.ca, 'utf8'), ...more });
  await client.must('PUT', '/api/v1/settings/mail', settings({ port: sink.ports.starttls }));
  const shown = await client.must('GET', '/api/v1/settings/mail');
  assert.equal(shown.has_password, true);
  assert.ok(!JSON.stringify(shown).includes('pass word'));
  await client.must('PATCH', '/api/v1/policy', { 'signup.enabled': true });
  const person = { email: 'ada@example.com', password: newPassword(), display_name: 'Ada', workspace: 'W' };
  assert.equal((await server.client().post('/api/v1/sign-up', person)).status, 201);
  const mail = await sink.next('ada@example.com');
  assert.deepEqual([mail.server, mail.tls, mail.user], ['starttls', true, 'mailer']);
  assert.equal(linkOf(mail).url.origin, server.origin);
  await client.must('PUT', '/api/v1/settings/mail', settings({ port: sink.ports.implicit, tls: 'implicit' })).catch((error) => { if (!/42\d/.test(error.message)) throw error; });
  await client.must('PUT', '/api/v1/settings/mail', settings({ port: sink.ports.plain, user: undefined, password: undefined }));
  await client.must('PATCH', '/api/v1/policy', { 'smtp.tls': 'required' });
  await server.client().post('/api/v1/sign-up', { ...person, email: 'eve@example.com' });
  const later = await client.post('/api/v1/settings/mail/test');
  assert.ok(later.status < 500 || later.status === 502, later.text);
  assert.equal(sink.count('eve@example.com'), 0, 'no link in clear');
});

test('sec_w14 sec_w16 smuggled requests and bombs of JSON are refused and the connection goes', async (t) => {
  const server = await serve(t);
  const raw = (text) => new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => socket.write(text));
    let got = '';
    socket.on('data', (part) => { got += part; });
    socket.on('close', () => resolve(got));
    socket.on('error', () => resolve(got));
    setTimeout(() => { socket.destroy(); resolve(got); }, 3000).unref();
  });
  const head = 'POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  for (const [name, text] of Object.entries({
    'both lengths': `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
    'two lengths': `${head}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}`, 'odd coding': `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 'folded': `${head} folded: x\r\nContent-Length: 2\r\n\r\n{}`,
    'negative': `${head}Content-Length: -1\r\n\r\n`, 'bare LF chunk': `${head}Transfer-Encoding: chunked\r\n\r\n1\n{\n0\n\n`,
  })) {
    const answers = (await raw(text)).match(/HTTP\/1\.1 \d+/g) ?? [];
    assert.ok(answers.length <= 1, `${name}: ${answers}`);
    for (const answer of answers) assert.match(answer, / 4\d\d/, `${name}: ${answer}`);
  }
  for (const [name, body] of Object.entries({
    deep: '['.repeat(100_000), 'deep in a field': `{"user":${'{"a":'.repeat(5000)}`, long: `{"user":"${'a'.repeat(1 << 20)}","password":"x"}`, numbers: `{"user":1e${'9'.repeat(500)}}`,
    doubled: '{"user":"a","user":"b","password":"c"}', unknown: '{"user":"a","password":"c","admin":true}', 'not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), array: '[]', empty: '', text: '"x"',
  })) {
    const answer = await server.client().request('POST', '/api/v1/login', { body });
    assert.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.status} ${answer.text.slice(0, 100)}`);
    assert.notEqual(answer.status, 401, name);
  }
});

test('sec_c01 a secret that anybody can read, or that is too weak, stops the start with 78', async (t) => {
  const { tryServe } = await import('./lib/serve.mjs');
  for (const wrong of ['readable key', 'weak root key', 'zero root key']) {
    const { code, output } = await tryServe(t, wrong);
    assert.equal(code, 78, `${wrong}: ${code} ${output}`);
  }
});

test('a connection that says nothing does not keep others out', async (t) => {
  const server = await serve(t);
  const silent = Array.from({ length: 50 }, () => net.connect(server.port, '127.0.0.1').on('error', () => {}));
  t.after(() => silent.forEach((socket) => socket.destroy()));
  assert.equal((await server.client().get('/healthz')).status, 200);
});

test('sec_w15 HTTP/2 is not spoken, so that its floods have nothing to flood', async (t) => {
  const server = await serve(t);
  const spoken = (protocols) => new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: protocols }, () => { resolve(socket.alpnProtocol); socket.destroy(); });
    socket.on('error', (error) => resolve(error.code ?? error.message));
  });
  assert.equal(await spoken(['h2', 'http/1.1']), 'http/1.1');
  assert.notEqual(await spoken(['h2']), 'h2');
  const preface = await new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'));
    let got = '';
    socket.on('data', (part) => { got += part.toString('latin1'); });
    socket.on('close', () => resolve(got));
    socket.on('error', () => resolve(got));
  });
  assert.doesNotMatch(preface, /^\0\0/, 'no frames come back');
});

test('sec_o03 nothing that is sent makes a line of the log, or moves the cursor of who reads it', async (t) => {
  const server = await serve(t, { log: 'trace', extra: '[log]\nformat = "json"\n', dirty: true });
  const client = await server.setUp();
  const evil = ['a\r\n{"level":"ERROR","forged":true}', 'b\n2026-01-01T00:00:00Z ERROR forged', '\u001b[2J\u001b[31mforged', '\u2028forged', '\u0085forged', '"},"forged":"', '\u202eforged', '\u0007forged'];
  for (const text of evil) {
    await server.client().login(text, text);
    await server.client().get(`/api/v1/users/${encodeURIComponent(text)}`);
    await server.client().get(`/${encodeURIComponent(text)}?x=${encodeURIComponent(text)}`);
    await client.patch('/api/v1/me', { display_name: text });
    await client.post('/api/v1/users', { name: text, display_name: text, email: text, number: text });
    await client.put('/api/v1/settings/mail', { host: text, port: 25, from: text, tls: 'opportunistic' });
    await server.client().get('/', { headers: { 'user-agent': Buffer.from(text.replace(/[\r\n]/g, '\t')).toString('latin1').replace(/[^\t\x20-\x7e\x80-\xff]/g, '\t') } });
  }
  const raw = tls.connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', rejectUnauthorized: false }, () => raw.write('GET /\x1b[31m HTTP/1.1\r\nHost: local\x1bhost\r\nUser-Agent: \x1b[2Jforged\r\n\r\n'));
  raw.on('error', () => {});
  await new Promise((resolve) => { raw.on('close', resolve); setTimeout(resolve, 1000); });
  raw.destroy();
  const lines = server.readLog().split('\n').filter(Boolean);
  assert.ok(lines.length > 20, `${lines.length} lines`);
  for (const line of lines) {
    let row;
    try { row = JSON.parse(line); } catch { assert.fail(`not one record: ${JSON.stringify(line.slice(0, 200))}`); }
    assert.equal(row.forged, undefined, line);
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f\u0085\u2028\u202e]/, line.slice(0, 200));
  }
});
