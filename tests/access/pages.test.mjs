// The pages in a real browser: signing in, the second factor with its picture, Security, the sidebar of every level.
import assert from 'node:assert/strict';
import { until } from '../browser/lib/process.mjs';
import { readQr } from '../browser/lib/qr.mjs';
import { test } from '../browser/lib/shared.mjs';
import { Console, newPassword } from './lib/console.mjs';
import { at, fill, openPage, picture, says, signIn } from './lib/page.mjs';
import { serve } from './lib/serve.mjs';
import { linkOf } from './lib/stand-ins.mjs';
import { Authenticator, wrongCode } from './lib/totp.mjs';

const agent = ['Dashboard', 'Agent Workspace', 'Callbacks'];
const supervisor = [...agent, 'Monitoring', 'Recordings', 'Reports', 'Wallboard'];
const manager = [...supervisor, 'Campaigns', 'Lists', 'Contacts', 'Inbound', 'Operations'];
const matrix = { 1: agent, 2: agent, 3: agent, 4: agent, 5: supervisor, 6: supervisor, 7: manager, 8: manager, 9: [...manager, 'Settings'] };

const sidebar = async (page) => {
  await page.locator('nav#pages a').first().waitFor();
  return (await page.locator('nav#pages a').allInnerTexts()).map((text) => text.trim());
};
const clean = (page) => { assert.deepEqual(page.problems, []); assert.deepEqual(page.refused, []); };

test('b29 b25 b26 b27 b28 the sidebar of each level from 1 to 9 is exactly the table, nothing hidden, and the server agrees', async (t) => {
  const console_ = await Console.start(t);
  for (const [level, wanted] of Object.entries(matrix)) {
    const { client } = await console_.signedIn({ level: Number(level), role: 'member' });
    const page = await openPage(t, client);
    assert.deepEqual(await sidebar(page), wanted, `level ${level}`);
    const { items } = await client.must('GET', '/api/v1/me/pages');
    assert.deepEqual(items.map(({ title }) => title), wanted);
    const hrefs = await page.locator('nav#pages a').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    const html = await page.locator('nav#pages').innerHTML();
    for (const title of matrix[9]) if (!wanted.includes(title)) assert.doesNotMatch(html, new RegExp(`>\\s*${title}`), `level ${level} has ${title} hidden`);
    const names = (await console_.owner.must('GET', '/api/v1/me/pages')).items.map(({ name }) => name);
    for (const name of names) {
      const asker = client.thief({ address: undefined });
      assert.equal((await asker.get(`/api/v1/pages/${name}`)).status, hrefs.includes(`/${name}`) ? 200 : 403, `level ${level} ${name}`);
    }
    const notTheirs = names.find((name) => !hrefs.includes(`/${name}`));
    if (notTheirs) {
      await page.goto(new URL(`/${notTheirs}`, console_.origin).href);
      await says(page, 'not-here', /not one of yours/);
    }
    clean(page);
    await page.context().close();
  }
});

test('sec_a27 a page whose person gets another number becomes the phone of that number by itself', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({});
  const page = await openPage(t, client);
  const light = (number) => until(`the light to be ready for ${number}`, async () => {
    const shown = at(page, 'registered-light');
    return await shown.getAttribute('data-state') === 'ready' && (await shown.innerText()).includes(number);
  }, 15000);
  await light(person.number);
  const number = `9${person.number}`;
  await console_.owner.must('PATCH', `/api/v1/users/${person.id}`, { number });
  await light(number);
  const rings = await console_.owner.must('POST', '/api/v1/dial-plan/test', { number });
  assert.deepEqual(rings, { route: 'agent', words: 'an agent; phones connected: 1' });
  clean(page);
});

test('a1 c1 sec_w09 signing in by the page, wrong first, then each Security page from the profile menu; names run no script', async (t) => {
  const console_ = await Console.start(t);
  const person = await console_.person({ display_name: '<img src=x onerror="window.pwned=1"><script>1</script>' });
  const page = await openPage(t, null, '/', { at: console_.origin });
  await signIn(page, person.name, 'wrong-wrong-wrong');
  await says(page, 'sign-in-problem', /not right/);
  await signIn(page, person.name, person.password);
  await at(page, 'profile-menu').click();
  await at(page, 'security').click();
  for (const [path, title] of [['password', 'Password'], ['login', 'Login'], ['two-factor-auth', 'Two-Factor-Auth'], ['protection', 'Protection'], ['api-token', 'API token']]) {
    await page.getByRole('navigation', { name: 'Security' }).getByRole('link', { name: title, exact: true }).click();
    await until(`${path} in the address`, () => new URL(page.url()).pathname === `/profile/security/${path}`);
    await page.getByRole('heading', { name: title, exact: true }).waitFor();
    await picture(page, `security-${path}`);
  }
  const admin = await openPage(t, console_.owner, '/settings/users');
  await admin.getByText(person.name).first().waitFor();
  for (const one of [page, admin]) {
    assert.equal(await one.evaluate(() => window.pwned), undefined);
    clean(one);
  }
});

test('b4 b5 c9 c10 c11 c12 c13 b2 two-factor by the page: the switch, the picture scanned, a wrong code, codes kept, asked at the next sign-in', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const page = await openPage(t, client, '/profile/security/two-factor-auth');
  await at(page, 'enable-2fa').waitFor();
  assert.equal(await at(page, 'enable-2fa').isChecked(), false);
  await at(page, 'enable-2fa').click();
  await at(page, 'choice-totp').waitFor({ state: 'attached' });
  assert.equal(await at(page, 'totp-qr').count(), 0, 'no picture before the method is chosen');
  assert.equal((await client.get('/api/v1/me/second-factor')).json.totp_pending, false, 'and no secret made');
  await page.getByText('Authenticator App', { exact: true }).click();
  await at(page, 'totp-qr').waitFor();
  await picture(page, 'two-factor-qr');
  const url = new URL(await readQr(at(page, 'totp-qr')));
  assert.equal(`${url.protocol}//${url.host}`, 'otpauth://totp');
  const secret = url.searchParams.get('secret');
  assert.equal((await at(page, 'totp-secret').innerText()).replace(/\s/g, ''), secret, 'the text is what the picture says');
  const app = new Authenticator(secret);
  await at(page, 'totp-code').fill(wrongCode(secret));
  await at(page, 'totp-form-submit').click();
  await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
  assert.equal((await client.get('/api/v1/me/second-factor')).json.totp, false, 'a wrong code enables nothing');
  await at(page, 'totp-code').fill(await app.next());
  await at(page, 'totp-form-submit').click();
  await at(page, 'recovery-codes').waitFor();
  const codes = await at(page, 'recovery-code').allInnerTexts();
  assert.equal(codes.length, 10);
  await at(page, 'codes-kept').click();
  await says(page, 'totp-state', /app is set up/);
  assert.equal(await at(page, 'recovery-code').count(), 0, 'shown once');
  clean(page);

  const other = await openPage(t, null, '/', { at: console_.origin });
  await signIn(other, person.name, person.password);
  await at(other, 'factor-code').fill(wrongCode(secret));
  await at(other, 'factor-submit').click();
  await says(other, 'factor-problem', /\w/);
  await at(other, 'factor-code').fill(await app.next());
  await at(other, 'factor-submit').click();
  await sidebar(other);
  const third = await openPage(t, null, '/', { at: console_.origin });
  await signIn(third, person.name, person.password);
  await at(third, 'choice-recovery').waitFor({ state: 'attached' });
  await third.getByText('Recovery code', { exact: true }).first().click();
  await at(third, 'factor-code').fill(codes[0]);
  await at(third, 'factor-submit').click();
  await sidebar(third);
  clean(other);
});

test('b10 where everybody must have a second factor, the page asks a new person to set it up and nothing else', async (t) => {
  const console_ = await Console.start(t);
  await console_.policy({ 'mfa.required': 'all', 'mfa.methods': ['totp'] });
  const person = await console_.person();
  const page = await openPage(t, null, '/', { at: console_.origin });
  await signIn(page, person.name, person.password);
  await at(page, 'enrol').waitFor();
  assert.equal(await page.locator('nav#pages').count(), 0);
  await page.goto(new URL('/reports', console_.origin).href);
  await at(page, 'enrol').waitFor();
  await page.getByText('Authenticator App', { exact: true }).click();
  await at(page, 'totp-qr').waitFor();
  const app = new Authenticator(new URL(await readQr(at(page, 'totp-qr'))).searchParams.get('secret'));
  await at(page, 'totp-code').fill(await app.next());
  await at(page, 'totp-form-submit').click();
  await at(page, 'codes-kept').click();
  assert.deepEqual(await sidebar(page), agent);
  clean(page);
});

test('c2 c3 c4 c5 c6 log out of all devices by the page: it offers the password first, and every page is out', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const ended = (await console_.signedIn(person)).client;
  await ended.post('/api/v1/logout');
  const other = await openPage(t, (await console_.signedIn(person)).client);
  await sidebar(other);
  const page = await openPage(t, client, '/profile/security/login');
  await says(page, 'sessions-current', /This device/);
  await says(page, 'sessions-current', /Chrome \d+ on Linux/);
  await says(page, 'sessions-completed', /Firefox/);
  await at(page, 'end-all').click();
  await says(page, 'password-first', /Change the password first/);
  await picture(page, 'end-all');
  await at(page, 'end-all-confirm').click();
  await at(page, 'sign-in').waitFor();
  await at(other, 'sign-in').waitFor();
  for (const one of [client]) assert.equal((await one.get('/api/v1/me')).status, 401);
  clean(page);
});

test('c7 c6 the password is changed by the page with the old one', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn();
  const other = (await console_.signedIn(person)).client;
  const page = await openPage(t, client, '/profile/security/password');
  const fresh = newPassword();
  await fill(page, { 'password-old': 'wrong-wrong-wrong', 'password-new': fresh });
  await at(page, 'password-form-submit').click();
  await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
  await fill(page, { 'password-old': person.password, 'password-new': fresh });
  await at(page, 'password-form-submit').click();
  await page.getByText(/Your password is changed/).first().waitFor();
  assert.equal((await other.get('/api/v1/me')).status, 401);
  assert.equal((await client.get('/api/v1/me')).status, 200);
  clean(page);
});

test('c18 c19 c20 c21 c22 c23 a25 a27 an API token by the page: made with the password, shown once with its warnings, deleted', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({ level: 9, role: 'admin' });
  const page = await openPage(t, client, '/profile/security/api-token');
  await at(page, 'new-key').click();
  await fill(page, { 'key-name': 'By the page', 'key-user': person.name, 'key-password': 'wrong-wrong-wrong' });
  await at(page, 'scope-users:read').check();
  await at(page, 'key-form-submit').click();
  await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
  await fill(page, { 'key-password': person.password });
  await at(page, 'key-form-submit').click();
  await at(page, 'made-key').waitFor();
  const key = (await at(page, 'made-key').innerText()).trim();
  await says(page, 'made-key-dialog', /Copy and store it now[\s\S]*Do not share it/);
  await picture(page, 'api-token-made');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await at(page, 'copy-key').click();
  await until('the token on the clipboard', async () => await page.evaluate(() => navigator.clipboard.readText()) === key);
  const program = console_.client();
  program.token = key;
  assert.equal((await program.get('/api/v1/users')).status, 200);
  await at(page, 'made-key-close').click();
  assert.ok(!(await page.content()).includes(key), 'gone from the page');
  await page.reload();
  await says(page, 'keys', /By the page/);
  assert.ok(!(await page.content()).includes(key.split('_').at(-1)), 'and not back after a reload');
  await page.getByRole('button', { name: /Delete the token By the page/ }).click();
  await at(page, 'confirm').click();
  await says(page, 'keys', /Deleted|no API tokens/);
  assert.equal((await program.get('/api/v1/users')).status, 401);
  clean(page);
});

test('c14 x17 reports of previous days ask for the PIN, by page and API', async (t) => {
  const console_ = await Console.start(t);
  const { person, client } = await console_.signedIn({ level: 5 });
  const day = (back) => new Date(Date.now() - back * 86400_000).toISOString().slice(0, 10);
  const reports = (from, ext = '') => client.get(`/api/v1/reports${ext}?from=${from}&to=${day(0)}`);
  assert.equal((await reports(day(3))).status, 200, 'no PIN, no question');
  const page = await openPage(t, client, '/profile/security/protection');
  await fill(page, { 'pin-new': '4711', 'pin-again': '4711', 'pin-password': person.password });
  await at(page, 'pin-form-submit').click();
  await says(page, 'pin-state', /On/);
  assert.equal((await reports(day(0))).status, 200);
  for (const ext of ['', '.csv']) {
    const answer = await reports(day(3), ext);
    assert.deepEqual([answer.status, answer.code], [403, 'pin_required'], answer.text);
  }
  assert.equal((await client.post('/api/v1/me/pin/unlock', { pin: '4712' })).status, 403);
  const open = await client.post('/api/v1/me/pin/unlock', { pin: '4711' });
  assert.equal(open.status, 200, open.text);
  const minutes = (Date.parse(open.json.unlocked_until) - Date.now()) / 60000;
  assert.ok(minutes > 13 && minutes < 16, `${minutes} minutes`);
  for (const ext of ['', '.csv']) assert.equal((await reports(day(3), ext)).status, 200);
  const { client: low } = await console_.signedIn({ level: 4 });
  assert.equal((await low.get(`/api/v1/reports?from=${day(0)}&to=${day(0)}`)).status, 403, 'the level first');
  const seen = [];
  for (let i = 0; i < 8; i++) seen.push((await client.post('/api/v1/me/pin/unlock', { pin: '9999' })).code);
  assert.ok(seen.some((code) => /lock|rate/.test(code)), seen.join(' '));
  clean(page);
});

test('a3 c8 signing up, verifying and resetting by the pages that the mails lead to', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  await console_.policy({ 'signup.enabled': true });
  const page = await openPage(t, null, '/sign-up', { at: console_.origin });
  const password = newPassword();
  await fill(page, { 'sign-up-display-name': 'Ada', 'sign-up-email': 'ada@example.com', 'sign-up-workspace': 'Engines', 'sign-up-password': password });
  await at(page, 'sign-up-form-submit').click();
  await says(page, 'sign-up-done', /ada@example.com/);
  const { key } = linkOf(await mail.next('ada@example.com'));
  await page.goto(new URL(`/verify#k=${key}`, console_.origin).href);
  await at(page, 'verify-done').waitFor();
  assert.doesNotMatch(page.url(), /k=/);
  await page.goto(new URL('/forgot', console_.origin).href);
  await at(page, 'forgot-email').fill('ada@example.com');
  await at(page, 'forgot-form-submit').click();
  const reset = linkOf(await mail.next('ada@example.com'));
  await page.goto(new URL(`/reset#k=${reset.key}`, console_.origin).href);
  const fresh = newPassword();
  await at(page, 'reset-password').fill(fresh);
  await at(page, 'reset-form-submit').click();
  await at(page, 'reset-done').waitFor();
  await page.goto(new URL('/sign-in', console_.origin).href);
  await signIn(page, 'ada@example.com', fresh);
  await sidebar(page);
  clean(page);
});

test('sec_a40 the set-up page makes the first administrator over TLS', async (t) => {
  const server = await serve(t);
  const page = await openPage(t, null, `/set-up#k=${server.key}`, { at: server.origin });
  const { workspace, display_name: name, email, password } = server.first;
  await fill(page, { 'set-up-workspace': workspace, 'set-up-display-name': name, 'set-up-name': 'first', 'set-up-email': email, 'set-up-password': password });
  await at(page, 'set-up-form-submit').click();
  assert.deepEqual(await sidebar(page), matrix[9]);
  const [cookie] = (await page.context().cookies()).filter((one) => one.name === '__Host-ringfence');
  assert.ok(cookie.secure && cookie.httpOnly);
  clean(page);
});

test('b1 b12 b34 b35 every page of the settings opens for the owner, and only with its right for others', async (t) => {
  const console_ = await Console.start(t);
  await console_.signedIn();
  const page = await openPage(t, console_.owner, '/settings');
  const links = page.getByRole('navigation', { name: 'Settings' }).getByRole('link');
  await links.first().waitFor();
  const titles = (await links.allInnerTexts()).map((text) => text.trim());
  for (const title of ['Users', 'Invites', 'Numbers', 'Sessions', 'Login history', '2FA status', 'Security', 'API tokens', 'Workspace', 'Mail', 'Identity providers', 'PBXs', 'Billing', 'Audit', 'Workspaces', 'Vault']) assert.ok(titles.includes(title), title);
  for (const title of titles) {
    await links.filter({ hasText: new RegExp(`^\\s*${title}\\s*$`) }).click();
    await page.getByRole('heading', { level: 2 }).first().waitFor();
    await until(`${title} to have loaded`, async () => await page.locator('[aria-busy="true"]').count() === 0);
    assert.equal(await at(page, 'load-problem').count(), 0, title);
    await picture(page, `settings-${title.toLowerCase().replaceAll(' ', '-')}`);
  }
  clean(page);
  const admin = await openPage(t, (await console_.signedIn({ level: 9, role: 'admin' })).client, '/settings');
  await admin.getByRole('navigation', { name: 'Settings' }).getByRole('link').first().waitFor();
  const theirs = (await admin.getByRole('navigation', { name: 'Settings' }).getByRole('link').allInnerTexts()).map((text) => text.trim());
  assert.ok(!theirs.includes('Billing'), theirs.join(', '));
  const member = await openPage(t, (await console_.signedIn({ level: 8 })).client, '/settings/users');
  await at(member, 'not-here').waitFor();
});

test('b1 b33 b36 sec_o04 security settings are saved by the page, count for sessions there are, and are in the audit log with old and new', async (t) => {
  const console_ = await Console.start(t);
  const page = await openPage(t, console_.owner, '/settings/security');
  for (const group of ['mfa', 'session', 'password']) await at(page, `group-${group}`).waitFor();
  const idle = at(page, 'setting-session.idle_timeout');
  await idle.getByRole('combobox', { name: 'Unit' }).selectOption('minutes');
  await idle.getByRole('spinbutton').fill('30');
  await at(page, 'policy-session-submit').click();
  await until('the idle time to be saved', async () => (await console_.owner.must('GET', '/api/v1/policy')).items.find(({ key }) => key === 'session.idle_timeout').value === 1800);
  await at(page, 'setting-password.min_length').getByRole('spinbutton').fill('12');
  await at(page, 'policy-password-submit').click();
  await until('the length to be saved', async () => (await console_.owner.must('GET', '/api/v1/policy')).items.find(({ key }) => key === 'password.min_length').value === 12);
  await picture(page, 'settings-security-saved');
  const audit = await openPage(t, console_.owner, '/settings/audit');
  await audit.getByText(/28[,.]?800|8 hours/).first().waitFor();
  await picture(audit, 'settings-audit');
  clean(page);
});
