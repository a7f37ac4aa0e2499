// Passkeys as second factors, by the pages and an authenticator of Chromium's: made, asked for first, copied, renamed, removed.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { Console } from './lib/console.mjs';
import { at, fill, openPage, picture, says, signIn } from './lib/page.mjs';
import { answer, urlSafe, withAuthenticator } from './lib/passkey.mjs';

const METHODS = { 'mfa.methods': ['passkey', 'totp', 'email'] };
const SECURITY = '/profile/security/two-factor-auth';
const clean = (page) => { assert.deepEqual(page.problems, []); assert.deepEqual(page.refused, []); };
const inside = (page) => page.locator('nav#pages a').first().waitFor();
const ways = async (console_, person) => (await console_.client().login(person.name, person.password)).json;

async function leave(page) {
  await at(page, 'profile-menu').click();
  await at(page, 'sign-out').click();
  await at(page, 'sign-in').waitFor();
}

/** Makes a passkey on the page of Two-Factor-Auth; gives the recovery codes it shows. */
async function add(page, name) {
  await at(page, 'new-passkey').click();
  await fill(page, { 'passkey-name': name });
  await at(page, 'passkey-form-submit').click();
  const codes = at(page, 'recovery-codes');
  await codes.or(at(page, 'new-passkey')).first().waitFor();
  if (await codes.count() === 0) return [];
  const shown = await at(page, 'recovery-code').allInnerTexts();
  await at(page, 'codes-kept').click();
  return shown;
}

test('x7 b2 b12 a passkey is made by the page, asked for first at the next sign-in, renamed and removed', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy(METHODS);
  const { person, client } = await console_.signedIn();
  const page = await openPage(t, client, SECURITY);
  const device = await withAuthenticator(page);
  // They signed in a while ago: whoever has the session only gets no further.
  await console_.age(600);
  await at(page, 'new-passkey').click();
  await fill(page, { 'passkey-name': 'Laptop' });
  await at(page, 'passkey-form-submit').click();
  for (const password of ['wrong-wrong-wrong', person.password]) {
    await at(page, 'passkey-password').waitFor();
    assert.equal((await device.credentials()).length, 0, 'nothing is made before the password is right');
    await fill(page, { 'passkey-password': password });
    await at(page, 'passkey-form-submit').click();
    if (password !== person.password) await page.getByRole('alert').filter({ hasText: /password is wrong/i }).first().waitFor();
  }
  await at(page, 'recovery-codes').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Cancel' }).count(), 0, 'the codes are kept first');
  const codes = await at(page, 'recovery-code').allInnerTexts();
  await at(page, 'codes-kept').click();
  assert.equal(codes.length, 10);
  await says(page, 'passkeys', /Laptop[\s\S]*Never/);
  await picture(page, 'passkeys');
  assert.equal((await client.get('/api/v1/me/second-factor')).json.passkeys, 1);
  const status = async () => (await console_.owner.items('/api/v1/second-factors')).find((row) => row.user.id === person.id);
  assert.equal((await status()).method, 'passkey');

  await leave(page);
  await signIn(page, person.name, person.password);
  await at(page, 'use-passkey').waitFor();
  assert.ok(await at(page, 'choice-passkey').isChecked(), 'the preferred one first');
  await picture(page, 'sign-in-passkey');
  await at(page, 'use-passkey').click();
  await inside(page);
  assert.ok((await status()).last_used_at);
  const history = await console_.owner.items('/api/v1/login-history');
  assert.ok(history.some((row) => row.event === 'login'), JSON.stringify(history[0]));

  await page.goto(new URL(SECURITY, console_.origin).href);
  await at(page, 'rename-passkey').click();
  await fill(page, { 'rename-passkey-name': 'Key in the drawer' });
  await at(page, 'rename-passkey-form-submit').click();
  await says(page, 'passkeys', /Key in the drawer/);
  await at(page, 'remove-passkey').click();
  await fill(page, { 'remove-passkey-password': person.password });
  await at(page, 'remove-passkey-form-submit').click();
  await says(page, 'passkeys', /no passkey yet/);
  assert.equal((await ways(console_, person)).mfa_required, undefined, 'nothing more is asked');
  const rows = (await console_.owner.audit()).filter((row) => row.target?.id === person.id).map((row) => row.action);
  for (const action of ['second_factor.enable', 'passkey.rename', 'second_factor.disable']) assert.ok(rows.includes(action), rows.join());
  clean(page);
});

test('x7 b10 where everybody must, a new person makes a passkey and is in; the last one stays', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy({ ...METHODS, 'mfa.required': 'all' });
  const person = await console_.person();
  const page = await openPage(t, null, '/', { at: console_.origin });
  await withAuthenticator(page);
  await signIn(page, person.name, person.password);
  await at(page, 'enrol').waitFor();
  await at(page, 'add-passkey').waitFor();
  await picture(page, 'enrol-passkey');
  assert.equal(await at(page, 'passkey-password').count(), 0, 'it was shown a moment ago');
  await fill(page, { 'passkey-name': 'Phone' });
  await at(page, 'passkey-form-submit').click();
  await at(page, 'codes-kept').click();
  await inside(page);
  await page.goto(new URL(SECURITY, console_.origin).href);
  await at(page, 'remove-passkey').waitFor();
  assert.ok(await at(page, 'remove-passkey').isDisabled());
  clean(page);
  const client = console_.client();
  client.cookies = new Map((await page.context().cookies()).map(({ name, value }) => [name, value]));
  const { items: [passkey] } = await client.must('GET', '/api/v1/me/second-factor/passkeys');
  const refused = await client.post(`/api/v1/me/second-factor/passkeys/${passkey.id}/remove`, { password: person.password });
  assert.deepEqual([refused.status, refused.code], [403, 'factor_required'], refused.text);
});

test('x7 sec_a14 another person’s sign-in, a used answer and a copy that signs from an older count are refused', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy(METHODS);
  const { person, client } = await console_.signedIn();
  const page = await openPage(t, client, SECURITY);
  const device = await withAuthenticator(page);
  await add(page, 'Laptop');
  const [copied] = await device.credentials();
  const credential = urlSafe(copied.credentialId);
  const other = await console_.signedIn();
  const second = await openPage(t, other.client, SECURITY);
  await withAuthenticator(second);
  await add(second, 'Theirs', other.person.password);

  const begin = async (who) => {
    const one = console_.client();
    const { attempt, methods } = (await one.login(who.name, who.password)).json;
    assert.equal(methods[0], 'passkey');
    return { one, attempt, asked: await one.must('POST', '/api/v1/login/passkey/ask', { attempt }) };
  };
  const show = ({ one, attempt }, passkey) => one.post('/api/v1/login/passkey', { attempt, passkey });
  const theirs = await begin(other.person);
  const wrong = await show(theirs, await answer(page, theirs.asked, credential));
  assert.deepEqual([wrong.status, wrong.code], [401, 'passkey_refused'], wrong.text);

  const mine = await begin(person);
  const signed = await answer(page, mine.asked, credential);
  assert.equal((await show(mine, signed)).status, 200);
  const again = await begin(person);
  assert.equal((await show(again, signed)).code, 'passkey_refused', 'the answer to another question');

  const thief = await openPage(t, null, '/', { at: console_.origin });
  await (await withAuthenticator(thief)).add({ ...copied, signCount: 0 });
  await signIn(thief, person.name, person.password);
  await at(thief, 'use-passkey').click();
  await says(thief, 'factor-problem', /not accepted/i);
  const rows = await console_.owner.audit();
  assert.ok(rows.some((row) => row.action === 'passkey.counter_back' && row.target?.id === person.id));
  const failed = (await console_.owner.items('/api/v1/login-history')).filter((row) => row.event === 'factor_failed' && row.method === 'passkey');
  assert.ok(failed.length >= 3, `${failed.length}`);
  const log = console_.server.readLog();
  assert.ok(!log.includes(mine.asked.challenge) && !log.includes(mine.attempt));
});

test('x7 who cancels is told so and may use another way; a browser without passkeys says so', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy(METHODS);
  const { person, client } = await console_.signedIn();
  const page = await openPage(t, client, SECURITY);
  await withAuthenticator(page);
  const codes = await add(page, 'Laptop');
  await leave(page);
  await page.evaluate(() => { navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError')); });
  await signIn(page, person.name, person.password);
  await at(page, 'use-passkey').click();
  await says(page, 'factor-problem', /cancelled/);
  await page.getByText('Recovery code', { exact: true }).first().click();
  await at(page, 'factor-code').fill(codes[0]);
  await at(page, 'factor-submit').click();
  await inside(page);

  const old = await openPage(t, null, null);
  await old.addInitScript(() => { delete window.PublicKeyCredential; });
  await old.goto(console_.origin);
  await signIn(old, person.name, person.password);
  await says(old, 'no-passkeys', /cannot use passkeys/);
  assert.equal(await at(old, 'use-passkey').count(), 0);
  clean(page);
});

test('x7 c20 an API token is made with the passkey shown again', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy(METHODS);
  const { person, client } = await console_.signedIn({ level: 9, role: 'admin' });
  const page = await openPage(t, client, SECURITY);
  await withAuthenticator(page);
  await add(page, 'Laptop');
  const bare = await client.post('/api/v1/me/api-keys', { name: 'bare', scopes: ['reports:read'], user: person.name, password: person.password });
  assert.equal(bare.status, 403, bare.text);
  await page.goto(new URL('/profile/security/api-token', console_.origin).href);
  await at(page, 'new-key').click();
  await at(page, 'choice-passkey').waitFor({ state: 'attached' });
  await fill(page, { 'key-name': 'Reports', 'key-user': person.name, 'key-password': person.password });
  await at(page, 'scope-reports:read').check();
  await at(page, 'key-form-submit').click();
  await at(page, 'made-key').waitFor();
  clean(page);
});
