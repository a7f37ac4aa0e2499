// Unmodified JsSIP and SIP.js in Chromium against Ringfence alone: built-in numbers and agent to agent.
// Issue 2, "Shown by" 1; requirements K1, K14, K21.
import assert from 'node:assert/strict';
import { hears, hearsDigits, hearsNothing, margin, recordDigits, stats } from './lib/browser.mjs';
import { libraries } from './lib/phone.mjs';
import { phone, server, test } from './lib/shared.mjs';

const other = (library) => libraries.find((one) => one !== library);

for (const library of libraries) {
  test(`${library}: the echo gives the own tone back; muted it is silent`, async (t) => {
    const agent = await phone(t, library, await server(), 1001, { tone: 700 });
    await agent.talk('*43');
    await hears(agent.page, 700);
    assert.ok(await margin(agent.page, 700, 440) > 30);
    const { receives, sends, dtlsState, dtls } = await stats(agent.page);
    assert.deepEqual({ receives, sends, dtlsState }, { receives: 'audio/opus', sends: 'audio/opus', dtlsState: 'connected' });
    assert.equal(dtls, 'FEFC', 'DTLS 1.3 with the Chromium of today');
    await agent.mute(true);
    await hearsNothing(agent.page);
    await agent.mute(false);
    await hears(agent.page, 700);
    await agent.hangup();
    assert.equal((await agent.ends()).by, 'local');
  });

  test(`${library}: the echo works with G.711 too, µ-law and A-law`, async (t) => {
    for (const codec of ['PCMU', 'PCMA']) {
      const agent = await phone(t, library, await server(), 1001, { tone: 600, codecs: [codec] });
      await agent.talk('*43');
      await hears(agent.page, 600);
      assert.equal((await stats(agent.page)).receives, `audio/${codec}`);
      await agent.hangup();
      await agent.ends();
    }
  });

  test(`${library}: hold silences the echo, resume brings the tone back`, async (t) => {
    const agent = await phone(t, library, await server(), 1001, { tone: 500 });
    await agent.talk('*43');
    await hears(agent.page, 500);
    await agent.hold();
    await agent.sees('hold');
    await hearsNothing(agent.page);
    await agent.unhold();
    await agent.sees('unhold');
    await hears(agent.page, 500);
    await agent.hangup();
  });

  for (const way of ['info', 'rfc4733']) {
    test(`${library}: digits by ${way} are read back as dual tones`, async (t) => {
      const agent = await phone(t, library, await server(), 1001);
      await agent.talk('*46');
      await recordDigits(agent.page);
      await agent.dtmf('159#', way);
      await hearsDigits(agent.page, '159#');
      await agent.hangup();
    });
  }

  test(`${library} calls ${other(library)}: each hears the other and not itself, and the callee hangs up`, async (t) => {
    const ringfence = await server();
    const caller = await phone(t, library, ringfence, 1001, { tone: 500 });
    const callee = await phone(t, other(library), ringfence, 1002, { tone: 800 });
    await caller.call('1002');
    assert.equal(await callee.rings(), '1001');
    await caller.sees('progress 180');
    await callee.answer();
    await caller.sees('confirmed');
    await Promise.all([hears(caller.page, 800), hears(callee.page, 500)]);
    assert.ok(await margin(caller.page, 800, 500) > 30, 'the caller does not hear itself');
    assert.ok(await margin(callee.page, 500, 800) > 30, 'the callee does not hear itself');
    await caller.hold();
    await caller.sees('hold');
    await hearsNothing(callee.page);
    await caller.unhold();
    await caller.sees('unhold');
    await Promise.all([hears(caller.page, 800), hears(callee.page, 500)]);
    await callee.hangup();
    assert.equal((await caller.ends()).by, 'remote');
  });

  test(`${library}: busy, declined, cancelled, unknown and unconnected numbers end with their own code`, async (t) => {
    const ringfence = await server();
    const caller = await phone(t, library, ringfence, 1001);
    const callee = await phone(t, other(library), ringfence, 1002);
    await caller.call('1002');
    await callee.rings();
    await callee.reject(486);
    assert.equal((await caller.ends()).code, 486);

    await caller.call('1002');
    await callee.rings();
    await callee.reject(603);
    assert.equal((await caller.ends()).code, 603);

    await caller.call('1002');
    await callee.rings();
    await caller.sees('progress 180');
    await caller.hangup();
    await caller.ends();
    const missed = await callee.ends();
    assert.equal(missed.by, 'remote');
    assert.doesNotMatch(missed.reason ?? '', /elsewhere/i);

    await caller.call('1005');
    const absent = await caller.ends();
    assert.equal(absent.code, 480);
    assert.match(absent.phrase, /\w+ \w+/, 'in words');

    await caller.call('5551234');
    const unknown = await caller.ends();
    assert.ok([404, 503].includes(unknown.code), `no trunk: ${JSON.stringify(unknown)}`);
    assert.match(unknown.phrase, /\w+ \w+/, 'in words');
  });

  test(`${library}: a bad token is refused`, async (t) => {
    const ringfence = await server();
    const { user, token } = ringfence.account(1001);
    const spoilt = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    for (const bad of [spoilt, 'not-a-token', '']) {
      await assert.rejects(phone(t, library, { ...ringfence, url: ringfence.url, origin: ringfence.origin, account: () => ({ user, token: bad }) }, 1001), /registration failed 40[13]|disconnected|registered or refused/);
    }
  });
}

test('agents of different codecs hear each other (transcoded)', async (t) => {
  const ringfence = await server();
  for (const [mine, theirs] of [['opus', 'PCMU'], ['PCMA', 'opus'], ['PCMU', 'PCMA']]) {
    const caller = await phone(t, 'jssip', ringfence, 1001, { tone: 500, codecs: [mine] });
    const callee = await phone(t, 'sipjs', ringfence, 1002, { tone: 800, codecs: [theirs] });
    await caller.call('1002');
    await callee.rings();
    await callee.answer();
    await caller.sees('confirmed');
    await Promise.all([hears(caller.page, 800), hears(callee.page, 500)]);
    assert.equal((await stats(caller.page)).receives, `audio/${mine}`);
    assert.equal((await stats(callee.page)).receives, `audio/${theirs}`);
    await caller.hangup();
    assert.equal((await callee.ends()).by, 'remote');
    await caller.close();
    await callee.close();
  }
});

test('interop_c06 all phones of an agent ring, the first to answer wins, the others see "completed elsewhere"', async (t) => {
  const ringfence = await server();
  const caller = await phone(t, 'jssip', ringfence, 1001, { tone: 500 });
  const desk = await phone(t, 'jssip', ringfence, 1002, { tone: 800 });
  const home = await phone(t, 'sipjs', ringfence, 1002, { tone: 900 });
  for (const [winner, loser, tone] of [[desk, home, 800], [home, desk, 900]]) {
    await caller.call('1002');
    await Promise.all([desk.rings(), home.rings()]);
    await winner.answer();
    await caller.sees('confirmed');
    assert.match((await loser.ends()).reason, /cause=200.*completed elsewhere/i);
    await hears(caller.page, tone);
    await caller.hangup();
    await winner.ends();
  }
});

test('*45 rings the other phone of the caller', async (t) => {
  const ringfence = await server();
  const one = await phone(t, 'jssip', ringfence, 1005, { tone: 500 });
  await one.call('*45');
  assert.equal((await one.ends()).code, 480, 'there is no other phone yet');
  const two = await phone(t, 'sipjs', ringfence, 1005, { tone: 800 });
  await one.call('*45');
  await two.rings();
  await two.answer();
  await one.sees('confirmed');
  await Promise.all([hears(one.page, 800), hears(two.page, 500)]);
  await one.hangup();
  await two.ends();
});

test('*44 plays 440 Hz', async (t) => {
  const agent = await phone(t, 'jssip', await server(), 1001, { tone: 900 });
  await agent.talk('*44');
  await hears(agent.page, 440);
  await agent.hangup();
});

test('the second listener serves wss with the same phones', async (t) => {
  const ringfence = await server();
  const agent = await phone(t, 'jssip', { url: ringfence.info.wss, origin: ringfence.info.wss.replace(/^wss/, 'https'), account: (number) => ringfence.account(number) }, 1001, { tone: 650 });
  await agent.talk('*43');
  await hears(agent.page, 650);
  await agent.hangup();
});
