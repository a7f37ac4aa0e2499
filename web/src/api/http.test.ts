import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filled, onRefusal, request, withQuery } from './http.ts';
import { ApiProblem } from './problem.ts';

/** Answers every request with the same, and keeps what was asked. */
function serve(answer: () => Response): { asked: { path: string; init: RequestInit }[]; restore: () => void } {
  const asked: { path: string; init: RequestInit }[] = [];
  const before = globalThis.fetch;
  globalThis.fetch = ((path: string, init: RequestInit) => {
    asked.push({ path, init });
    return Promise.resolve(answer());
  }) as typeof fetch;
  return { asked, restore: () => (globalThis.fetch = before) };
}

test('requests are same-origin JSON, and an empty answer is nothing', async () => {
  const { asked, restore } = serve(() => new Response(null, { status: 204 }));
  try {
    assert.equal(await request('PUT', '/api/v1/me/pin', { pin: '4711' }), null);
    assert.equal(asked[0]?.path, '/api/v1/me/pin');
    assert.equal(asked[0]?.init.body, '{"pin":"4711"}');
    assert.equal(asked[0]?.init.credentials, 'same-origin');
    await request('GET', '/api/v1/me');
    assert.equal(asked[1]?.init.body, undefined);
  } finally {
    restore();
  }
});

test('every refusal is told to those who listen, and thrown', async () => {
  const { restore } = serve(() => Response.json({ code: 'session_ended', detail: 'ended' }, { status: 401 }));
  const heard: ApiProblem[] = [];
  const unsubscribe = onRefusal((problem) => heard.push(problem));
  try {
    await assert.rejects(request('GET', '/api/v1/users'), (error) => error instanceof ApiProblem && error.isSignedOut);
    assert.equal(heard.length, 1);
  } finally {
    unsubscribe();
    restore();
  }
});

test('a server that is not there is status 0', async () => {
  const before = globalThis.fetch;
  globalThis.fetch = (() => Promise.reject(new TypeError('network'))) as typeof fetch;
  try {
    await assert.rejects(request('GET', '/'), (error) => error instanceof ApiProblem && error.status === 0);
  } finally {
    globalThis.fetch = before;
  }
});

test('empty parameters and fields are left out', () => {
  assert.equal(withQuery('/a', { from: '2026-01-01', to: '', cursor: null, limit: 0 }), '/a?from=2026-01-01&limit=0');
  assert.equal(withQuery('/a', { cursor: undefined }), '/a');
  assert.deepEqual(filled({ a: '', b: null, c: undefined, d: false, e: 0, f: 'x' }), { d: false, e: 0, f: 'x' });
});
