// Firefox ESR, headless, by WebDriver BiDi. Without a sound card its AudioContext stays suspended, so the microphone is
// Firefox's own fake one (1000 Hz) and what arrives is recorded and decoded offline.
import puppeteer from 'puppeteer-core';
import { earsScript, phonesScript } from './browser.mjs';
import { newFolder, until } from './process.mjs';

const executable = process.env.RINGFENCE_TESTS_FIREFOX ?? '/usr/bin/firefox-esr';
export const microphoneHz = 1000;

const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.navigator.audio.fake_frequency': microphoneHz,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'extensions.update.enabled': false,
};

export const launchFirefox = () => puppeteer.launch({
  browser: 'firefox', executablePath: executable, headless: true, acceptInsecureCerts: true, extraPrefsFirefox: preferences,
  userDataDir: newFolder('firefox'), handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
});

/** A phone in a Firefox page on the server's origin: { page, do(method, ...args), sees(event) }. */
export async function firefoxPhone(firefox, library, { url, origin, account, domain }) {
  const page = await firefox.newPage();
  await page.goto(new URL('/healthz', origin ?? url.replace(/^ws/, 'http')).href);
  await page.evaluate(earsScript({ microphone: false }));
  await page.evaluate(await phonesScript().then((script) => `${script}\nwindow.phones = phones;`));
  await page.evaluate((name, options) => { window.phone = window.phones.Phone(name, options); }, library, { url, domain, ...account });
  return {
    page,
    do: (method, ...args) => page.evaluate(async (name, list) => { await window.phone[name](...list); }, method, args),
    async sees(event, timeout = 10000) {
      let events;
      await until(() => `Firefox to see "${event}"; it saw ${JSON.stringify(events)}`, async () => {
        events = await page.evaluate(() => [...window.phone.events, JSON.stringify(window.phone.ended)]);
        return events.includes(event);
      }, timeout);
    },
  };
}

/** Records what Firefox receives for `ms` and finds the tone: { hz, rms, share }. */
export function firefoxHears(page, ms = 1200) {
  return page.evaluate(async (duration) => {
    const track = window.ears.connections.at(-1).getReceivers().find((receiver) => receiver.track.kind === 'audio').track;
    const recorder = new MediaRecorder(new MediaStream([track]));
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, duration));
    recorder.stop();
    await stopped;
    const bytes = await new Blob(parts).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
    const samples = sound.getChannelData(0).slice(-24000);
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    let best = { hz: 0, power: 0 };
    for (let hz = 100; hz < 4000; hz += 2) {
      const k = 2 * Math.cos((2 * Math.PI * hz) / 48000);
      let s1 = 0;
      let s2 = 0;
      for (const x of samples) { const s0 = x + k * s1 - s2; s2 = s1; s1 = s0; }
      const here = (s1 * s1 + s2 * s2 - k * s1 * s2) / (samples.length ** 2 / 4);
      if (here > best.power) best = { hz, power: here };
    }
    return { hz: best.hz, rms: Math.sqrt(power), share: best.power / 2 / power };
  }, ms);
}
