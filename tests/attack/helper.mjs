// What every attack ends with: the server is unharmed.
import assert from 'node:assert/strict';
import { hears } from '../browser/lib/browser.mjs';
import { Phone } from '../browser/lib/phone.mjs';
import { server, test } from '../browser/lib/shared.mjs';

let witness;

/** A real phone that calls the echo and hears itself, and a log without a panic, an ERROR or a secret. */
export async function unharmed() {
  const ringfence = await server();
  if (!witness) {
    witness = await Phone.open('jssip', { url: ringfence.url, origin: ringfence.origin, account: ringfence.account(1007), tone: 650 });
    await witness.register();
  }
  await witness.talk('*43');
  await hears(witness.page, 650);
  await witness.hangup();
  await witness.ends();
  ringfence.checkLog();
}

/** Declares an attack on the shared server: the body, then the proof that it did no harm. */
export function attack(name, body) {
  test(name, async (t) => {
    await body(t, await server());
    await unharmed();
  });
}

/** The answer's status is one of these. */
export function refusedWith(answer, ...statuses) {
  assert.ok(statuses.includes(answer.status), `${answer.status} ${answer.phrase ?? answer.body ?? ''}`.trim());
}
