import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedReason, parseReasons, type Ending } from './cause.ts';

const outgoing: Ending = {
  originator: 'remote',
  cause: 'SIP Failure Code',
  direction: 'outgoing',
  number: '1005',
  wasAnswered: false,
  wasMediaUp: false,
  wasRefusedBusy: false,
};

test('a busy number is called busy, with the status for support', () => {
  const reason = endedReason({ ...outgoing, cause: 'Busy', status: 486, reasonPhrase: 'Busy Here' });
  assert.deepEqual(reason, { words: 'Busy', detail: '486 Busy Here', isOrdinary: false });
});

test('a 503 in the words of a PBX means it has no free line', () => {
  for (const reasonPhrase of ['Service Unavailable', 'Congestion', '']) {
    const reason = endedReason({ ...outgoing, status: 503, reasonPhrase, reasons: ['Q.850;cause=42;text="Switching equipment congestion"'] });
    assert.equal(reason.words, 'The PBX is busy or has no free line');
  }
});

test('a sentence of the server goes before every cause and status', () => {
  const phrase = endedReason({ ...outgoing, status: 503, reasonPhrase: 'The PBX cannot be reached' });
  assert.equal(phrase.words, 'The PBX cannot be reached');
  const reasons = ['SIP;cause=500;text="Secure audio could not be set up", Q.850;cause=41'];
  assert.equal(endedReason({ ...outgoing, status: 500, reasonPhrase: 'Server Internal Error', reasons }).words, 'Secure audio could not be set up');
});

test('a server that stops during a call is told as such', () => {
  const answered: Ending = { ...outgoing, wasAnswered: true, cause: 'Terminated' };
  for (const header of [
    'SIP;cause=503;text="The server is restarting", Q.850;cause=42',
    'Q.850;cause=42;text="The server is restarting"',
  ]) {
    const reason = endedReason({ ...answered, reasons: [header] });
    assert.deepEqual(reason, { words: 'The server is restarting', detail: null, isOrdinary: false });
  }
  const bare = endedReason({ ...answered, reasons: ['Q.850;cause=42'] });
  assert.equal(bare.words, 'Too many calls at the moment. Try again');
});

test('a hang-up in the words of the server is a hang-up', () => {
  const answered: Ending = { ...outgoing, wasAnswered: true, cause: 'Terminated' };
  for (const header of ['SIP;cause=487;text="Call ended", Q.850;cause=16', 'Q.850;cause=16;text="Call ended"']) {
    assert.equal(endedReason({ ...answered, reasons: [header] }).words, 'They hung up');
  }
});

test('a number without a phone is named, and the own other phone gets advice', () => {
  const unavailable: Ending = { ...outgoing, cause: 'Unavailable', status: 480, reasonPhrase: 'No phone connected at this number' };
  assert.equal(endedReason(unavailable).words, '1005 is not signed in');
  assert.match(endedReason({ ...unavailable, number: '*45' }).words, /^You have no other phone connected\. Open this page in a second tab/);
  assert.equal(endedReason({ ...unavailable, reasonPhrase: 'Temporarily Unavailable' }).words, 'Not available right now');
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
