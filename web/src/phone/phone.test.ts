import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from './emitter.ts';
import type { Microphone } from './microphone.ts';
import { InvalidNumberError, Phone, PhoneBusyError } from './phone.ts';
import type { UserAgentOptions } from './user_agent.ts';

/** As much of JsSIP's session as the engine touches; `emit` plays the far end. */
class FakeSession {
  readonly calls: string[] = [];
  connection = null;
  remote_identity = { display_name: 'Dana Fox', uri: { user: '%2B4930' } };
  readonly #listeners = new Map<string, ((event: unknown) => void)[]>();
  constructor(readonly id: string) {}
  on(event: string, listener: (event: unknown) => void) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }
  emit(event: string, value: unknown = {}) {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
  answer() {
    this.calls.push('answer');
  }
  hold() {
    this.calls.push('hold');
    this.emit('hold', { originator: 'local' });
    return true;
  }
  unhold() {
    this.calls.push('unhold');
    this.emit('unhold', { originator: 'local' });
    return true;
  }
  terminate(options?: { status_code: number }) {
    this.calls.push(`terminate ${options?.status_code ?? ''}`.trim());
    this.emit('failed', { originator: 'local', cause: 'Rejected', message: null });
  }
}

class FakeMicrophone extends Emitter<{ changed: void; replaced: void }> {
  source = { kind: 'tone' };
  borrowed = 0;
  async borrow() {
    this.borrowed += 1;
    return {};
  }
  giveBack() {
    this.borrowed -= 1;
  }
}

function phoneWithFakes() {
  const listeners = new Map<string, (event: never) => void>();
  const sessions: FakeSession[] = [];
  const targets: string[] = [];
  const microphone = new FakeMicrophone();
  const connection = { isUp: true };
  let options: UserAgentOptions | null = null;
  const phone = new Phone({
    number: '1001',
    displayName: 'Agent',
    host: 'pbx.example',
    instanceId: '7f0f3c1e-0000-4000-8000-000000000001',
    url: 'wss://pbx.example/ws',
    microphone: microphone as unknown as Microphone,
    createUserAgent: (given) => {
      options = given;
      return {
        start: () => {},
        stop: () => {},
        register: () => {},
        call: (target) => {
          targets.push(target);
          const session = new FakeSession(`out-${sessions.length}`);
          sessions.push(session);
          return session as never;
        },
        isRegistered: () => false,
        isConnected: () => connection.isUp,
        on: (event, listener) => listeners.set(event, listener),
      };
    },
  });
  const emit = (event: string, value: unknown = {}) => listeners.get(event)?.(value as never);
  const ringIn = () => {
    const session = new FakeSession(`in-${sessions.length}`);
    sessions.push(session);
    emit('newRTCSession', { originator: 'remote', session });
    return session;
  };
  return { phone, emit, ringIn, sessions, targets, microphone, connection, options: () => options };
}

test('the phone is ready once registered, and lost when the connection goes', () => {
  const { phone, emit, options } = phoneWithFakes();
  assert.equal(options()?.uri, 'sip:1001@pbx.example');
  phone.connect();
  assert.equal(phone.state, 'connecting');
  emit('registered');
  assert.equal(phone.state, 'ready');
  emit('disconnected', { code: 1006 });
  assert.equal(phone.state, 'lost');
  assert.equal(phone.problem, 'unreachable');
  emit('connecting');
  assert.equal(phone.state, 'lost', 'a retry does not hide that the connection is gone');
});

test('close code 4401 signs the phone out and leaves calls alone', async () => {
  const { phone, emit, sessions } = phoneWithFakes();
  phone.connect();
  await phone.call('600');
  let signedOut = 0;
  phone.on('signedOut', () => (signedOut += 1));
  emit('disconnected', { code: 4401 });
  emit('disconnected', { code: 4401 });
  assert.equal(signedOut, 1);
  assert.equal(phone.problem, 'signed-out');
  assert.deepEqual(sessions[0]?.calls, []);
  assert.equal(phone.calls.length, 1);
});

test('a phone taken over by another tab waits for the person', () => {
  const { phone, emit, options } = phoneWithFakes();
  assert.equal(options()?.instanceId, '7f0f3c1e-0000-4000-8000-000000000001');
  phone.connect();
  emit('registered');
  for (const code of [4409, 4429]) {
    emit('disconnected', { code });
    assert.equal(phone.state, 'offline');
    assert.equal(phone.problem, 'elsewhere');
    emit('connecting');
    assert.equal(phone.state, 'offline', 'a barred attempt does not look like one');
    phone.resume();
    assert.equal(phone.state, 'connecting');
    emit('registered');
    assert.equal(phone.state, 'ready');
    assert.equal(phone.problem, null);
  }
});

test('star and hash codes are dialled as written and escaped in the URI', async () => {
  const { phone, targets } = phoneWithFakes();
  await phone.call('*43');
  await phone.call('#31#');
  assert.deepEqual(targets, ['sip:*43@pbx.example', 'sip:%2331%23@pbx.example']);
});

test('a number that is none opens no microphone', async () => {
  const { phone, microphone } = phoneWithFakes();
  await assert.rejects(phone.call('???'), (error) => error instanceof InvalidNumberError);
  assert.equal(microphone.borrowed, 0);
});

test('a third caller hears busy and a third call cannot be placed', async () => {
  const { phone, ringIn } = phoneWithFakes();
  await phone.call('600');
  const waiting = ringIn();
  const third = ringIn();
  assert.deepEqual(third.calls, ['terminate 486']);
  assert.deepEqual(waiting.calls, []);
  assert.equal(phone.calls.length, 2);
  await assert.rejects(phone.call('601'), (error) => error instanceof PhoneBusyError);
});

test('answering a waiting call holds the one in front', async () => {
  const { phone, ringIn, sessions } = phoneWithFakes();
  await phone.call('600');
  sessions[0]?.emit('accepted');
  const waiting = ringIn();
  const call = phone.calls.find((candidate) => candidate.state === 'incoming');
  assert.ok(call);
  if (!call) return;
  assert.equal(call.view().number, '+4930');
  await phone.accept(call);
  waiting.emit('accepted');
  assert.deepEqual(sessions[0]?.calls, ['hold']);
  assert.deepEqual(waiting.calls, ['answer']);
  assert.equal(phone.front, call);
  for (const session of sessions) session.emit('ended', { originator: 'remote', cause: 'Terminated', message: null });
});

test('the microphone is given back when the call is over, however it ended', async () => {
  const { phone, sessions, microphone } = phoneWithFakes();
  await phone.call('600');
  assert.equal(microphone.borrowed, 1);
  sessions[0]?.emit('failed', { originator: 'remote', cause: 'Busy', message: { status_code: 486, reason_phrase: 'Busy Here' } });
  sessions[0]?.emit('ended', { originator: 'remote', cause: 'Terminated', message: null });
  assert.equal(microphone.borrowed, 0);
  assert.equal(phone.calls.length, 0);
});

test('declining an incoming call stops the other phones too', () => {
  const { phone, ringIn } = phoneWithFakes();
  const session = ringIn();
  phone.calls[0]?.hangup();
  assert.deepEqual(session.calls, ['terminate 603']);
});

test('a caller who gives up while the microphone opens is not answered', async () => {
  const { phone, ringIn, microphone } = phoneWithFakes();
  const session = ringIn();
  const call = phone.calls[0];
  assert.ok(call);
  if (!call) return;
  const accepting = phone.accept(call);
  session.emit('failed', { originator: 'remote', cause: 'Canceled', message: null });
  await accepting;
  assert.deepEqual(session.calls, []);
  assert.equal(microphone.borrowed, 0);
  assert.equal(phone.front, null);
});

test('a call hung up while the connection is away is over at once, and the server hears of it later', async () => {
  const { phone, emit, sessions, connection, microphone } = phoneWithFakes();
  const call = await phone.call('600');
  sessions[0]?.emit('accepted');
  connection.isUp = false;
  emit('disconnected', { code: 1006 });
  call.hangup();
  assert.equal(call.view().endedReason?.words, 'You hung up');
  assert.equal(microphone.borrowed, 0);
  assert.deepEqual(sessions[0]?.calls, []);
  connection.isUp = true;
  emit('registered');
  emit('registered');
  assert.deepEqual(sessions[0]?.calls, ['terminate']);
});
