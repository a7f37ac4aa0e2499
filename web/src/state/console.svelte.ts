/** Who is signed in, and which view that means. */
import { api, ApiProblem, problemWords } from '../api/client.ts';
import { PhoneModel } from './phone.svelte.ts';

export type ConsoleView = 'starting' | 'unreachable' | 'sign-in' | 'phone';

/** Keeps the session alive while the page is open, and notices when it is not. */
const SESSION_CHECK_MS = 4 * 60_000;
const UNREACHABLE_RETRY_MS = 3_000;

export class ConsoleModel {
  view = $state<ConsoleView>('starting');
  /** Said above the sign-in form. */
  notice = $state<string | null>(null);
  /** Why signing in failed. */
  problem = $state<string | null>(null);
  isBusy = $state(false);
  /** Outlives a lost session, because its calls do. */
  phone = $state.raw<PhoneModel | null>(null);

  #user: string | null = null;
  #isChecking = false;

  async start(): Promise<void> {
    const key = takeStartKey();
    if (key !== null) {
      try {
        await api.start(key);
      } catch (error) {
        this.notice = problemWords(error, 'start');
      }
    }
    await this.#enter();
    setInterval(() => void this.checkSession(), SESSION_CHECK_MS);
  }

  async signIn(user: string, password: string): Promise<void> {
    this.isBusy = true;
    this.problem = null;
    try {
      await api.login(user, password);
      this.notice = null;
      await this.#enter();
    } catch (error) {
      this.problem = problemWords(error, 'sign-in');
    } finally {
      this.isBusy = false;
    }
  }

  async signOut(): Promise<void> {
    this.phone?.close();
    this.phone = null;
    this.#user = null;
    this.notice = null;
    this.view = 'sign-in';
    await api.logout().catch(() => {});
  }

  /** Asks the server whether the session still lives; a phone whose session is gone stops reconnecting. */
  async checkSession(): Promise<void> {
    if (this.#isChecking || !this.phone || this.view !== 'phone') return;
    this.#isChecking = true;
    try {
      await api.me();
    } catch (error) {
      if (error instanceof ApiProblem && error.isSignedOut) this.phone.phone.signOut('ended');
    } finally {
      this.#isChecking = false;
    }
  }

  async #enter(): Promise<void> {
    try {
      const me = await api.me();
      const settings = await api.phone();
      if (this.phone && this.#user === me.user) this.phone.phone.resume();
      else {
        this.phone?.close();
        this.phone = this.#openPhone(new PhoneModel(me, settings));
      }
      this.#user = me.user;
      this.notice = null;
      this.view = 'phone';
    } catch (error) {
      if (error instanceof ApiProblem && error.isSignedOut) {
        this.view = 'sign-in';
        return;
      }
      this.problem = problemWords(error, 'other');
      this.view = 'unreachable';
      setTimeout(() => void this.#enter(), UNREACHABLE_RETRY_MS);
    }
  }

  #openPhone(model: PhoneModel): PhoneModel {
    model.phone.on('signedOut', (how) => {
      this.notice = how === 'revoked' ? 'Signed out on another device' : 'You are signed out. Sign in to go on.';
      this.problem = null;
      this.view = 'sign-in';
    });
    model.phone.on('disconnected', () => void this.checkSession());
    return model;
  }
}

/** Reads the key of a one-time link and removes it from the address at once, before anything can be logged or shared. */
function takeStartKey(): string | null {
  const key = new URLSearchParams(location.hash.slice(1)).get('k');
  if (location.pathname === '/start' || key !== null) history.replaceState(null, '', `/${location.search}`);
  return key;
}
