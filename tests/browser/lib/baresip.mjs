// An ordinary phone of the PBX: baresip with a sine as its microphone, answering by itself, recording what it hears.
import fs from 'node:fs';
import path from 'node:path';
import { freePorts, newFolder, start, until } from './process.mjs';
import { readWav, toneOf } from './wav.mjs';

export class Baresip {
  /** Registers `account` with the PBX; `dial` makes it call at once. */
  static async start(pbx, { account = '6001', hz = 620, dial } = {}) {
    const one = new Baresip();
    one.folder = newFolder('baresip');
    const [port] = await freePorts(2); // the next one is for TLS, which it always listens on
    const write = (name, lines) => fs.writeFileSync(path.join(one.folder, name), `${lines.join('\n')}\n`);
    write('config', [
      `sip_listen 127.0.0.1:${port}`, 'net_interface 127.0.0.1', 'module_path /usr/lib/baresip/modules', 'module account.so', 'module g711.so', 'module ausine.so',
      'module aubridge.so', 'module sndfile.so', 'module menu.so', 'module uuid.so', `snd_path ${one.folder}`, `audio_source ausine,${hz}`,
      'audio_player aubridge,out', 'audio_alert aubridge,alert', 'ausrc_srate 48000', 'ausrc_channels 2', 'auplay_srate 8000', 'rtp_ports 31000-31999', 'rtp_stats no',
    ]);
    write('accounts', [`<sip:${account}@127.0.0.1:${pbx.ports.sip}>;auth_user=${account};auth_pass=pw${account};answermode=auto;regint=60`]);
    write('contacts', []);
    one.log = path.join(one.folder, 'baresip.log');
    one.process = start('baresip', ['-f', one.folder, '-v', ...(dial ? ['-e', `/dial sip:${dial}@127.0.0.1:${pbx.ports.sip}`] : [])], { log: one.log });
    await until('baresip to register', () => pbx.isRegistered(account), 8000, 150);
    return one;
  }

  /** The tone in what it heard in its last call: { hz, share, rms }. */
  async heard() {
    const name = await until('the recording of baresip', () => fs.readdirSync(this.folder).filter((file) => /-dec\.wav$/.test(file)).sort().at(-1), 5000);
    return toneOf(readWav(fs.readFileSync(path.join(this.folder, name))));
  }

  stop() { return this.process.stop('SIGTERM', 2000); }
}
