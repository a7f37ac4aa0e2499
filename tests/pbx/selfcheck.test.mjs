// The harness against Asterisk's own WebRTC, without Ringfence: when this fails, the fault is not in the server.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { hears, hearsNothing, margin, receivesDigits, stats } from '../browser/lib/browser.mjs';
import { libraries, Phone } from '../browser/lib/phone.mjs';
import { Pbx } from '../browser/lib/pbx.mjs';
import { until } from '../browser/lib/process.mjs';
import { readWav, toneOf } from '../browser/lib/wav.mjs';
import { test } from '../browser/lib/shared.mjs';

let pbx;
before(async () => { pbx = await (await Pbx.prepare()).start(); });
after(() => pbx?.remove());

async function open(t, library, options = {}) {
  const phone = await Phone.open(library, {
    url: `wss://localhost:${pbx.ports.wss}/ws`, origin: `https://localhost:${pbx.ports.wss}`, account: { user: 'web1', password: 'pwweb1' }, ...options,
  });
  t.after(() => phone.close());
  return phone.register();
}

for (const library of libraries) {
  test(`${library}: echo, hold, mute, digits, hang-up`, async (t) => {
    const phone = await open(t, library, { tone: 700, events: true });
    await phone.talk('600');
    await hears(phone.page, 700);
    assert.ok(await margin(phone.page, 700, 440) > 30);
    await phone.mute(true);
    await hearsNothing(phone.page);
    await phone.mute(false);
    await hears(phone.page, 700);
    await phone.hold();
    await phone.sees('hold');
    await hearsNothing(phone.page);
    await phone.unhold();
    await phone.sees('unhold');
    await hears(phone.page, 700);
    await phone.hangup();
    await phone.ends();
    await until('no channel', async () => await pbx.channels() === 0);
    await phone.talk('609');
    await phone.dtmf('1590', 'rfc4733');
    await receivesDigits(phone.page, '1590');
    assert.match(pbx.messages(), /609 read 1590/);
    await phone.ends();
  });

  test(`${library}: the PBX hears the browser; busy; early media; the PBX hangs up; incoming`, async (t) => {
    const phone = await open(t, library, { tone: 900, codecs: ['PCMU'] });
    await phone.talk('620');
    await hears(phone.page, 440);
    assert.equal((await stats(phone.page)).receives, 'audio/PCMU');
    assert.equal(await pbx.codec(), 'ulaw');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await phone.hangup();
    const tone = toneOf(readWav(await pbx.heard('620')));
    assert.ok(Math.abs(tone.hz - 900) < 18 && tone.share > 0.8, JSON.stringify(tone));
    await phone.call('604');
    assert.equal((await phone.ends()).code, 486);
    await phone.call('608');
    await hears(phone.page, 440);
    assert.ok(!(await phone.events()).includes('confirmed'));
    await phone.hangup();
    assert.equal((await phone.ends()).by, library === 'jssip' ? 'local' : 'remote');
    await phone.talk('610');
    assert.equal((await phone.ends()).by, 'remote');
    await pbx.originate('PJSIP/web1', '620');
    await phone.rings();
    await phone.answer();
    await hears(phone.page, 440);
    await phone.hangup();
  });
}
