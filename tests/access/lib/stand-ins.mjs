// The programs of tests/identity as the tests use them: a mail server and identity providers.
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import { newFolder, repository, run, until } from '../../browser/lib/process.mjs';

const folder = path.join(repository, 'tests/identity');

function startProgram(script, args, onLine) {
  const child = spawn(process.execPath, [path.join(folder, script), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const program = { child, errors: '', first: null };
  child.stderr.setEncoding('utf8').on('data', (text) => { program.errors += text; });
  program.ready = new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${script} ended (${code}): ${program.errors.slice(-500)}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = JSON.parse(line);
      if (program.first) onLine(value); else { program.first = value; resolve(value); }
    });
  });
  // The program ends with its standard input; whoever asks for `ready` hears of an earlier end.
  program.ready.catch(() => {});
  program.stop = () => { child.stdin.end(); child.kill(); };
  return program;
}

/** A throw-away authority and a certificate for localhost and 127.0.0.1; gives { ca, cert, key } as files. */
export async function certificate(name = 'localhost') {
  const at = newFolder('certificate');
  const file = (one) => path.join(at, one);
  fs.writeFileSync(file('leaf.cnf'), `subjectAltName=DNS:${name},DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`);
  const openssl = (...args) => run('openssl', args, { cwd: at });
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  await openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', 'key.pem', '-out', 'leaf.csr');
  await openssl('x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'leaf.cnf', '-out', 'cert.pem');
  fs.chmodSync(file('key.pem'), 0o600);
  return { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') };
}

/** A mail server; what came is in `messages`. */
export class MailSink {
  static async start(t, pair) {
    const sink = new MailSink();
    sink.messages = [];
    const program = startProgram('smtp-sink.mjs', pair ? [pair.cert, pair.key] : [], (mail) => sink.messages.push(mail));
    t?.after(() => program.stop());
    sink.stop = program.stop;
    sink.ports = await program.ready;
    return sink;
  }

  /** The next mail to somebody that nobody asked for yet, whose text matches. */
  async next(to, text = /./, timeout = 8000) {
    let found;
    await until(() => `a mail to ${to}; there are ${JSON.stringify(this.messages.map((mail) => [mail.to, mail.subject]))}`, () => {
      found = this.messages.find((mail) => !mail.taken && mail.to.includes(to) && text.test(mail.text));
      return found;
    }, timeout, 20);
    found.taken = true;
    return found;
  }

  /** How many mails somebody has. */
  count(to) { return this.messages.filter((mail) => mail.to.includes(to)).length; }
}

/** The link of a mail, and the key behind its `#k=`. */
export function linkOf(mail) {
  const links = [...new Set(mail.text.match(/https?:\/\/\S+/g) ?? [])];
  if (links.length !== 1) throw new Error(`a mail with ${links.length} links: ${mail.text}`);
  const url = new URL(links[0]);
  return { url, key: new URLSearchParams(url.hash.slice(1)).get('k') };
}

/** The six digits of a mail. */
export function codeIn(mail) {
  const [code] = /\b\d{6}\b/.exec(mail.text) ?? [];
  if (!code) throw new Error(`a mail without a code: ${mail.text}`);
  return code;
}

/** Identity providers with the habits of Google, Microsoft, Apple and another; `kinds.google` has issuer and client. */
export async function startProviders(t, redirects) {
  const program = startProgram('oidc-provider.mjs', redirects, () => {});
  t.after(() => program.stop());
  return { kinds: await program.ready, errors: () => program.errors };
}
