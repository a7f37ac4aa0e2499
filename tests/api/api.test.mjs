// The API against its own description: whatever schemathesis can make of it, as everybody. No answer is a failure of the
// server, every answer is one the description knows, and what is not allowed by it is refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newFolder, repository } from '../browser/lib/process.mjs';
import { test } from '../browser/lib/shared.mjs';
import { Crowd, principals } from './crowd.mjs';

const schemathesis = process.env.RINGFENCE_TESTS_SCHEMATHESIS ?? 'st';
/** Seconds for each principal. */
const budget = Number(process.env.RINGFENCE_TESTS_API_SECONDS ?? 20);

/** Runs schemathesis; gives { code, output }. */
function run(t, crowd, args) {
  const report = newFolder('schemathesis');
  const child = spawn(schemathesis, [
    'run', `${crowd.origin}/api/openapi.json`, '--seed', '20261122', '--max-time', String(budget), '--workers', '2', '--request-timeout', '10', '--warnings', 'off',
    '--suppress-health-check', 'all', '--report', 'json', '--report-json-path', path.join(report, 'report.json'), ...args,
  ], { cwd: report, env: { ...process.env, NO_COLOR: '1', SCHEMATHESIS_HOOKS: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text; });
  return new Promise((resolve) => { child.once('close', (code) => resolve({ code, output })); });
}

for (const [who, principal] of Object.entries(principals)) {
  test(`sec_w10 sec_w16 sec_a29 sec_o07 b30 the API keeps to its description, asked by ${who}`, async (t) => {
    const crowd = await Crowd.start(t, principal);
    const { code, output } = await run(t, crowd, [
      '--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method',
    ]);
    t.diagnostic(`${crowd.count} requests, ${crowd.refused} refused for rate`);
    if (code !== 0) fs.writeFileSync(path.join(newFolder('schemathesis-output'), 'output.txt'), output);
    assert.equal(code, 0, output.slice(-12000));
    assert.ok(crowd.count > 60, `${crowd.count} requests`);
    assert.ok(crowd.refused < crowd.count / 4, `${crowd.refused} of ${crowd.count} were refused for rate`);
    assert.deepEqual(crowd.failures.slice(0, 5), [], 'connections that broke');
    const log = crowd.console.server.readLog();
    assert.doesNotMatch(log, /panicked at/);
  });
}

test('sec_o07 what was found before stays found: the corpus, by everybody', async (t) => {
  const corpus = JSON.parse(fs.readFileSync(path.join(repository, 'tests/api/corpus.json'), 'utf8'));
  for (const principal of [null, { level: 1, role: 'member' }, { level: 9, role: 'owner' }]) {
    const crowd = await Crowd.start(t, principal, 4);
    for (const { method, path: place, headers = {}, body, base64, why } of corpus) {
      const response = await fetch(crowd.origin + place, { method, headers, body: base64 ? Buffer.from(base64, 'base64') : body, redirect: 'manual' });
      const text = await response.text();
      assert.ok(response.status < 500, `${method} ${place} (${why}): ${response.status} ${text}`);
    }
  }
});
