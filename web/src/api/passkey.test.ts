import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, makePasskey, textOf, whyNot } from './passkey.ts';
import { problemWords } from './problem.ts';

test('x07 bytes travel as base64url without padding, there and back', () => {
  for (let length = 0; length < 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length * 11 + 200) % 256);
    const text = textOf(bytes.buffer);
    assert.match(text, /^[\w-]*$/);
    assert.deepEqual(bytesOf(text), bytes);
  }
  assert.equal(textOf(Uint8Array.of(0xfb, 0xff, 0xfe).buffer), '-__-');
});

test('x07 whatever goes wrong with a passkey, there are words that say what to do', async () => {
  for (const name of ['NotAllowedError', 'AbortError', 'InvalidStateError', 'SecurityError', 'NotSupportedError', 'UnknownError', '']) {
    assert.match(whyNot(name), /\w+ \w+.*\.$/);
  }
  const asked = { challenge: 'AA', rp_id: 'x', rp_name: 'x', user_id: 'AA', user_name: 'x', user_display_name: 'x', algorithms: [-7], exclude: [], timeout_ms: 1 };
  const error: unknown = await makePasskey(asked).catch((problem: unknown) => problem);
  assert.match(problemWords(error), /cannot use passkeys/);
});
