// Offers no browser makes. SECURITY S-18, S-19, M-11, M-12; issue 2 "Bad input and faults".
import assert from 'node:assert/strict';
import { hear } from '../browser/lib/browser.mjs';
import { sleep, until } from '../browser/lib/process.mjs';
import { phone as softphone } from '../browser/lib/shared.mjs';
import { browserOffer, RawPhone } from '../browser/lib/sip.mjs';
import { attack } from './helper.mjs';

const sha1 = `sha-1 ${Array.from({ length: 20 }, () => 'AB').join(':')}`;

for (const [name, sdp, statuses] of [
  ['without a fingerprint', browserOffer({ fingerprint: null }), [488]],
  ['of plain RTP/AVP', browserOffer({ profile: 'RTP/AVP', fingerprint: null }), [488]],
  ['of RTP/AVP with a fingerprint', browserOffer({ profile: 'RTP/AVP' }), [488]],
  ['of RTP/SAVP with a=crypto', browserOffer({ profile: 'RTP/SAVP', fingerprint: null, extra: ['a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'] }), [488]],
  ['with a SHA-1 fingerprint', browserOffer({ fingerprint: sha1 }), [488]],
  ['with a fingerprint that is no hex', browserOffer({ fingerprint: 'sha-256 zz' }), [400, 488]],
  ['with 1,000 m-lines', browserOffer({ medias: 1000 }), [400, 413, 488]],
  ['with ptime 0', browserOffer({ extra: ['a=ptime:0', 'a=maxptime:1000000000'] }), [200, 400, 488]],
  ['with payload type 999', browserOffer({ extra: ['a=rtpmap:999 opus/48000/2'] }), [200, 400, 488]],
  ['without ICE', browserOffer().replace(/a=ice-.*\r\n/g, ''), [400, 488]],
  ['without audio', browserOffer().replace('m=audio', 'm=video'), [488]],
  ['that is no SDP', 'hello\r\n', [400, 488]],
  ['that is empty lines', '\r\n'.repeat(100), [400, 488]],
]) {
  attack(`an offer ${name} is answered ${statuses.join(' or ')}`, async (t, ringfence) => {
    const phone = await RawPhone.connect(ringfence, 1001);
    t.after(() => phone.end());
    assert.equal((await phone.register()).status, 200);
    const began = Date.now();
    const answer = await phone.invite('*43', sdp).catch((error) => ({ status: phone.socket.closed ? 413 : 0, phrase: error.message }));
    assert.ok(statuses.includes(answer.status), `${answer.status} ${answer.phrase}`);
    assert.ok(Date.now() - began < 1000);
  });
}

for (const [name, spoil] of [
  ['another fingerprint', (sdp) => sdp.replace(/(a=fingerprint:sha-256 )(..)/g, (_, start, byte) => start + (byte === '00' ? '01' : '00'))],
]) {
  attack(`m12 ${name} than the browser's certificate: no audio, and the call is torn down in 5 s`, async (t, ringfence) => {
    const agent = await softphone(t, 'jssip', ringfence, 1005, { tone: 500 });
    await agent.page.evaluate((text) => {
      const change = new Function(`return ${text}`)();
      window.phone.changeSdp = (event) => { if (event.originator === 'local') event.sdp = change(event.sdp); };
    }, spoil.toString());
    await agent.call('*43');
    const began = Date.now();
    let loudest = 0;
    await until('the call to end', async () => {
      loudest = Math.max(loudest, (await hear(agent.page, [], 1)).rms);
      return agent.page.evaluate(() => window.phone.ended);
    }, 8000, 50);
    assert.ok(Date.now() - began < 6500);
    assert.ok(loudest < 0.003, `heard ${loudest}`);
  });
}

attack('an offer from a phone that never sends media is cleaned up, and more than a bound of them is refused', async (t, ringfence) => {
  const phone = await RawPhone.connect(ringfence, 1001);
  t.after(() => phone.end());
  assert.equal((await phone.register()).status, 200);
  const answers = [];
  for (let i = 0; i < 40; i++) answers.push(phone.invite('*43', browserOffer(), { timeout: 8000 }).then((answer) => answer.status, () => 0));
  for (const status of await Promise.all(answers)) assert.ok([0, 200, 403, 429, 486, 480, 503].includes(status), `${status}`);
  await sleep(100);
});
