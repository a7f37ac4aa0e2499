// A Ringfence of one's own: `ringfence dev` on free ports with an empty data folder. What it printed is in `info`.
import fs from 'node:fs';
import path from 'node:path';
import { newFolder, repository, run, start } from './process.mjs';

export const binary = process.env.RINGFENCE_BIN ?? path.join(repository, 'target/debug/ringfence');

export const isBuilt = () => fs.existsSync(binary);

export class Server {
  /**
   * Starts one. `trunk` is { user, password, port, host, ca, media }. Rejects with the end of the log when the server
   * ends before its line of JSON. `inside` is a command that becomes the server it is given.
   */
  static async start({ trunk, data = newFolder('data'), args = [], env = {}, inside = [] } = {}) {
    const server = new Server();
    server.data = data;
    server.log = path.join(newFolder('ringfence'), 'server.log');
    server.canaries = trunk ? [trunk.password] : [];
    const trunkArgs = trunk ? [
      '--trunk', `sips:${trunk.user ?? 'ringfence'}:${trunk.password}@${trunk.host ?? 'localhost'}:${trunk.port}`,
      ...(trunk.ca ? ['--trunk-ca', trunk.ca] : []), '--trunk-media', trunk.media ?? 'srtp',
    ] : [];
    const [program, ...before] = [...inside, binary];
    server.process = start(program, [
      ...before, 'dev', '--no-open', '--json', '--listen', '127.0.0.1:0', '--listen-tls', '127.0.0.1:0', '--sip-listen', '127.0.0.1:0',
      '--data', data, '--media-port', '0', ...trunkArgs, ...args,
    ], { log: server.log, stdout: 'pipe', env: { ...process.env, NO_COLOR: '1', ...env } });
    server.info = await server.#firstLine();
    server.canaries.push(...server.agents.map((agent) => agent.token));
    return server;
  }

  #firstLine() {
    const { child, exited } = this.process;
    return new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Error(`no line from the server in 15 s; its log: ${this.log}`)), 15000);
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (part) => {
        text += part;
        const end = text.indexOf('\n');
        if (end < 0 || this.info) return;
        clearTimeout(timer);
        try {
          resolve(JSON.parse(text.slice(0, end)));
        } catch {
          reject(new Error(`the server's first line is not JSON: ${text.slice(0, end)}`));
        }
      });
      exited.then((outcome) => {
        clearTimeout(timer);
        reject(new Error(`the server ended (${outcome}) before it was ready:\n${this.readLog().slice(-2000)}`));
      });
    });
  }

  get agents() { return this.info.agents; }

  /** The ws:// address of the phones, and the page's origin. */
  get url() { return this.info.ws; }

  get origin() { return new URL(this.info.page).origin; }

  /** The account of an agent by number, for `Phone.open`. */
  account(number) {
    const agent = this.agents.find((one) => String(one.number ?? one.user) === String(number));
    if (!agent) throw new Error(`no agent ${number} among ${JSON.stringify(this.agents.map(({ user }) => user))}`);
    return { user: agent.user, token: agent.token };
  }

  /** Port of the SIP/TLS listener that the PBX calls. */
  get sipPort() { return Number(/(\d+)\D*$/.exec(this.info.sip)[1]); }

  readLog() { return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8') : ''; }

  /** Runs another sub-command on the same data folder; gives { code, stdout, stderr }. */
  async command(...args) {
    try {
      const { stdout, stderr } = await run(binary, [...args, '--data', this.data], { env: { ...process.env, NO_COLOR: '1' } });
      return { code: 0, stdout, stderr };
    } catch (error) {
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  }

  /** Throws when the log holds a panic, an ERROR, or a secret. */
  checkLog() {
    const log = this.readLog();
    const bad = log.split('\n').filter((line) => /panicked at|\bERROR\b|"level":"ERROR"/.test(line));
    if (bad.length) throw new Error(`the server's log has:\n${bad.slice(0, 10).join('\n')}`);
    const leaked = this.canaries.filter((secret) => log.includes(secret));
    if (leaked.length) throw new Error(`the server's log has ${leaked.length} secrets, such as ${leaked[0].slice(0, 12)}…`);
  }

  /** Ctrl-C; gives the exit code. */
  stop() { return this.process.stop('SIGINT', 9000); }
}
