// The whole path, as people use it: a browser phone and an ordinary phone of a real PBX hear each other. Requirement K1.
import assert from 'node:assert/strict';
import { hears, margin } from '../browser/lib/browser.mjs';
import { Baresip } from '../browser/lib/baresip.mjs';
import { libraries } from '../browser/lib/phone.mjs';
import { sleep } from '../browser/lib/process.mjs';
import { phone, sharedPbx, test, trunkServer } from '../browser/lib/shared.mjs';

const [browserHz, deskHz] = [800, 620];

/** The desk phone heard the browser's tone. */
async function deskHeard(desk) {
  const tone = await desk.heard();
  assert.ok(Math.abs(tone.hz - browserHz) <= browserHz * 0.02 && tone.share > 0.7, `the desk phone heard ${JSON.stringify(tone)}`);
}

for (const library of libraries) {
  test(`k01 ${library} calls a phone of the PBX: both hear each other`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const desk = await Baresip.start(pbx, { hz: deskHz });
    t.after(() => desk.stop());
    const agent = await phone(t, library, ringfence, 1001, { tone: browserHz });
    await agent.talk('6001');
    await hears(agent.page, deskHz);
    assert.ok(await margin(agent.page, deskHz, browserHz) > 30, 'the browser does not hear itself');
    await sleep(1500); // the recording has to have a second of it
    await agent.hangup();
    await agent.ends();
    await deskHeard(desk);
  });

  test(`k01 a phone of the PBX calls ${library}: both hear each other, and the desk phone hangs up`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const agent = await phone(t, library, ringfence, 1002, { tone: browserHz });
    const desk = await Baresip.start(pbx, { hz: deskHz, dial: '71002' });
    t.after(() => desk.stop());
    assert.equal(await agent.rings(), '6001');
    await agent.answer();
    await agent.sees('confirmed');
    await hears(agent.page, deskHz);
    await sleep(1500);
    await desk.stop();
    assert.equal((await agent.ends()).by, 'remote');
    await deskHeard(desk);
  });
}
