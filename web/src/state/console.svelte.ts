/** Who is signed in, and which view that means. */
import { onRefusal } from '../api/http.ts';
import { accountApi } from '../api/account.ts';
import { phoneApi } from '../api/phone.ts';
import { ApiProblem, problemWords, signedOutWords } from '../api/problem.ts';
import { isFactorWanted, sessionApi, type FactorMethod, type FactorWanted, type Me } from '../api/session.ts';
import { router } from '../route/router.svelte.ts';
import { PhoneModel } from './phone.svelte.ts';

export type ConsoleView = 'starting' | 'unreachable' | 'sign-in' | 'signed-in';

/** Keeps the session alive while the page is open, and notices when it is not. */
const SESSION_CHECK_MS = 4 * 60_000;
const UNREACHABLE_RETRY_MS = 3_000;

export class ConsoleModel {
  view = $state<ConsoleView>('starting');
  me = $state.raw<Me | null>(null);
  /** Said above the sign-in form. */
  notice = $state<string | null>(null);
  /** Why the server cannot be used. */
  problem = $state<string | null>(null);
  /** Outlives a lost session, because its calls do. */
  phone = $state.raw<PhoneModel | null>(null);

  /** A sign-in whose second factor is still to be shown. */
  #pendingFactor: FactorWanted | null = null;
  /** Whose phone it is: the number is the workspace's, so both must stay the same. */
  #phoneOf: string | null = null;
  #isChecking = false;
  #isSwitching = false;

  async start(): Promise<void> {
    onRefusal((problem) => this.#refused(problem));
    this.notice = providerNotice();
    const attempt = router.useAttempt();
    if (attempt) this.#pendingFactor = { mfa_required: true, ...attempt, methods: attempt.methods as FactorMethod[] };
    if (router.route.at === 'home') {
      const key = router.useKey();
      if (key !== null) await this.#useStartKey(key);
      if (router.path !== '/') router.go(`/${router.search}`, 'replace');
    }
    await this.#enter();
    setInterval(() => void this.checkSession(), SESSION_CHECK_MS);
  }

  /** A session began, here or by a link. */
  async welcome(me: Me): Promise<void> {
    this.me = me;
    this.notice = null;
    if (!me.enrolling) await this.#keepPhone(me);
    this.view = 'signed-in';
  }

  /** What a link or a form answered: a session, or the question for the second factor. */
  async proceed(answer: Me | FactorWanted): Promise<void> {
    if (!isFactorWanted(answer)) return this.welcome(answer);
    this.#pendingFactor = answer;
    this.view = 'sign-in';
    router.go('/sign-in', 'replace');
  }

  takePendingFactor(): FactorWanted | null {
    const pending = this.#pendingFactor;
    this.#pendingFactor = null;
    return pending;
  }

  async signOut(): Promise<void> {
    this.#closePhone();
    await sessionApi.logout().catch(() => {});
    this.#forget(null);
    router.go('/', 'replace');
  }

  /** The server was told already: the session is over everywhere. */
  signedOutEverywhere(): void {
    // What becomes of a call that is up is the server's policy, not this page's.
    if (this.phone?.calls.length) this.phone.phone.signOut('ended');
    else this.#closePhone();
    this.#forget('You are logged out of all devices. Sign in again.');
    router.go('/', 'replace');
  }

  /** Works in another workspace; its number is another, so calls end. */
  async switchWorkspace(id: string): Promise<void> {
    // The session here ends, and the phone's socket with it: that is no sign-out.
    this.#isSwitching = true;
    try {
      const me = await accountApi.switchWorkspace(id);
      this.#closePhone();
      await this.welcome(me);
    } finally {
      this.#isSwitching = false;
    }
    router.go('/');
  }

  /** Reads the person again after something about them changed. */
  async refresh(): Promise<void> {
    await this.welcome(await sessionApi.me());
  }

  may(permission: string): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Where one works when the address names no page. */
  get firstPage(): string {
    return this.mayOpen('phone') ? 'phone' : (this.me?.pages[0]?.name ?? 'profile');
  }

  mayOpen(page: string): boolean {
    return this.me?.pages.some(({ name }) => name === page) ?? false;
  }

  /** Asks the server whether the session still lives; a phone whose session is gone stops reconnecting. */
  async checkSession(): Promise<void> {
    if (this.#isChecking || this.view !== 'signed-in') return;
    this.#isChecking = true;
    try {
      const me = await sessionApi.me();
      const isSame = keyOf(me) === this.#phoneOf || me.enrolling;
      // Another tab may have switched the workspace; a call that is up is finished first.
      if (isSame) this.me = me;
      else if (!this.phone?.calls.length) await this.welcome(me);
    } catch {
      // A lost session was followed already; anything else may pass.
    } finally {
      this.#isChecking = false;
    }
  }

  async #useStartKey(key: string): Promise<void> {
    try {
      await sessionApi.start(key);
    } catch (error) {
      const isOver = error instanceof ApiProblem && error.status > 0 && error.status < 500 && !error.isRateLimit;
      this.notice = isOver
        ? 'This link was used already. Start ringfence again for a new one, or sign in with a password.'
        : problemWords(error);
    }
  }

  async #enter(): Promise<void> {
    try {
      await this.welcome(await sessionApi.me());
    } catch (error) {
      if (error instanceof ApiProblem && error.isSignedOut) {
        this.view = 'sign-in';
        return;
      }
      this.problem = problemWords(error);
      this.view = 'unreachable';
      setTimeout(() => void this.#enter(), UNREACHABLE_RETRY_MS);
    }
  }

  async #keepPhone(me: Me): Promise<void> {
    if (this.phone && this.#phoneOf === keyOf(me)) {
      this.phone.phone.resume();
      return;
    }
    let settings;
    try {
      settings = await phoneApi.settings();
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 403) throw error;
      this.#closePhone();
      return;
    }
    this.#closePhone();
    this.phone = this.#openPhone(new PhoneModel(me, settings));
    this.#phoneOf = keyOf(me);
  }

  #openPhone(model: PhoneModel): PhoneModel {
    model.phone.on('signedOut', (how) => {
      if (this.#isSwitching) return;
      this.#forget(how === 'revoked' ? 'Signed out on another device' : (this.notice ?? signedOutWords(null)));
    });
    model.phone.on('disconnected', () => void this.checkSession());
    return model;
  }

  #closePhone(): void {
    this.phone?.close();
    this.phone = null;
    this.#phoneOf = null;
  }

  /** Whoever asked for something and was refused because nobody is signed in: everything follows. */
  #refused(problem: ApiProblem): void {
    if (this.view !== 'signed-in') return;
    if (problem.code === 'mfa_enrolment_required' && !this.me?.enrolling) void this.refresh().catch(() => {});
    if (!problem.isSignedOut) return;
    this.notice = signedOutWords(problem.code);
    if (this.phone) this.phone.phone.signOut('ended');
    this.#forget(this.notice);
  }

  #forget(notice: string | null): void {
    this.me = null;
    this.notice = notice;
    this.view = 'sign-in';
  }
}

const keyOf = (me: Me) => `${me.id} ${me.workspace.id} ${me.number}`;

/** An identity provider sends the browser back with a code when it did not work. */
function providerNotice(): string | null {
  const code = router.route.at === 'sign-in' ? new URLSearchParams(router.search).get('error') : null;
  if (code === null) return null;
  return PROVIDER_WORDS[code] ?? 'Signing in with the other account did not work. Try again, or use your password.';
}

const PROVIDER_WORDS: Record<string, string> = {
  link_requires_verification:
    'There is an account with this mail address, but the address is not verified yet. Sign in with the password and verify it first.',
  no_account: 'Nobody here has this mail address. Ask for an invitation.',
  identity_unverified: 'The other account has no verified mail address, so it cannot be used here.',
  sign_up_closed: 'Nobody here has this mail address, and accounts are made by invitation. Ask an administrator for one.',
  oidc_state: 'Signing in took too long, or it was begun in another window. Try again.',
  oidc_denied: 'The other account did not allow it. Try again, or use your password.',
};
