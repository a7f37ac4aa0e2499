import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedReason, parseReasons, type Ending } from './cause.ts';

const outgoing: Ending = {
  originator: 'remote',
  cause: 'SIP Failure Code',
  direction: 'outgoing',
  wasAnswered: false,
  wasMediaUp: false,
  wasRefusedBusy: false,
};

test('a busy number is called busy, with the status for support', () => {
  const reason = endedReason({ ...outgoing, cause: 'Busy', status: 486, reasonPhrase: 'Busy Here' });
  assert.deepEqual(reason, { words: 'Busy', detail: '486 Busy Here', isOrdinary: false });
});

test('without a reason from the server a 503 means the PBX is away', () => {
  assert.equal(endedReason({ ...outgoing, status: 503, reasonPhrase: 'Service Unavailable' }).words, 'The PBX cannot be reached');
});

test('the server may say better why it failed', () => {
  const reasons = ['SIP;cause=503;text="all trunks of this number are full."'];
  assert.equal(endedReason({ ...outgoing, status: 503, reasons }).words, 'All trunks of this number are full');
});

test('nobody answering is not a failure of the number', () => {
  assert.equal(endedReason({ ...outgoing, cause: 'Unavailable', status: 408 }).words, 'No answer');
});

test('an unknown status falls back to its phrase', () => {
  assert.equal(endedReason({ ...outgoing, status: 499, reasonPhrase: 'on vacation' }).words, 'On vacation');
});

test('a plain hang-up is told by who did it', () => {
  const answered = { ...outgoing, wasAnswered: true, cause: 'Terminated' };
  assert.equal(endedReason({ ...answered, originator: 'local' }).words, 'You hung up');
  assert.equal(endedReason({ ...answered, reasons: ['Q.850;cause=16;text="Normal Clearing"'] }).words, 'They hung up');
});

test('a hang-up because the PBX went away is not told as a hang-up', () => {
  const ending = { ...outgoing, wasAnswered: true, cause: 'Terminated', reasons: ['Q.850;cause=38'] };
  assert.deepEqual(endedReason(ending), { words: 'The PBX cannot be reached', detail: null, isOrdinary: false });
});

test('a call taken on another phone is not a missed call', () => {
  const cancelled: Ending = { ...outgoing, direction: 'incoming', cause: 'Canceled' };
  assert.equal(endedReason(cancelled).words, 'Missed call');
  const elsewhere = { ...cancelled, reasons: ['SIP;cause=200;text="Call completed elsewhere"'] };
  assert.equal(endedReason(elsewhere).words, 'Answered on another phone');
});

test('blocked audio and lost audio are told apart', () => {
  const timeout: Ending = { ...outgoing, originator: 'local', cause: 'RTP Timeout', wasAnswered: true };
  assert.match(endedReason(timeout).words, /firewall/);
  assert.match(endedReason({ ...timeout, wasMediaUp: true }).words, /lost/);
});

test('reason headers are read with quoted commas and semicolons', () => {
  assert.deepEqual(parseReasons('SIP ;cause=503;text="no, really; gone", Q.850;cause=38'), [
    { protocol: 'SIP', cause: 503, text: 'no, really; gone' },
    { protocol: 'Q.850', cause: 38, text: null },
  ]);
});

test('reason headers that make no sense are harmless', () => {
  for (const header of ['', ';;;', '"', 'SIP;cause=99999', ',,"a', 'x;text="\\"']) parseReasons(header);
  assert.deepEqual(parseReasons('SIP;cause=99999'), [{ protocol: 'SIP', cause: null, text: null }]);
});
