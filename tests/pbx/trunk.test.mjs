// Ringfence between a browser and a real Asterisk: SIP/TLS with SDES-SRTP, tones measured at both ends.
// Issue 2, "Shown by" 2; requirements K1, K15.
import assert from 'node:assert/strict';
import { hears, margin, receivesDigits, stats } from '../browser/lib/browser.mjs';
import { libraries } from '../browser/lib/phone.mjs';
import { sleep, until } from '../browser/lib/process.mjs';
import { newServer, phone, sharedPbx, test, trunkServer, trunkTo } from '../browser/lib/shared.mjs';
import { readWav, toneOf } from '../browser/lib/wav.mjs';

/** The PBX's recording of extension 62X has this tone, ±2 %. */
async function pbxHeard(pbx, extension, hz) {
  const tone = toneOf(readWav(await pbx.heard(extension)));
  assert.ok(Math.abs(tone.hz - hz) <= hz * 0.02 && tone.share > 0.7 && tone.rms > 0.02, `the PBX heard ${JSON.stringify(tone)}, not ${hz} Hz`);
}

const idle = (pbx) => until('the PBX to have no call left', async () => await pbx.channels() === 0, 5000, 150);

for (const library of libraries) {
  test(`${library} calls the PBX: echo, 440 Hz and 1004 Hz are heard; both ends hang up cleanly`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const agent = await phone(t, library, ringfence, 1001, { tone: 700 });
    await agent.talk('600');
    await hears(agent.page, 700);
    assert.ok(await margin(agent.page, 700, 440) > 25);
    await agent.hangup();
    await agent.ends();
    await idle(pbx);
    for (const [extension, hz] of [['601', 440], ['602', 1004]]) {
      await agent.talk(extension);
      await hears(agent.page, hz);
      await agent.hangup();
      await agent.ends();
    }
    await agent.talk('610');
    const end = await agent.ends();
    assert.equal(end.by, 'remote');
    await idle(pbx);
  });

  test(`${library} calls the PBX: busy, no such extension, cancelled while it rings`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const agent = await phone(t, library, ringfence, 1001);
    await agent.call('604');
    assert.equal((await agent.ends()).code, 486);
    await agent.call('607');
    assert.equal((await agent.ends()).code, 404);
    await agent.call('605');
    await agent.sees('progress 180');
    await agent.hangup();
    await agent.ends();
    await idle(pbx);
  });

  test(`${library} hears early media before the answer`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const agent = await phone(t, library, ringfence, 1001);
    await agent.call('608');
    await hears(agent.page, 440);
    assert.ok(!(await agent.events()).includes('confirmed'));
    await agent.hangup();
    await agent.ends();
    await idle(pbx);
  });

  for (const [way, codec, clock] of [['info', 'opus', 48000], ['rfc4733', 'opus', 48000], ['rfc4733', 'PCMU', 8000]]) {
    test(`interop_c35 ${library} with ${codec}: digits by ${way} reach the PBX, and the PBX's reach the browser`, async (t) => {
      const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
      const agent = await phone(t, library, ringfence, 1001, { codecs: [codec], events: true });
      const before = pbx.messages().length;
      await agent.talk('609');
      await sleep(300);
      await agent.dtmf('1590', way);
      await until('the PBX to read the digits', () => /609 read 1590\b/.test(pbx.messages().slice(before)), 8000);
      for (const duration of await receivesDigits(agent.page, '1590')) {
        const milliseconds = (1000 * duration) / clock;
        assert.ok(milliseconds >= 90 && milliseconds <= 220, `120 ms were sent, ${milliseconds} ms came`);
      }
      await agent.hangup();
    });
  }

  for (const [trunk, prefix] of [['registered', '7'], ['static', '8']]) {
    test(`the PBX calls ${library} over the ${trunk} trunk: tone at both ends, either side hangs up`, async (t) => {
      const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
      const agent = await phone(t, library, ringfence, 1002, { tone: 900 });
      await pbx.originate(`Local/${prefix}1002@lab`, '620');
      assert.equal(await agent.rings(), '6001');
      await agent.answer();
      await agent.sees('confirmed');
      await hears(agent.page, 440);
      await sleep(1500); // the recording has to have a second of it
      await agent.hangup();
      await agent.ends();
      await pbxHeard(pbx, '620', 900);
      await idle(pbx);
      await pbx.originate(`Local/${prefix}1002@lab`, '610');
      await agent.rings();
      await agent.answer();
      await agent.sees('confirmed');
      assert.equal((await agent.ends()).by, 'remote');
      await idle(pbx);
    });
  }

  test(`the PBX calls ${library}: it gives up, and a declined call`, async (t) => {
    const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
    const agent = await phone(t, library, ringfence, 1002);
    await pbx.originate('Local/71002@lab', '600');
    await agent.rings();
    await pbx.hangUpAll();
    assert.equal((await agent.ends()).by, 'remote');
    await idle(pbx);
    await pbx.originate('Local/71002@lab', '600');
    await agent.rings();
    await agent.reject(486);
    await agent.ends();
    await idle(pbx);
  });
}

// What each side of the gateway speaks: relayed where they agree, transcoded where not.
for (const [account, pbxCodec] of [['ringfence-opus', 'opus'], ['ringfence-ulaw', 'ulaw'], ['ringfence-alaw', 'alaw']]) {
  test(`codecs with ${pbxCodec} on the trunk: Opus, µ-law and A-law browsers, tone at both ends`, async (t) => {
    const pbx = await sharedPbx();
    const ringfence = await newServer(t, { trunk: trunkTo(pbx, account) });
    await pbx.waitRegistered(account);
    let extension = 621;
    for (const codec of ['opus', 'PCMU', 'PCMA']) {
      const agent = await phone(t, 'jssip', ringfence, 1001, { tone: 700, codecs: [codec] });
      await agent.talk(String(extension));
      await hears(agent.page, 440);
      assert.equal((await stats(agent.page)).receives, `audio/${codec}`);
      assert.equal(await pbx.codec(), pbxCodec);
      await sleep(1200);
      await agent.hangup();
      await agent.ends();
      await pbxHeard(pbx, extension, 700);
      await agent.close();
      extension += 1;
    }
  });
}

test('plain RTP towards the PBX where the trunk says so', async (t) => {
  const pbx = await sharedPbx();
  const ringfence = await newServer(t, { trunk: trunkTo(pbx, 'ringfence-rtp', 'rtp') });
  await pbx.waitRegistered('ringfence-rtp');
  const agent = await phone(t, 'jssip', ringfence, 1001, { tone: 600 });
  await agent.talk('600');
  await hears(agent.page, 600);
  await agent.hangup();
});

test('the browser never received the password of the trunk', async (t) => {
  const [ringfence, pbx] = [await trunkServer(), await sharedPbx()];
  const agent = await phone(t, 'jssip', ringfence, 1001);
  await agent.talk('600');
  await hears(agent.page, 440);
  await agent.hangup();
  await agent.ends();
  const wire = agent.page.wire.join('\n');
  assert.match(wire, /INVITE sip:600/, 'the tap works');
  assert.ok(!wire.includes(pbx.secret));
  assert.ok(!wire.includes(Buffer.from(pbx.secret).toString('base64')));
  assert.doesNotMatch(wire, /a=crypto|LabPBX/, 'nor anything else of the other leg');
});
