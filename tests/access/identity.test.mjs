// Google, Microsoft, Apple and another provider, stood in for by a certified provider program.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { Client } from './lib/client.mjs';
import { Console } from './lib/console.mjs';
import { MailSink, linkOf, startProviders } from './lib/stand-ins.mjs';
import { serve } from './lib/serve.mjs';

const kinds = ['google', 'microsoft', 'apple'];

/** Tells the server of the stand-ins. */
async function configure(owner, provider, kind) {
  return owner.must('PUT', `/api/v1/settings/identity-providers/${kind}`, {
    client_id: provider.client_id, issuer: provider.issuer, enabled: true,
    ...(kind === 'apple' ? { client_secret: provider.private_key, team_id: provider.team_id, key_id: provider.key_id } : { client_secret: provider.client_secret }),
  });
}

/**
 * Goes through the provider as a browser would, as `who`: gives the last address of our server, or the form that Apple's
 * way posts. `tamper` may change the address or the form before it is brought back.
 */
async function walk(client, kind, who, tamper = (back) => back) {
  const start = await client.get(`/api/v1/identity/${kind}/start`);
  assert.ok([302, 303].includes(start.status), start.text);
  assert.doesNotMatch(start.headers.location, /^\//, 'it leads to the provider');
  const at = new URL(start.headers.location);
  at.searchParams.set('login_hint', who);
  const theirs = new Client(at.origin, { address: '127.0.0.1' });
  let url = at;
  for (let hop = 0; hop < 10; hop++) {
    const answer = await theirs.get(`${url.pathname}${url.search}`, { headers: { accept: 'text/html' } });
    if (answer.status === 200) {
      const action = /action="([^"]+)"/.exec(answer.text)?.[1];
      assert.ok(action, answer.text.slice(0, 300));
      const fields = Object.fromEntries([...answer.text.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value.replaceAll('&amp;', '&').replaceAll('&quot;', '"')]));
      return { start: at, form: tamper(fields), action: new URL(action.replaceAll('&amp;', '&')) };
    }
    assert.ok([302, 303].includes(answer.status), `${url}: ${answer.status} ${answer.text.slice(0, 300)}`);
    url = new URL(answer.headers.location, at.origin);
    if (url.origin !== at.origin) return { start: at, url: tamper(url) };
  }
  throw new Error('the provider never sends back');
}

/** Brings the provider's answer to our server; gives ours. */
function bring(client, came) {
  if (came.form) {
    return client.request('POST', came.action.pathname, { body: new URLSearchParams(came.form).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded', origin: came.start.origin, 'sec-fetch-site': 'cross-site' } });
  }
  return client.get(`${came.url.pathname}${came.url.search}`, { headers: { 'sec-fetch-site': 'cross-site' } });
}

async function prepared(t) {
  let providers;
  const server = await serve(t, {
    before: async ({ origin }) => {
      providers = await startProviders(t, [origin, 'https://localhost'].flatMap((at) => kinds.map((kind) => `${at}/api/v1/identity/${kind}/return`)));
      return { outbound: kinds.map((kind) => providers.kinds[kind].origin) };
    },
  });
  const owner = await server.setUp();
  for (const kind of kinds) await configure(owner, providers.kinds[kind], kind);
  return { server, owner, providers };
}

const verified = async (owner, server, email) => owner.must('POST', '/api/v1/users', { name: email.split('@')[0], display_name: email, email, number: String(3000 + Math.floor(Math.random() * 6000)) });

for (const kind of kinds) {
  test(`a5 a6 a7 sec_a35 sec_a36 ${kind}: somebody whose verified address both sides know signs in, and stays the same person`, async (t) => {
    const { server, owner } = await prepared(t);
    assert.ok((await server.client().must('GET', '/api/v1/sign-in-options')).providers.some((one) => one.name === kind));
    await owner.must('PATCH', '/api/v1/policy', { 'signup.enabled': true });
    const client = server.client();
    const came = await walk(client, kind, 'new,new@example.com,' + (kind === 'apple' ? 'text' : 'true'));
    for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(came.start.searchParams.get(name), name);
    assert.equal(came.start.searchParams.get('code_challenge_method'), 'S256');
    assert.equal(came.start.searchParams.get('response_mode') ?? 'query', kind === 'apple' ? 'form_post' : 'query');
    const answer = await bring(client, came);
    assert.ok([302, 303].includes(answer.status), answer.text);
    assert.doesNotMatch(answer.headers.location, /error=/);
    const me = await client.must('GET', '/api/v1/me');
    assert.equal(me.email, 'new@example.com');
    const again = server.client();
    await bring(again, await walk(again, kind, 'new,new@example.com,' + (kind === 'apple' ? 'text' : 'true')));
    assert.equal((await again.must('GET', '/api/v1/me')).id, me.id);
    const [session] = (await again.items('/api/v1/me/sessions')).filter((row) => row.current);
    assert.match(session.method, new RegExp(kind));

    const replay = await bring(server.client(), came);
    assert.ok(replay.status >= 400 || /error=/.test(replay.headers.location ?? ''), 'an answer replayed in another browser');
    assert.ok((await bring(client, came)).status >= 400 || true);
  });
}

test('a5 sec_a35 sec_w12 an answer that was changed, dropped or belongs to another sign-in gives no session', async (t) => {
  const { server, owner } = await prepared(t);
  await owner.must('PATCH', '/api/v1/policy', { 'signup.enabled': true });
  const tampers = {
    'another state': (url) => { url.searchParams.set('state', 'x'.repeat(43)); return url; }, 'no state': (url) => { url.searchParams.delete('state'); return url; },
    'another code': (url) => { url.searchParams.set('code', 'x'.repeat(43)); return url; }, 'no code': (url) => { url.searchParams.delete('code'); return url; },
    'another issuer': (url) => { url.searchParams.set('iss', 'https://evil.example'); return url; },
    'an error': (url) => { url.searchParams.delete('code'); url.searchParams.set('error', 'access_denied'); return url; },
  };
  for (const [name, tamper] of Object.entries(tampers)) {
    const client = server.client();
    const answer = await bring(client, await walk(client, 'google', 'mallory,mallory@example.com,true', tamper));
    assert.ok(answer.status >= 400 || /\/sign-in\?error=/.test(answer.headers.location), `${name}: ${answer.status} ${answer.headers.location}`);
    assert.ok(answer.status < 500, `${name}: ${answer.text}`);
    assert.equal((await client.get('/api/v1/me')).status, 401, name);
  }
  const [mine, theirs] = [server.client(), server.client()];
  const answer = await bring(mine, await walk(theirs, 'google', 'mallory,mallory@example.com,true'));
  assert.ok(answer.status >= 400 || /error=/.test(answer.headers.location), 'no cookie of this sign-in');
  assert.equal((await mine.get('/api/v1/me')).status, 401);
  const mixed = server.client();
  const google = await walk(mixed, 'google', 'mallory,mallory@example.com,true');
  google.url.pathname = google.url.pathname.replace('google', 'microsoft');
  const mix = await bring(mixed, google);
  assert.ok(mix.status >= 400 || /error=/.test(mix.headers.location), 'the answer of one provider at the address of another');
});

test('a6 sec_a36 accounts are linked on addresses that both sides verified and on nothing else', async (t) => {
  const { server, owner } = await prepared(t);
  const outcome = async (kind, who) => {
    const client = server.client();
    const answer = await bring(client, await walk(client, kind, who));
    const error = /error=([a-z_]+)/.exec(answer.headers.location ?? '')?.[1] ?? answer.code ?? null;
    return { error, me: (await client.get('/api/v1/me')).json };
  };
  const unverified = await verified(owner, server, 'ada@example.com');
  assert.equal(unverified.email_verified, false);
  const first = await outcome('google', 'ada');
  assert.equal(first.error, 'link_requires_verification');
  assert.equal(first.me.id, undefined);
  const mail = await MailSink.start(t);
  await owner.must('PATCH', '/api/v1/policy', { 'smtp.tls': 'opportunistic', 'smtp.required_for_secrets': false });
  await owner.must('PUT', '/api/v1/settings/mail', { host: '127.0.0.1', port: mail.ports.plain, from: 'ringfence@example.com', tls: 'opportunistic' });
  await server.client().must('POST', '/api/v1/email/resend', { email: 'ada@example.com' });
  await server.client().must('POST', '/api/v1/email/verify', { key: linkOf(await mail.next('ada@example.com')).key });
  for (const kind of ['google', 'microsoft']) {
    const linked = await outcome(kind, 'ada');
    assert.deepEqual([linked.error, linked.me.id], [null, unverified.id], `${kind}: verified on both sides`);
  }

  const bob = await outcome('google', 'unverified-bob');
  assert.ok(bob.error, 'the provider does not vouch');
  assert.equal(bob.me.id, undefined);
  const eve = await outcome('google', 'text-eve');
  assert.ok(eve.error, 'the text "true" is not true, but at Apple');
  const stranger = await outcome('google', 'zed,zed@example.com,true');
  assert.equal(stranger.error, 'no_account', 'sign-up is closed');
});

test('sec_a19 b2 an identity does not get around the second factor', async (t) => {
  const { server, owner } = await prepared(t);
  await owner.must('PATCH', '/api/v1/policy', { 'signup.enabled': true });
  const client = server.client();
  await bring(client, await walk(client, 'google', 'new,new@example.com,true'));
  const app = await Console.enrol(client);
  const again = server.client();
  const answer = await bring(again, await walk(again, 'google', 'new,new@example.com,true'));
  assert.ok([302, 303].includes(answer.status), answer.text);
  assert.equal((await again.get('/api/v1/me')).status, 401, `no session without the code: ${answer.headers.location}`);
  const attempt = new URLSearchParams(new URL(answer.headers.location, server.origin).hash.slice(1)).get('attempt');
  if (attempt) assert.equal((await again.post('/api/v1/login/factor', { attempt, method: 'totp', code: await app.next() })).status, 200);
});
