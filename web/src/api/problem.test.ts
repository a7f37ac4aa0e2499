import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiProblem, problemOf, problemWords, sentence } from './problem.ts';

test('a refusal keeps its code, its field and how long to wait', () => {
  const problem = problemOf(422, { code: 'password_too_short', detail: 'use 8 characters', field: 'new' }, null);
  assert.equal(problem.code, 'password_too_short');
  assert.equal(problem.field, 'new');
  assert.equal(problemWords(problem), 'Use 8 characters.');
  assert.equal(problemOf(429, { retry_after: 12 }, null).retryAfterS, 12);
  assert.equal(problemOf(429, { retry_after: 12 }, '7').retryAfterS, 7);
});

test('whatever the body is, there are words', () => {
  for (const body of [null, 1, 'x', [], {}, { code: 3, detail: {}, field: [] }]) {
    assert.match(problemWords(problemOf(400, body, 'soon')), /\w+ \w+/);
  }
  assert.match(problemWords(new TypeError('x')), /Reload/);
  assert.match(problemWords(new ApiProblem({ status: 0 })), /cannot be reached/);
  assert.equal(problemWords(problemOf(502, { detail: 'the mail was not sent' }, null)), 'The mail was not sent.');
  assert.match(problemWords(problemOf(500, { detail: 'secret internals' }, null)), /server has a problem/);
});

test('a32_being_limited_says_for_how_long', () => {
  assert.equal(problemWords(problemOf(429, {}, '1')), 'Too many tries. Try again in 1 second.');
  assert.equal(problemWords(problemOf(429, {}, '45')), 'Too many tries. Try again in 45 seconds.');
  const locked = problemOf(429, { code: 'pin_locked', locked_until: '2026-01-01T00:15:00Z' }, null, Date.parse('2026-01-01T00:00:00Z'));
  assert.equal(problemWords(locked), 'Too many tries. Try again in 15 minutes.');
  assert.equal(problemWords(problemOf(429, {}, '900')), 'Too many tries. Try again in 15 minutes.');
});

test('a wrong password is not a lost session', () => {
  assert.ok(!problemOf(401, { code: 'wrong_credentials' }, null).isSignedOut);
  assert.ok(!problemOf(401, { code: 'code_used' }, null).isSignedOut);
  for (const code of ['not_signed_in', 'session_expired', 'session_ended']) {
    assert.ok(problemOf(401, { code }, null).isSignedOut, code);
  }
  assert.ok(problemOf(401, null, null).isSignedOut);
});

test('details become sentences', () => {
  assert.equal(sentence('the name is taken'), 'The name is taken.');
  assert.equal(sentence('Really?'), 'Really?');
});
