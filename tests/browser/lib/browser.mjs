// Headless Chromium, one for the whole test process, with pages on the server's own origin and everything the tests
// measure by. Flags and traps: a page's microphone is an oscillator (one fake capture file would serve the whole
// browser), loopback candidates are wanted, and mDNS names cannot be resolved by a server.
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { repository, until } from './process.mjs';

const folder = path.join(repository, 'tests/browser');
const executable = process.env.RINGFENCE_TESTS_CHROMIUM ?? '/usr/bin/chromium';

const flags = [
  '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
];
const fakeMicrophone = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

let shared;
let bundle;

/** Launches a Chromium of one's own; `microphone` false leaves the machine's real devices (there are none) and prompts. */
export function launch({ microphone = true, extra = [] } = {}) {
  return chromium.launch({
    executablePath: executable, headless: true, ignoreDefaultArgs: ['--mute-audio'], handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
    args: [...flags, ...(microphone ? fakeMicrophone : []), ...extra],
  });
}

/** The Chromium of this test process. */
export const browser = () => (shared ??= launch());

export async function closeBrowser() {
  await (await shared)?.close();
  shared = undefined;
}

/** The script that puts ears on a page: page/ears.js with its options. */
export const earsScript = (options = {}) => `window.earsOptions = ${JSON.stringify(options)};\n${fs.readFileSync(path.join(folder, 'page/ears.js'), 'utf8')}`;

/** JsSIP and SIP.js as installed, with the driver of page/phones.js, as one script that sets `window.phones`. */
export async function phonesScript() {
  bundle ??= build({
    entryPoints: [path.join(folder, 'page/phones.js')], bundle: true, format: 'iife', globalName: 'phones', write: false, logLevel: 'error',
  }).then((result) => result.outputFiles[0].text);
  return bundle;
}

/** Everything that crossed the WebSockets and the HTTP connections of a page, as text, to search for secrets. */
function wiretap(page) {
  const heard = [];
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => heard.push(`< ${payload}`));
    socket.on('framesent', ({ payload }) => heard.push(`> ${payload}`));
  });
  page.on('response', (response) => {
    const type = response.headers()['content-type'] ?? '';
    heard.push(`= ${response.status()} ${response.url()} ${JSON.stringify(response.headers())}`);
    if (/json|html|text|javascript/.test(type)) response.text().then((text) => heard.push(text), () => {});
  });
  return heard;
}

/**
 * A page with ears. With `origin` it is a bare page of that origin with both SIP libraries loaded; without, it is blank
 * and the test navigates. `page.wire` has what was sent and received.
 */
export async function newPage({ origin, tone = 440, codecs = null, microphone = true, events = false, inside, context: contextOptions = {} } = {}) {
  const context = await (inside ?? await browser()).newContext({ ignoreHTTPSErrors: true, bypassCSP: Boolean(origin), ...contextOptions });
  const page = await context.newPage();
  page.wire = wiretap(page);
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(error.message));
  await page.addInitScript(earsScript({ tone, codecs, microphone, events }));
  if (origin) {
    // A real answer of that server, whatever it says: a made-up page would count as public address space, from which
    // Chromium refuses connections to loopback.
    await page.goto(new URL('/healthz', origin).href);
    await page.addScriptTag({ content: await phonesScript() });
  }
  return page;
}

/** What the page hears now. */
export const hear = (page, frequencies = [], count = 5) => page.evaluate(([f, n]) => window.ears.hear(f, n), [frequencies, count]);

/** Waits until the page hears this tone, within `tolerance`, clean and loud enough; gives the reading. */
export async function hears(page, hz, { tolerance = 0.02, timeout = 6000, share = 0.8, rms = 0.02 } = {}) {
  let last;
  return until(() => `${hz} Hz to be heard, last ${JSON.stringify(last)}`, async () => {
    last = await hear(page, [], 3);
    return Math.abs(last.hz - hz) <= hz * tolerance && last.share >= share && last.rms >= rms && last;
  }, timeout, 20);
}

/** Waits until nothing is heard for three readings running. */
export async function hearsNothing(page, { timeout = 4000, rms = 0.003 } = {}) {
  let last;
  let quiet = 0;
  return until(() => `silence, last ${JSON.stringify(last)}`, async () => {
    last = await hear(page, [], 3);
    quiet = last.rms < rms ? quiet + 1 : 0;
    return quiet >= 3;
  }, timeout, 20);
}

/** How much weaker (dB) the page hears `absent` than `present`; about 60 or more when it is not there at all. */
export async function margin(page, present, absent) {
  const { levels } = await hear(page, [present, absent]);
  return levels[0] - levels[1];
}

export const stats = (page) => page.evaluate(() => window.ears.stats());

/** Starts to keep what arrives, for `hearsDigits`. */
export const recordDigits = (page) => page.evaluate(() => window.ears.record());

/** Waits until exactly these digits were heard as dual tones since `recordDigits`. */
export async function hearsDigits(page, digits, timeout = 8000) {
  let last;
  await until(() => `the digits ${digits}, last heard "${last}"`, async () => {
    last = await page.evaluate(() => window.ears.digits());
    return last === digits;
  }, timeout, 150);
}

/**
 * Waits until exactly these digits arrived as RFC 4733 events (the page needs `events: true`); gives their durations in
 * timestamp units.
 */
export async function receivesDigits(page, digits, timeout = 8000) {
  let last = [];
  await until(() => `the events ${digits}, last ${JSON.stringify(last)}`, async () => {
    last = await page.evaluate(() => window.ears.eventDigits());
    return last.map(({ digit }) => digit).join('') === digits;
  }, timeout, 100);
  return last.map(({ duration }) => duration);
}
