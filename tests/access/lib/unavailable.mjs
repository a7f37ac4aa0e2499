// What a server says that cannot do something now, such as when its database is gone or its disk is full.
import assert from 'node:assert/strict';

/** 503 with words for a person, and nothing of how the server is made (O-07). */
export function unavailable(answer, what) {
  assert.deepEqual([answer.status, answer.code], [503, 'unavailable'], `${what}: ${answer.text}`);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/, what);
  assert.match(answer.json.detail, /try again/, what);
  assert.ok(Number(answer.headers['retry-after']) > 0, what);
  assert.doesNotMatch(answer.text, /sql|select|insert|postgres|relation|pool|transaction|disk|\/tmp|127\.0|\.rs|ringfence/i, what);
}
