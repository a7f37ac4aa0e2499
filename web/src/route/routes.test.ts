import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptIn, isOurs, keyIn, routeOf, SECURITY_PARTS, securityPath, SETTINGS_PARTS, settingsPath } from './routes.ts';

test('c1_every_security_page_has_an_address_that_leads_back_to_it', () => {
  assert.equal(SECURITY_PARTS.length, 5);
  for (const part of SECURITY_PARTS) assert.deepEqual(routeOf(securityPath(part)), { at: 'security', part });
  for (const part of SETTINGS_PARTS) assert.deepEqual(routeOf(settingsPath(part)), { at: 'settings', part, id: null });
  assert.deepEqual(routeOf(settingsPath('users', 'a b/ü')), { at: 'settings', part: 'users', id: 'a b/ü' });
});

test('addresses of the sidebar are pages, slashes at the end do not matter, and the rest is missing', () => {
  assert.deepEqual(routeOf('/'), { at: 'home' });
  assert.deepEqual(routeOf('/start'), { at: 'home' });
  assert.deepEqual(routeOf('/wallboard/'), { at: 'page', page: 'wallboard' });
  assert.deepEqual(routeOf('/profile/security'), { at: 'security', part: 'password' });
  assert.deepEqual(routeOf('/reset'), { at: 'open', page: 'reset' });
  assert.deepEqual(routeOf('/settings'), { at: 'settings', part: null, id: null });
  const missing = ['/wallboard/1', '/settings/nothing', '/settings/mail/1', '/profile/security/x', '/%00', '/UP', '/settings/users/%ff', '/settings/users/1/2'];
  for (const path of missing) assert.deepEqual(routeOf(path), { at: 'missing' }, path);
});

test('a key is read from the fragment and from nowhere else', () => {
  assert.equal(keyIn('#k=abc-_1'), 'abc-_1');
  assert.equal(keyIn('#a=1&k=x%2By'), 'x+y');
  for (const hash of ['', '#', '#k=', '#key=1', '?k=1']) assert.equal(keyIn(hash), null, hash);
});

test('a sign-in that waits for its second factor is read from the fragment', () => {
  assert.deepEqual(attemptIn('#attempt=a-b_c&methods=totp,recovery&email_sent=false'), { attempt: 'a-b_c', methods: ['totp', 'recovery'], email_sent: false });
  assert.deepEqual(attemptIn('#attempt=x&methods=&email_sent=true'), { attempt: 'x', methods: [], email_sent: true });
  for (const hash of ['', '#', '#attempt=', '#k=1', '?attempt=x']) assert.equal(attemptIn(hash), null, hash);
});

test('only plain links to our own views are followed without loading the page', () => {
  const link = { origin: 'https://a', pathname: '/settings/users', target: '', hasDownload: false };
  assert.ok(isOurs(link, 'https://a'));
  assert.ok(!isOurs(link, 'https://b'));
  assert.ok(!isOurs({ ...link, target: '_blank' }, 'https://a'));
  assert.ok(!isOurs({ ...link, hasDownload: true }, 'https://a'));
  for (const pathname of ['/api/v1/audit.csv', '/docs', '/docs/']) assert.ok(!isOurs({ ...link, pathname }, 'https://a'), pathname);
  assert.ok(isOurs({ ...link, pathname: '/docsy' }, 'https://a'));
});
