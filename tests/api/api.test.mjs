// The API against its own description: whatever schemathesis can make of it, as everybody. No answer is a failure of the
// server, every answer is one the description knows, and what is not allowed by it is refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newFolder, repository } from '../browser/lib/process.mjs';
import { test } from '../browser/lib/shared.mjs';
import { Crowd } from './crowd.mjs';

const schemathesis = process.env.RINGFENCE_TESTS_SCHEMATHESIS ?? 'st';
// So many requests for each operation, the same ones every time; another number and seed look elsewhere.
const examples = process.env.RINGFENCE_TESTS_API_EXAMPLES ?? '40';
const seed = process.env.RINGFENCE_TESTS_API_SEED ?? '20261122';
const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method';

/** Runs schemathesis; gives { code, output }. */
function run(t, crowd) {
  const folder = newFolder('schemathesis');
  const child = spawn(schemathesis, [
    'run', `${crowd.origin}/api/openapi.json`, '--seed', seed, '--max-examples', examples, '--workers', '1', '--request-timeout', '20', '--warnings', 'off',
    '--suppress-health-check', 'all', '--no-shrink', '--phases', 'examples,coverage,fuzzing', '--checks', checks,
  ], { cwd: folder, env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text; });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, output: error.message }));
    child.once('close', (code) => {
      fs.writeFileSync(path.join(folder, 'output.txt'), output);
      resolve({ code, output });
    });
  });
}

test('sec_w10 sec_w16 sec_a29 sec_a18 sec_o07 b30 the API keeps to its description, whoever asks', { timeout: 60_000 + Number(examples) * 20_000 }, async (t) => {
  const crowd = await Crowd.start(t);
  const { code, output } = await run(t, crowd);
  t.diagnostic(`${crowd.count} requests by each: ${JSON.stringify(crowd.counts)}`);
  assert.deepEqual(crowd.broken.slice(0, 5), [], 'connections that broke');
  assert.equal(code, 0, output.slice(-12000));
  assert.ok(crowd.count > 100, `only ${crowd.count} requests`);
  for (const [name, counts] of Object.entries(crowd.counts)) {
    assert.deepEqual(Object.keys(counts).filter((status) => Number(status) >= 500), [], name);
    assert.ok((counts[429] ?? 0) < crowd.count / 20, `${name}, limited: ${JSON.stringify(counts)}`);
    assert.ok(name === 'nobody' || counts[401] < crowd.count / 20, `${name}, not signed in: ${JSON.stringify(counts)}`);
  }
  assert.doesNotMatch(crowd.console.server.readLog(), /panicked at/);
});

test('sec_o07 what once was a failure is none again: the corpus, by everybody', {}, async (t) => {
  const corpus = JSON.parse(fs.readFileSync(path.join(repository, 'tests/api/corpus.json'), 'utf8'));
  const crowd = await Crowd.start(t);
  for (const { method, path: place, headers = {}, body, base64, refused, why } of corpus) {
    const response = await fetch(crowd.origin + place, { method, headers, body: base64 ? Buffer.from(base64, 'base64') : body, redirect: 'manual' });
    const text = await response.text();
    assert.ok(response.status < 500 && !(refused && response.ok), `${method} ${place} (${why}): ${response.status} ${text}`);
  }
  assert.deepEqual(crowd.broken, []);
});
