// A Ringfence as it is run for real: `ringfence serve` with a configuration, certificates of a throw-away authority, TLS
// alone and a listener that redirects.
import fs from 'node:fs';
import path from 'node:path';
import { binary } from '../../browser/lib/server.mjs';
import { freePorts, newFolder, run, start, until } from '../../browser/lib/process.mjs';
import { Client } from './client.mjs';
import { newPassword } from './console.mjs';
import { certificate } from './stand-ins.mjs';

let pair;
/** One authority and certificate for the whole run. */
export const sharedCertificate = () => (pair ??= certificate());

function configuration({ folder, port, redirectPort, metricsPort, files, origins = [], data, database, extra = '', outbound = [] }) {
  const list = (items) => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  return `[server]
public_host = "localhost"
listen_tls = ["127.0.0.1:${port}"]
listen_redirect = ["127.0.0.1:${redirectPort}"]
listen_metrics = "127.0.0.1:${metricsPort}"
origins = ${list([`https://localhost:${port}`, ...origins])}
data = ${JSON.stringify(data ?? path.join(folder, 'data'))}

[tls]
cert = ${JSON.stringify(files.cert)}
key = ${JSON.stringify(files.key)}

[media]
bind = "127.0.0.1"
port = 0

[outbound]
allow = ["127.0.0.0/8"]
origins = ${list(outbound)}
ca = ${JSON.stringify(files.ca)}

${database ? '[database]\nurl_file = "database.url"\n\n' : ''}${extra}`;
}

export class Served {
  client({ origin, ...options } = {}) { return new Client(origin ?? this.origin, options); }

  readLog() { return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8') : ''; }

  /** Runs a sub-command with the same configuration. */
  command(...args) { return this.commandOf(...args, '--config', this.config); }

  /** Runs a sub-command that is told all it needs. */
  async commandOf(...args) {
    try {
      const { stdout, stderr } = await run(binary, args, { env: { ...process.env, ...this.env, NO_COLOR: '1' } });
      return { code: 0, stdout, stderr };
    } catch (error) {
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  }

  /** Sets the server up with its link; gives the signed-in owner. */
  async setUp() {
    const client = this.client();
    await client.must('POST', '/api/v1/set-up', { key: this.key, ...this.first });
    this.me = await client.must('GET', '/api/v1/me');
    return client;
  }

  async boot() {
    this.process = start(binary, ['serve', '--config', this.config, ...(this.logFilter ? ['--log', this.logFilter] : [])], { log: this.log, stdout: 'file', env: { ...process.env, ...this.env, NO_COLOR: '1' } });
    const probe = this.client({ address: '127.0.0.1' });
    await until(() => `the server to be ready; its log: ${this.readLog().slice(-1500)}`, async () => {
      if (!this.process.isRunning()) throw new Error(`it ended: ${this.readLog().slice(-1500)}`);
      return (await probe.get('/readyz')).status === 200;
    }, 15000);
    return this;
  }

  stop() { return this.process.stop('SIGTERM', 9000); }
}

async function prepare(options = {}) {
  const one = new Served();
  const folder = newFolder('serve');
  const [port, redirectPort, metricsPort] = await freePorts(3);
  const files = { ...await sharedCertificate() };
  one.pair = files;
  Object.assign(one, { folder, port, redirectPort, metricsPort, env: options.env ?? {}, logFilter: options.log });
  one.origin = `https://localhost:${port}`;
  one.config = path.join(folder, 'ringfence.toml');
  one.log = path.join(folder, 'server.log');
  one.data = path.join(folder, 'data');
  fs.mkdirSync(one.data, { mode: 0o700 });
  if (options.database) fs.writeFileSync(path.join(folder, 'database.url'), options.database, { mode: 0o600 });
  if (options.joins) fs.copyFileSync(path.join(options.joins.data, 'root.key'), path.join(one.data, 'root.key'));
  // What has to be running before the server, and know its address, is started here.
  const found = await options.before?.(one) ?? {};
  fs.writeFileSync(one.config, configuration({ folder, port, redirectPort, metricsPort, files, ...options, ...found }), { mode: 0o600 });
  one.first = { name: 'first', display_name: 'First Administrator', email: 'first@example.com', password: newPassword(), workspace: 'Home' };
  return one;
}

/**
 * Starts one with an empty data folder; `key` is that of its set-up link. `before` may add to the options. `database` is
 * the URL of a PostgreSQL database; one that `joins` another has its root key and is not set up.
 */
export async function serve(t, options = {}) {
  const one = await prepare(options);
  await one.boot();
  t.after(async () => {
    await one.stop();
    const bad = one.readLog().split('\n').filter((line) => /panicked at|"level":"ERROR"| ERROR /.test(line));
    if (bad.length && !options.dirty) throw new Error(`the server's log has:\n${bad.slice(0, 5).join('\n')}`);
  });
  if (options.joins) return one;
  const link = await one.command('set-up-link', '--json');
  if (link.code !== 0) throw new Error(`no set-up link: ${link.stderr}`);
  one.key = new URLSearchParams(new URL(JSON.parse(link.stdout).link).hash.slice(1)).get('k');
  return one;
}

/** Starts one that should refuse to; gives its exit code and what it said. */
export async function tryServe(t, wrong) {
  const one = await prepare({});
  const key = path.join(one.data, 'root.key');
  if (wrong === 'readable key') {
    fs.copyFileSync(one.pair.key, path.join(one.folder, 'key.pem'));
    fs.chmodSync(path.join(one.folder, 'key.pem'), 0o644);
    fs.writeFileSync(one.config, fs.readFileSync(one.config, 'utf8').replace(/^key = .*$/m, `key = ${JSON.stringify(path.join(one.folder, 'key.pem'))}`));
  } else if (wrong === 'weak root key') fs.writeFileSync(key, 'changeme', { mode: 0o600 });
  else if (wrong === 'zero root key') fs.writeFileSync(key, Buffer.alloc(32), { mode: 0o600 });
  const child = start(binary, ['serve', '--config', one.config], { log: one.log, env: { ...process.env, NO_COLOR: '1' } });
  const timer = setTimeout(() => child.child.kill('SIGKILL'), 8000);
  const code = await child.exited;
  clearTimeout(timer);
  return { code, output: one.readLog().slice(-600) };
}
