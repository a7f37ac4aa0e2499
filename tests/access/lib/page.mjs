// Real pages of the console in Chromium.
import fs from 'node:fs';
import path from 'node:path';
import { newPage } from '../../browser/lib/browser.mjs';
import { until, workFolder } from '../../browser/lib/process.mjs';

/** What has this test id. */
export const at = (page, id) => page.getByTestId(id);

/** Opens an address as whoever a client is signed in as; ends with the test. */
export async function openPage(t, client, place = '/', options = {}) {
  const page = await newPage({ context: { viewport: { width: 1280, height: 900 } }, ...options });
  t.after(() => page.context().close());
  page.refused = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) page.refused.push(message.text());
  });
  if (client) {
    const { hostname } = new URL(client.origin);
    await page.context().addCookies([...client.cookies].map(([name, value]) => ({ name, value, domain: hostname, path: '/', secure: name.startsWith('__Host-') })));
  }
  if (place !== null) await page.goto(new URL(place, client?.origin ?? options.at).href);
  return page;
}

/** Waits until the text of an element matches; gives it. */
export async function says(page, id, wanted, timeout = 8000) {
  let last;
  await until(() => `${id} to say ${wanted}, last "${last}"`, async () => {
    last = await at(page, id).first().innerText({ timeout: 500 }).catch(() => null);
    return last !== null && wanted.test(last);
  }, timeout);
  return last;
}

/** Fills the fields of these test ids. */
export async function fill(page, fields) {
  for (const [id, value] of Object.entries(fields)) await at(page, id).fill(value);
}

/** Types name and password into the sign-in page and presses the button. */
export async function signIn(page, user, password) {
  await fill(page, { 'sign-in-user': user, 'sign-in-password': password });
  await at(page, 'sign-in-submit').click();
}

/** Keeps a picture in the run's folder, or in RINGFENCE_TESTS_PICTURES. */
export async function picture(page, name) {
  const folder = process.env.RINGFENCE_TESTS_PICTURES ?? path.join(workFolder(), 'pictures');
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
