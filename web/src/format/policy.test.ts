import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Setting } from '../api/settings.ts';
import { editorOf, groupsOf, isSame, moved, rangeWords, sourceWords, valueWords } from './policy.ts';

function setting(key: string, value: Setting['value'], more: Partial<Setting> = {}): Setting {
  return { key, value, source: 'default', default: value, kind: 'range', min: null, max: null, choices: null, words: key, ...more };
}

test('b1_the_three_security_groups_come_first_and_nothing_is_left_out', () => {
  const items = ['rate.per_ip_per_minute', 'password.min_length', 'new.thing', 'session.idle_timeout', 'mfa.required'].map((key) => setting(key, 1));
  const groups = groupsOf(items);
  assert.deepEqual(groups.map(({ title }) => title).slice(0, 3), ['2FA policy', 'Session timeout', 'Password requirements']);
  assert.equal(groups.flatMap((group) => group.items).length, items.length);
  assert.equal(groups.at(-1)?.title, 'New');
});

test('every kind of value has an editor and words', () => {
  assert.equal(editorOf(setting('a', true)), 'switch');
  assert.equal(editorOf(setting('a', 28_800, { kind: 'duration' })), 'duration');
  assert.equal(editorOf(setting('a', 8)), 'number');
  assert.equal(editorOf(setting('a', 'all', { choices: ['none', 'all'] })), 'choice');
  assert.equal(editorOf(setting('a', ['totp'], { choices: ['totp', 'email'] })), 'list');
  assert.equal(editorOf(setting('a', 'dn')), 'text');
  assert.equal(valueWords(28_800, 'duration'), '8 hours');
  assert.equal(valueWords(['totp', 'email'], 'list'), 'Authenticator app, Code by mail');
  assert.equal(valueWords(false, 'switch'), 'off');
  assert.equal(valueWords('dn', 'text'), 'dn');
  assert.equal(rangeWords({ min: 60, max: 86_400, kind: 'duration' }), '1 minute to 1 day');
  assert.equal(rangeWords({ min: 8, max: null, kind: 'range' }), 'at least 8');
  assert.equal(rangeWords({ min: null, max: null, kind: 'list' }), '');
});

test('values say where they come from, and lists can be reordered', () => {
  assert.equal(sourceWords('set'), 'set here');
  assert.equal(sourceWords('callcenter'), 'callcenter');
  assert.equal(sourceWords('preset callcenter'), 'preset callcenter');
  assert.ok(isSame(['a', 'b'], ['a', 'b']));
  assert.ok(!isSame(['a', 'b'], ['b', 'a']));
  assert.deepEqual(moved(['a', 'b', 'c'], 2, -1), ['a', 'c', 'b']);
  assert.deepEqual(moved(['a'], 5, -1), ['a']);
});
