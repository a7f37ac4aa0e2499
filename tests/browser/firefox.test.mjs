// Firefox ESR hears the echo, with both libraries.
import assert from 'node:assert/strict';
import os from 'node:os';
import { firefoxHears, firefoxPhone, launchFirefox, microphoneHz } from './lib/firefox.mjs';
import { libraries } from './lib/phone.mjs';
import { until } from './lib/process.mjs';
import { newServer, test } from './lib/shared.mjs';

test('Firefox ESR hears its own tone from the echo, with JsSIP and with SIP.js', async (t) => {
  // Firefox never pairs with a loopback candidate (INTEROP section 1), so the server also says the machine's address.
  const own = Object.values(os.networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  assert.ok(own, 'Firefox needs an address of this machine that is not loopback');
  const ringfence = await newServer(t, { args: ['--advertise', own] });
  const firefox = await launchFirefox();
  t.after(() => firefox.close());
  for (const library of libraries) {
    const agent = await firefoxPhone(firefox, library, { url: ringfence.url, account: ringfence.account(1007) });
    await agent.do('start');
    await agent.sees('registered');
    await agent.do('call', '*43');
    await agent.sees('confirmed');
    let last;
    await until(() => `Firefox to hear ${microphoneHz} Hz, last ${JSON.stringify(last)}`, async () => {
      last = await firefoxHears(agent.page);
      return Math.abs(last.hz - microphoneHz) <= 0.02 * microphoneHz && last.rms > 0.01 && last.share > 0.3;
    }, 10000);
    assert.equal((await agent.page.evaluate(() => window.ears.stats())).state, 'connected');
    await agent.do('hangup');
    await agent.page.close();
  }
});
