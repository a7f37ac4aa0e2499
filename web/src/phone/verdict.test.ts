import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSoundBetween, LONG_SILENCE, mediaSample, verdict, type CallConditions, type MediaSample } from './verdict.ts';

const talking: CallConditions = { isMuted: false, isOnHold: false, isListenOnly: false, isLongSilent: false };
const start: MediaSample = {
  packetsReceived: 100,
  packetsLost: 0,
  packetsSent: 100,
  energyReceived: 1,
  energyCaptured: 1,
  levelReceived: 0.1,
  levelCaptured: 0.1,
  codec: 'Opus',
  clockRate: 48000,
  dtlsVersion: '1.3',
  srtpCipher: null,
  roundTripMs: 24,
  jitterMs: 2,
  isConnected: true,
};
const good: MediaSample = { ...start, packetsReceived: 350, packetsSent: 350, energyReceived: 2, energyCaptured: 2 };

test('a working call is one line with its figures', () => {
  const result = verdict(start, good, talking);
  assert.equal(result.words, 'Two-way audio, Opus 48 kHz, DTLS 1.3, 24 ms, 0 % lost');
  assert.ok(result.isTwoWay);
});

test('loss is counted within the time judged', () => {
  const before = { ...start, packetsLost: 40 };
  assert.match(verdict(before, { ...good, packetsLost: 53, packetsReceived: 337 }, talking).words, /5\.2 % lost$/);
});

test('the missing direction is named', () => {
  assert.match(verdict(start, { ...good, packetsReceived: 100 }, talking).words, /no audio arrives from them/);
  assert.match(verdict(start, { ...good, packetsSent: 100 }, talking).words, /does not leave this browser/);
  assert.ok(!verdict(start, { ...good, packetsReceived: 100 }, talking).isTwoWay);
});

test('silence has a reason', () => {
  assert.match(verdict(start, { ...good, energyCaptured: 1 }, talking).words, /Your microphone is silent/);
  assert.match(verdict(start, { ...good, energyReceived: 1 }, talking).words, /they are silent/);
  assert.match(verdict(start, { ...good, energyCaptured: 1 }, { ...talking, isMuted: true }).words, /you are muted/);
  assert.match(verdict(start, { ...good, energyCaptured: 1 }, { ...talking, isListenOnly: true }).words, /Listening only/);
});

test('a long silence is explained, unless the own microphone explains it', () => {
  const long: CallConditions = { ...talking, isLongSilent: true };
  assert.equal(verdict(start, { ...good, energyReceived: 1 }, long).summary, LONG_SILENCE);
  assert.equal(verdict(start, { ...good, packetsReceived: 100 }, long).summary, LONG_SILENCE);
  assert.equal(verdict(start, { ...good, energyReceived: 1 }, { ...long, isMuted: true }).summary, LONG_SILENCE);
  assert.match(verdict(start, { ...good, energyReceived: 1, energyCaptured: 1 }, long).words, /Your microphone is silent/);
  const never = { ...start, packetsReceived: 0 };
  assert.match(verdict(never, { ...good, packetsReceived: 0 }, long).words, /no audio arrives from them/);
});

test('comfort noise is no sound', () => {
  assert.ok(isSoundBetween(start, good));
  assert.ok(!isSoundBetween(start, { ...good, energyReceived: 1 + 1e-9 }));
  assert.ok(!isSoundBetween({ ...start, energyReceived: null }, { ...start, energyReceived: null }));
  assert.ok(isSoundBetween({ ...start, energyReceived: null }, { ...good, energyReceived: null }));
});

test('a call without a path says so', () => {
  assert.match(verdict(start, { ...start, isConnected: false }, talking).words, /firewall may be blocking UDP/);
});

test('figures are found in a report as Chromium gives it', () => {
  const report = new Map<string, object>([
    ['T', { id: 'T', type: 'transport', selectedCandidatePairId: 'P', tlsVersion: 'FEFC', srtpCipher: 'AEAD_AES_128_GCM' }],
    ['P', { id: 'P', type: 'candidate-pair', state: 'succeeded', currentRoundTripTime: 0.0241 }],
    ['C', { id: 'C', type: 'codec', mimeType: 'audio/opus', clockRate: 48000 }],
    ['I', { id: 'I', type: 'inbound-rtp', kind: 'audio', codecId: 'C', packetsReceived: 7, packetsLost: -1, totalAudioEnergy: 0.5 }],
    ['O', { id: 'O', type: 'outbound-rtp', kind: 'audio', packetsSent: 9 }],
    ['S', { id: 'S', type: 'media-source', kind: 'audio', audioLevel: 0.3 }],
  ]);
  const sample = mediaSample(report);
  assert.equal(sample.codec, 'Opus');
  assert.equal(sample.dtlsVersion, '1.3');
  assert.equal(sample.roundTripMs, 24);
  assert.equal(sample.packetsLost, 0);
  assert.equal(sample.levelCaptured, 0.3);
  assert.ok(sample.isConnected);
});

test('an empty report is a call that is not there yet', () => {
  assert.ok(!mediaSample(new Map()).isConnected);
});
