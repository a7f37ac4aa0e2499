// Writes requirements.md: every requirement and security claim, the tests that carry its id, and how they ended in the
// run whose reports lie in a folder. `node tests/requirements.mjs REPORTS [--check]`: REPORTS holds *.log of cargo (or
// cargo nextest) and *.tap of Node. Fails when something is proven by nothing or by a test that failed; with --check
// also when the file was not what this run shows.
//
// A test's name begins with ids: `a26_sec_a33_eleventh_key_is_refused`, `A26, SEC-A33: the eleventh…`. A bare id is a
// row (section and number), one after `sec` a claim of the security list (A-33); w and o are always claims. Where older
// names are to be read otherwise, requirements.map.json says so.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const json = (name) => JSON.parse(fs.readFileSync(path.join(here, name), 'utf8'));
const rows = json('requirements.rows.json');
const map = json('requirements.map.json');
const shownAtMost = 5;

/** The tests of a run: { name, passed }. */
export function testsOf(folder) {
  const tests = [];
  const files = fs.readdirSync(folder).sort();
  for (const file of files.filter((name) => name.endsWith('.log'))) {
    for (const line of fs.readFileSync(path.join(folder, file), 'utf8').split('\n')) {
      const plain = /^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)/.exec(line);
      const next = /^\s*(PASS|FAIL|SIG[A-Z]+|TIMEOUT|LEAK|ABORT) \[[^\]]*\](?: \([^)]*\))? +(\S+) (\S+)$/.exec(line);
      if (plain) tests.push({ name: plain[1], passed: plain[2] === 'ok' });
      if (next) tests.push({ name: next[3], passed: next[1] === 'PASS' || next[1] === 'LEAK' });
    }
  }
  for (const file of files.filter((name) => name.endsWith('.tap'))) {
    for (const line of fs.readFileSync(path.join(folder, file), 'utf8').split('\n')) {
      const found = /^ *(not ok|ok) \d+ - (.*?)( # (?:SKIP|TODO).*)?$/.exec(line);
      if (found && !found[3]) tests.push({ name: found[2].replace(/\\(.)/g, '$1'), passed: found[1] === 'ok', node: true });
    }
  }
  return tests;
}

/** How bare ids are read in a test of this name: { a: 'A-', c: null, a33: 'A-' }. */
function reading(name) {
  const prefix = Object.keys(map.read).filter((one) => name.startsWith(one)).sort((a, b) => b.length - a.length)[0];
  return prefix === undefined ? {} : map.read[prefix];
}

/** The ids a test's name begins with, as in `A26` and `A-33`. */
export function idsOf({ name, node }) {
  const title = node ? name : name.split('::').at(-1);
  const asWritten = reading(name);
  const ids = [];
  let claim = false;
  for (const word of title.toLowerCase().split(/[ _,:/·-]+/)) {
    if (word === 'sec') { claim = true; continue; }
    const found = /^([abcxwo])(\d{1,2})$/.exec(word);
    if (!found) {
      if (/^[a-z]\d{1,2}$/.test(word)) continue;
      break;
    }
    const [letter, number] = [found[1], Number(found[2])];
    const always = letter === 'w' || letter === 'o' || (letter === 'a' && number > rows.A.length);
    const read = asWritten[`${letter}${number}`] === undefined ? asWritten[letter] : asWritten[`${letter}${number}`];
    const section = claim || always ? `${letter.toUpperCase()}-` : read === undefined ? letter.toUpperCase() : read;
    claim = false;
    if (section === null || !rows[section] || number < 1 || number > rows[section].length) continue;
    ids.push(section.endsWith('-') ? `${section}${String(number).padStart(2, '0')}` : `${section}${number}`);
  }
  return ids;
}

const sections = {
  A: 'Team workspace', B: 'Call centre', C: 'Call analytics', X: 'Where the three disagree',
  'A-': 'Authentication and authorisation', 'W-': 'The web edge', 'C-': 'Cryptography and keys', 'O-': 'Logs, audit, errors',
};
const code = (text) => `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;

function table(tests) {
  const carriers = new Map();
  const carry = (id, test) => carriers.set(id, [...(carriers.get(id) ?? []), test]);
  for (const test of tests) for (const id of new Set(idsOf(test))) carry(id, test);
  for (const [id, names] of Object.entries(map.also)) {
    for (const name of names) {
      const test = tests.find((one) => one.name === name);
      if (test) carry(id, test); else carry(id, { name, passed: false });
    }
  }
  const bad = [];
  const counts = { all: 0, pass: 0, absent: 0 };
  const lines = [
    '# What is required, and the tests that prove it', '',
    'Written by `tests/requirements.mjs` from the reports of a whole run of `tests/run`; do not edit. The first four sections are',
    'requirements, the others claims of the security list. `pass (API)`: the right is enforced and its page answers, the page',
    'itself has no working screen yet.', '',
  ];
  for (const [section, titles] of Object.entries(rows)) {
    lines.push(`## ${sections[section]}`, '', '| id | what | result | tests |', '|---|---|---|---|');
    titles.forEach((title, index) => {
      const id = section.endsWith('-') ? `${section}${String(index + 1).padStart(2, '0')}` : `${section}${index + 1}`;
      const carrying = [...new Map((carriers.get(id) ?? []).map((test) => [test.name, test])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      counts.all += 1;
      let result;
      if (carrying.some((test) => !test.passed)) {
        result = '**FAIL**';
        bad.push(`${id}: ${carrying.filter((test) => !test.passed).map((test) => test.name).join(', ')} did not pass`);
      } else if (carrying.length > 0) {
        result = map.result[id] ?? 'pass';
        counts.pass += 1;
      } else if (map.absent[id]) {
        result = `does not apply: ${map.absent[id]}`;
        counts.absent += 1;
      } else {
        result = '**no test**';
        bad.push(`${id}: no test carries it (${title})`);
      }
      const shown = carrying.slice(0, shownAtMost).map((test) => code(test.name));
      if (carrying.length > shownAtMost) shown.push(`and ${carrying.length - shownAtMost} more`);
      lines.push(`| ${id} | ${title} | ${result} | ${shown.join('<br>')} |`);
    });
    lines.push('');
  }
  lines.push(`${counts.all} in all: ${counts.pass} pass, ${counts.absent} do not apply, ${counts.all - counts.pass - counts.absent} are open.`, '');
  return { text: lines.join('\n'), bad };
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [folder, flag] = process.argv.slice(2);
  const { text, bad } = table(testsOf(folder));
  const file = path.join(here, 'requirements.md');
  const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  fs.writeFileSync(file, text);
  for (const line of bad) console.error(line);
  if (bad.length) process.exitCode = 1;
  if (flag === '--check' && before !== text) {
    console.error('tests/requirements.md is not what this run shows: commit what it is now');
    process.exitCode = 1;
  }
}
