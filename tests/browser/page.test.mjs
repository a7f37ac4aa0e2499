// The product's own page: sign-in by the start link, a call by keyboard, words when the microphone fails.
import assert from 'node:assert/strict';
import { hears, hearsNothing, launch, newPage } from './lib/browser.mjs';
import { until } from './lib/process.mjs';
import { newServer, phone, test } from './lib/shared.mjs';

const at = (page, id) => page.getByTestId(id);
const text = (page, id) => at(page, id).innerText({ timeout: 5000 });

async function becomes(page, id, wanted, timeout = 8000) {
  let last;
  await until(() => `${id} to say ${wanted}, last "${last}"`, async () => {
    last = await at(page, id).innerText({ timeout: 1000 }).catch(() => null);
    return last !== null && wanted.test(last);
  }, timeout);
  return last;
}

const ready = (page) => until('the light to be ready', async () => await at(page, 'registered-light').getAttribute('data-state') === 'ready', 8000);

/** Opens the one-time link in a page with ears. */
async function signIn(server, options = {}) {
  const page = await newPage({ tone: 750, ...options });
  await page.goto(server.info.page);
  await ready(page);
  return page;
}

test('the start link signs in once, leaves no key in the address, and is dead the second time', async (t) => {
  const server = await newServer(t);
  const page = await signIn(server);
  t.after(() => page.context().close());
  assert.doesNotMatch(page.url(), /k=/);
  await page.reload();
  await ready(page);
  const thief = await newPage();
  t.after(() => thief.context().close());
  await thief.goto(server.info.page);
  await at(thief, 'sign-in').waitFor();
  assert.match(await text(thief, 'notice'), /used already|used before|too old/);
  assert.deepEqual(page.problems, []);
});

test('an echo call by keyboard alone: dial, levels, verdict, mute, hold, keys, hang up', async (t) => {
  const server = await newServer(t);
  const page = await signIn(server);
  t.after(() => page.context().close());
  await page.keyboard.type('*43');
  assert.equal(await at(page, 'number').inputValue(), '*43');
  await page.keyboard.press('Enter');
  await becomes(page, 'call-state', /In call/);
  await hears(page, 750);
  await until('the level of the other side to move', async () => Number(await at(page, 'level-them').getAttribute('aria-valuenow')) > 5);
  assert.match(await becomes(page, 'verdict', /Two-way audio/, 12000), /Opus.*DTLS 1\.3/s);
  await page.keyboard.press('m');
  await becomes(page, 'call-state', /muted/);
  await hearsNothing(page);
  await page.keyboard.press('m');
  await hears(page, 750);
  await page.keyboard.press('h');
  await becomes(page, 'call-state', /On hold/);
  await hearsNothing(page);
  await page.keyboard.press('h');
  await becomes(page, 'call-state', /In call/);
  await hears(page, 750);
  await page.keyboard.press('Escape');
  assert.match(await becomes(page, 'ended-reason', /./), /You hung up/);
  assert.deepEqual(page.problems, []);
});

test('the page rings, is answered, sends digits by its pad, and says that they hung up', async (t) => {
  const server = await newServer(t);
  const page = await signIn(server);
  t.after(() => page.context().close());
  const number = /\d+/.exec(await at(page, 'registered-light').locator('.number').innerText())[0];
  const caller = await phone(t, 'jssip', server, number === '1002' ? 1005 : 1002, { tone: 500 });
  await caller.call(number);
  await at(page, 'answer').click();
  await caller.sees('confirmed');
  await hears(page, 500);
  await hears(caller.page, 750);
  await at(page, 'dtmf-7').click();
  await caller.hangup();
  await becomes(page, 'ended-reason', /They hung up/);
});

test('a number that leads nowhere is told in words', async (t) => {
  const server = await newServer(t);
  const page = await signIn(server);
  t.after(() => page.context().close());
  await at(page, 'number').fill('5551234');
  await at(page, 'call').click();
  assert.doesNotMatch(await becomes(page, 'ended-reason', /\w+ \w+/), /^\d+$|undefined|null/);
});

test('without a microphone the page says so and the test tone works instead', async (t) => {
  const server = await newServer(t);
  const chromium = await launch({ microphone: false });
  t.after(() => chromium.close());
  const page = await signIn(server, { inside: chromium, microphone: false, context: { permissions: ['microphone'] } });
  await at(page, 'call-echo').click();
  await at(page, 'mic-problem').waitFor();
  assert.equal(await at(page, 'mic-problem').getAttribute('data-kind'), 'missing');
  await at(page, 'mic-problem').getByTestId('use-tone').click();
  await becomes(page, 'call-state', /In call/);
  await hears(page, 440);
  await at(page, 'hangup').click();
});

test('a denied microphone is told with what to do', async (t) => {
  const server = await newServer(t);
  const chromium = await launch({ microphone: false, extra: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'] });
  t.after(() => chromium.close());
  const page = await signIn(server, { inside: chromium, microphone: false });
  await at(page, 'call-echo').click();
  await at(page, 'mic-problem').waitFor();
  assert.equal(await at(page, 'mic-problem').getAttribute('data-kind'), 'blocked');
  assert.match(await text(page, 'mic-problem'), /blocking the microphone/);
});
