// A real Asterisk for one test run: own configuration, certificates and ports, the installation shared (tests/pbx/make.sh).
import fs from 'node:fs';
import path from 'node:path';
import { cache, freePorts, newFolder, repository, run, sleep, start, until } from './process.mjs';

export const root = process.env.RINGFENCE_TESTS_PBX ?? path.join(cache, 'pbx');

/** True when the Asterisk folder is there and can be entered (it needs root). */
export const isInstalled = () => process.getuid?.() === 0 && fs.existsSync(path.join(root, 'usr/sbin/asterisk'));

/** A running Asterisk. `ports` are its listeners; `ca` is the file that a client has to trust. */
export class Pbx {
  /** Chooses ports and writes the configuration; `start` starts it. Both may come long after one another. */
  static async prepare({ secret, verifyServer = false } = {}) {
    const pbx = new Pbx();
    pbx.secret = secret ?? `canary-trunk-${Math.random().toString(36).slice(2)}`;
    const [tls, sip, http, wss] = await freePorts(4);
    pbx.ports = { tls, sip, http, wss };
    pbx.pki = newFolder('pki');
    await run(path.join(repository, 'certs/make.sh'), [pbx.pki, 'pbx=DNS:localhost,IP:127.0.0.1']);
    pbx.ca = path.join(pbx.pki, 'ca.pem');

    fs.mkdirSync(path.join(root, 'runs'), { recursive: true });
    pbx.folder = fs.mkdtempSync(path.join(root, 'runs/run-'));
    pbx.inside = pbx.folder.slice(root.length);
    process.once('exit', () => fs.rmSync(pbx.folder, { recursive: true, force: true }));
    for (const name of ['etc', 'pki', 'var/monitor']) fs.mkdirSync(path.join(pbx.folder, name), { recursive: true });
    for (const name of ['pbx.pem', 'pbx.key']) fs.copyFileSync(path.join(pbx.pki, name), path.join(pbx.folder, 'pki', name));
    const read = (file) => fs.readFileSync(file, 'utf8');
    fs.writeFileSync(path.join(pbx.folder, 'pki/pbx-both.pem'), read(path.join(pbx.pki, 'pbx.key')) + read(path.join(pbx.pki, 'pbx.pem')));

    const modules = fs.readdirSync(path.join(root, 'usr/lib')).find((name) => fs.existsSync(path.join(root, 'usr/lib', name, 'asterisk/modules')));
    const values = {
      RUN: pbx.inside, MODULES: `/usr/lib/${modules}/asterisk/modules`, SECRET: pbx.secret, VERIFY_SERVER: verifyServer ? 'yes' : 'no',
      TLS_PORT: tls, SIP_PORT: sip, HTTP_PORT: http, WSS_PORT: wss,
    };
    const templates = path.join(repository, 'tests/pbx/etc');
    for (const name of fs.readdirSync(templates)) {
      const text = read(path.join(templates, name)).replace(/@([A-Z_]+)@/g, (_, key) => {
        if (!(key in values)) throw new Error(`${name}: nothing to put for @${key}@`);
        return values[key];
      });
      fs.writeFileSync(path.join(pbx.folder, 'etc', name), text);
    }
    return pbx;
  }

  /** Starts Asterisk and waits until it answers its console. `trust` are further authorities for its calls by TLS. */
  async start({ trust = [] } = {}) {
    fs.writeFileSync(path.join(this.folder, 'pki/trusted.pem'), [this.ca, ...trust].map((file) => fs.readFileSync(file, 'utf8')).join('\n'));
    this.log = path.join(newFolder('asterisk'), 'console.log');
    for (const name of ['asterisk.ctl', 'asterisk.pid']) fs.rmSync(path.join(this.folder, 'var', name), { force: true });
    this.process = start('chroot', [root, '/usr/sbin/asterisk', '-f', '-C', `${this.inside}/etc/asterisk.conf`], { log: this.log });
    await until('Asterisk to boot', async () => {
      if (!this.process.isRunning()) throw new Error(`Asterisk ended at once:\n${fs.readFileSync(this.log, 'utf8').slice(-2000)}`);
      return /fully booted/.test(await this.cli('core waitfullybooted').catch(() => ''));
    }, 15000, 100);
    return this;
  }

  /** Runs a console command and gives its output. */
  async cli(command) {
    const { stdout } = await run('chroot', [root, '/usr/sbin/asterisk', '-C', `${this.inside}/etc/asterisk.conf`, '-rx', command]);
    return stdout;
  }

  /** Calls `from` (a channel such as Local/71001@lab) and joins it to the extension, once it answers. Does not wait. */
  originate(from, extension) {
    return this.cli(`channel originate ${from} extension ${extension}@lab`);
  }

  /** True when the account has a live contact. */
  async isRegistered(account = 'ringfence') {
    return /Contact:\s+\S+\/sips?:/.test(await this.cli(`pjsip show aor ${account}`));
  }

  waitRegistered(account = 'ringfence', timeout = 8000) {
    return until(`${account} to register with the PBX`, () => this.isRegistered(account), timeout, 150);
  }

  /** How many channels are up. */
  async channels() {
    return Number(/(\d+) active channel/.exec(await this.cli('core show channels'))?.[1]);
  }

  /** The codec of the one PJSIP channel that is up, as Asterisk names it. */
  async codec() {
    const name = /^(PJSIP\/\S+)/m.exec(await this.cli('core show channels concise'))?.[1]?.split('!')[0];
    return /NativeFormats:\s+\(([^)]*)\)/.exec(await this.cli(`core show channel ${name}`))?.[1];
  }

  hangUpAll() {
    return this.cli('channel request hangup all');
  }

  /** The log so far (notices, warnings, verbose). */
  messages() {
    return fs.readFileSync(path.join(this.folder, 'var/messages'), 'utf8');
  }

  /** The recording that extension 62X made, once it is complete. */
  async heard(extension) {
    const file = path.join(this.folder, `var/heard-${extension}.wav`);
    let size = -1;
    await until(`the recording of ${extension}`, () => {
      const now = fs.existsSync(file) ? fs.statSync(file).size : 0;
      const done = now > 44 && now === size;
      size = now;
      return done;
    }, 5000, 150);
    return fs.readFileSync(file);
  }

  /** The power cut. */
  async kill() {
    this.process.child.kill('SIGKILL');
    await this.process.exited;
  }

  async stop() {
    if (this.process?.isRunning()) {
      await this.cli('core stop now').catch(() => {});
      for (let i = 0; i < 20 && this.process.isRunning(); i++) await sleep(50);
      await this.process.stop('SIGKILL');
    }
  }

  /** Ends it and removes its folder. */
  async remove() {
    await this.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
