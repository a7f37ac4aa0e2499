// What the tests of one process share: one Chromium, one Ringfence without a trunk, one PBX with a Ringfence on it. Each
// is started when first asked for and ended when the last test is over. Tests are declared with the `test` of this file.
import path from 'node:path';
import { after, test as declare } from 'node:test';
import { closeBrowser } from './browser.mjs';
import { Pbx } from './pbx.mjs';
import { Phone } from './phone.mjs';
import { cleanWorkFolder } from './process.mjs';
import { Server } from './server.mjs';

let alone;
let pbx;
let trunk;
let failures = 0;
const started = [];

const match = process.env.RINGFENCE_TESTS_MATCH ? new RegExp(process.env.RINGFENCE_TESTS_MATCH, 'i') : /./;

/** Declares a test, if its name is wanted; when one fails, the logs of the run are kept. `options` may be left out. */
export function test(name, options, body = options) {
  if (!match.test(name)) return;
  declare(name, { timeout: 90000, ...(body === options ? {} : options) }, async (t) => {
    try {
      await body(t);
    } catch (error) {
      failures += 1;
      throw error;
    }
  });
}

/** A server that ends with the test; its log is checked then, unless `dirty`. */
export async function newServer(t, { dirty = false, ...options } = {}) {
  const server = await Server.start(options);
  t.after(async () => {
    await server.stop();
    if (!dirty) server.checkLog();
  });
  return server;
}

/** The Ringfence without a trunk. */
export function server() {
  alone ??= Server.start().then((one) => { started.push(one); return one; });
  return alone;
}

/** The running Asterisk; its trunk is the Ringfence of `trunkServer`. */
export async function sharedPbx() {
  await trunkServer();
  return pbx;
}

/** The trunk settings for an account of a PBX. */
export const trunkTo = (one, account = 'ringfence', media = 'srtp') => ({
  user: account, password: one.secret, port: one.ports.tls, ca: one.ca, media,
});

/**
 * The Ringfence that is registered with the shared PBX. The PBX knows where to reach it, and verifies its certificate by
 * name when it calls.
 */
export function trunkServer() {
  trunk ??= (async () => {
    // One start makes the certificate that the PBX has to trust; the PBX is up before the other, because Asterisk
    // drops what comes while it boots.
    const first = await Server.start();
    await first.stop();
    pbx = await Pbx.prepare({ verifyServer: true });
    await pbx.start({ trust: [path.join(first.data, 'dev-ca.pem')] });
    const ringfence = await Server.start({ trunk: trunkTo(pbx), data: first.data });
    started.push(ringfence);
    await pbx.cli(`dialplan set global GATEWAY_PORT ${ringfence.sipPort}`);
    await pbx.waitRegistered();
    return ringfence;
  })();
  return trunk;
}

/** A registered phone of an agent, closed with the test. */
export async function phone(t, library, ringfence, number, options = {}) {
  const one = await Phone.open(library, { url: ringfence.url, origin: ringfence.origin, account: ringfence.account(number), ...options });
  t.after(() => one.close());
  return one.register();
}

async function finish() {
  const problems = [];
  const attempt = async (what) => { try { await what(); } catch (error) { problems.push(error.message); } };
  await attempt(closeBrowser);
  for (const one of started) {
    await attempt(async () => {
      const code = await one.stop();
      if (code !== 0) throw new Error(`the server ended with ${code} on Ctrl-C; its log: ${one.log}`);
    });
    await attempt(async () => one.checkLog());
  }
  await attempt(async () => pbx?.remove());
  cleanWorkFolder(failures > 0 || problems.length > 0);
  if (problems.length) throw new Error(problems.join('\n'));
}

after(finish);
