// A softphone in a page: JsSIP or SIP.js, driven from the test. One page, one phone, one tone.
import { newPage } from './browser.mjs';
import { until } from './process.mjs';

export const libraries = ['jssip', 'sipjs'];

export class Phone {
  /**
   * Opens a page on the origin of `url`'s server and makes a phone in it. `account` is { user, token } or
   * { user, password }; `origin` is needed where the phone's server has no page (Asterisk).
   */
  static async open(library, { url, origin, account, domain, ...pageOptions }) {
    const phone = new Phone();
    phone.library = library;
    phone.page = await newPage({ origin: origin ?? url.replace(/^ws/, 'http'), ...pageOptions });
    await phone.page.evaluate(([name, options]) => { window.phone = window.phones.Phone(name, options); }, [library, { url, domain, ...account }]);
    return phone;
  }

  /** Connects and registers; resolves when registered, throws with what was seen when refused. */
  async register() {
    await this.page.evaluate(() => { window.phone.start(); });
    const events = await until(`${this.library} to be registered or refused`, async () => {
      const now = await this.events();
      return now.some((event) => /^(registered$|registration failed|disconnected)/.test(event)) && now;
    }, 5000, 30);
    if (!events.includes('registered')) throw new Error(`not registered: ${events.join(', ')}`);
    return this;
  }

  #do(method, ...args) {
    return this.page.evaluate(async ([name, list]) => { await window.phone[name](...list); }, [method, args]);
  }

  call(target) { return this.#do('call', target); }

  answer() { return this.#do('answer'); }

  reject(code) { return this.#do('reject', code); }

  hangup() { return this.#do('hangup'); }

  hold() { return this.#do('hold'); }

  unhold() { return this.#do('unhold'); }

  mute(on) { return this.#do('mute', on); }

  /** `way` is 'info' or 'rfc4733'. */
  dtmf(digits, way) { return this.#do('dtmf', digits, way); }

  events() { return this.page.evaluate(() => window.phone.events); }

  /** Waits for an event: an exact text, or a start of one when it ends with `…`. */
  async sees(event, timeout = 6000) {
    let events;
    const wanted = event.endsWith('…') ? (text) => text.startsWith(event.slice(0, -1)) : (text) => text === event;
    return until(() => `${this.library} to see "${event}"; it saw ${JSON.stringify(events)}`, async () => {
      events = await this.events();
      const ended = await this.page.evaluate(() => window.phone.ended);
      if (ended) events.push(`(ended ${JSON.stringify(ended)})`);
      return events.find(wanted);
    }, timeout, 30);
  }

  /** Calls and waits for the answer. */
  async talk(target) {
    await this.call(target);
    await this.sees('confirmed');
  }

  /** Waits for the end of the call and says how it ended: { code, phrase, reason, cause, by }. */
  ends(timeout = 6000) {
    return until(`${this.library}'s call to end`, () => this.page.evaluate(() => window.phone.ended), timeout, 30);
  }

  /** Waits for the next incoming call and gives the caller's user part. */
  async rings(timeout = 6000) {
    const before = this.rung ?? 0;
    const state = await until(`${this.library} to ring`, async () => {
      const now = await this.page.evaluate(() => ({ incoming: window.phone.incoming, from: window.phone.from }));
      return now.incoming > before && now;
    }, timeout, 30);
    this.rung = state.incoming;
    return state.from;
  }

  async close() {
    await this.#do('stop').catch(() => {});
    await this.page.context().close().catch(() => {});
  }
}
