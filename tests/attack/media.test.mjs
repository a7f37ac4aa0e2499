// Packets from strangers to the media port while a call runs. SECURITY M-01 to M-09, M-16.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { hears, margin, stats } from '../browser/lib/browser.mjs';
import { sleep } from '../browser/lib/process.mjs';
import { phone, server, test } from '../browser/lib/shared.mjs';
import { unharmed } from './helper.mjs';

/** A talking phone, the addresses of the server's media from its answer, and the ICE names of both sides. */
async function talking(t) {
  const ringfence = await server();
  const agent = await phone(t, 'jssip', ringfence, 1005, { tone: 700 });
  await agent.talk('*43');
  await hears(agent.page, 700);
  const [ours, theirs] = await agent.page.evaluate(() => {
    const connection = window.ears.connections.at(-1);
    return [connection.localDescription.sdp, connection.remoteDescription.sdp];
  });
  const candidates = [...theirs.matchAll(/a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ host/gi)].map(([, address, port]) => ({ address, port: Number(port) }));
  const value = (sdp, name) => new RegExp(`a=${name}:(\\S+)`).exec(sdp)[1];
  return { ringfence, agent, media: candidates[0], ufrags: { server: value(theirs, 'ice-ufrag'), browser: value(ours, 'ice-ufrag') } };
}

/** A stranger's UDP socket; `answers` holds what came back. */
async function stranger(t) {
  const socket = dgram.createSocket('udp4');
  socket.answers = [];
  socket.on('message', (message) => socket.answers.push(message));
  await new Promise((resolve) => { socket.bind(0, '127.0.0.1', resolve); });
  t.after(() => socket.close());
  return socket;
}

const rtp = (sequence, { payloadType = 111, ssrc = 0x12345678, body = randomBytes(60) } = {}) => {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head[1] = payloadType;
  head.writeUInt16BE(sequence & 0xffff, 2);
  head.writeUInt32BE((sequence * 960) >>> 0, 4);
  head.writeUInt32BE(ssrc >>> 0, 8);
  return Buffer.concat([head, body]);
};

/** A STUN binding request; the integrity is wrong unless it is left out. */
function binding({ username, integrity = true, controlling = true, nominate = false }) {
  const attributes = [];
  const add = (type, value) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    attributes.push(head, value, Buffer.alloc((4 - (value.length % 4)) % 4));
  };
  if (username) add(0x0006, Buffer.from(username));
  add(0x0024, Buffer.from([0x6e, 0x7f, 0x1e, 0xff]));
  if (controlling) add(0x802a, randomBytes(8));
  if (nominate) add(0x0025, Buffer.alloc(0));
  if (integrity) add(0x0008, randomBytes(20));
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(20);
  head.writeUInt16BE(0x0001, 0);
  head.writeUInt16BE(body.length, 2);
  head.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(head, 8);
  return Buffer.concat([head, body]);
}

/** The call goes on as if nothing had been: the tone, no loss, no other tone. */
async function undisturbed(agent, before) {
  await hears(agent.page, 700);
  assert.ok(await margin(agent.page, 700, 1200) > 30);
  const now = await stats(agent.page);
  assert.equal(now.state, 'connected');
  assert.ok(now.lost - before.lost <= 1, `${now.lost - before.lost} packets lost`);
  assert.ok(now.received > before.received);
}

function attackOnMedia(name, body) {
  test(name, async (t) => {
    const scene = await talking(t);
    const before = await stats(scene.agent.page);
    const socket = await stranger(t);
    const send = (packet) => new Promise((resolve) => { socket.send(packet, scene.media.port, scene.media.address, resolve); });
    await body({ ...scene, socket, send });
    await undisturbed(scene.agent, before);
    await scene.agent.hangup();
    await scene.agent.ends();
    await unharmed();
  });
}

attackOnMedia('m01 m03 m08 RTP from elsewhere, plain and random, gets nothing back and is not heard', async ({ socket, send }) => {
  for (let i = 0; i < 400; i++) {
    await send(rtp(i));
    await send(rtp(i, { payloadType: 0, body: Buffer.alloc(160, 0x2a) }));
    if (i % 50 === 0) await sleep(20);
  }
  assert.equal(socket.answers.length, 0);
});

attackOnMedia('m06 STUN with a bad integrity, none, or a wrong name changes nothing and gets at most one error each', async ({ socket, send, ufrags }) => {
  const requests = [
    binding({ username: `${ufrags.server}:${ufrags.browser}` }),
    binding({ username: `${ufrags.server}:${ufrags.browser}`, nominate: true }),
    binding({ username: `${ufrags.server}:${ufrags.browser}`, integrity: false, nominate: true }),
    binding({ username: `${ufrags.server}:xxxx` }),
    binding({ username: 'nobody:nobody' }),
    binding({ username: `${ufrags.server}:${ufrags.browser}`, controlling: false }),
    binding({}),
    binding({ username: 'x'.repeat(600) }),
  ];
  for (const request of requests) for (let i = 0; i < 5; i++) await send(request);
  await sleep(200);
  assert.ok(socket.answers.length <= requests.length * 5);
  for (const answer of socket.answers) assert.notEqual(answer.readUInt16BE(0), 0x0101, 'no success response');
});

attackOnMedia('m05 m09 m13 m14 ClientHellos, DTLS alerts, RTCP and rubbish of every length from elsewhere', async ({ socket, send }) => {
  for (const length of [0, 1, 2, 3, 4, 11, 12, 13, 20, 27, 28, 100, 1200, 1472, 9000, 65000]) {
    for (const first of [0x00, 0x01, 0x14, 0x15, 0x16, 0x17, 0x19, 0x3f, 0x40, 0x7f, 0x80, 0x90, 0xbf, 0xc0, 0xff]) {
      const packet = randomBytes(length);
      if (length) packet[0] = first;
      await send(packet);
    }
  }
  // A DTLS record that claims to be the first fragment of a very large ClientHello, many times over.
  for (let i = 0; i < 300; i++) {
    const record = Buffer.alloc(13 + 12 + 50);
    record[0] = 22;
    record.writeUInt16BE(0xfefd, 1);
    record.writeUInt16BE(i, 9);
    record.writeUInt16BE(12 + 50, 11);
    record[13] = 1;
    record.writeUIntBE(0xffffff, 14, 3);
    record.writeUInt16BE(i, 17);
    record.writeUIntBE(50, 22, 3);
    await send(record);
  }
  const bye = Buffer.from([0x81, 203, 0, 1, 0x12, 0x34, 0x56, 0x78]);
  for (let i = 0; i < 20; i++) await send(bye);
  await sleep(100);
  assert.equal(socket.answers.length, 0, 'no answer to anybody who is not known');
});

