/** The steps from a name and a password to a session. */
import { passkeyApi, showPasskey } from '../api/passkey.ts';
import { isFactorWanted, sessionApi, type FactorMethod, type FactorWanted, type Me, type SignInOptions } from '../api/session.ts';
import { Submission } from './submission.svelte.ts';

const EMAIL_AGAIN_MS = 30_000;

export class SignInModel {
  step = $state<'password' | 'factor'>('password');
  options = $state.raw<SignInOptions | null>(null);
  methods = $state.raw<FactorMethod[]>([]);
  method = $state<FactorMethod>('totp');
  hasMailed = $state(false);
  /** Asking for mail after mail helps nobody. */
  mayMail = $state(true);
  readonly submission = new Submission();
  readonly mailing = new Submission();

  #attempt = '';
  readonly #welcome: (me: Me) => Promise<void>;

  /** `pending`: the first step was taken elsewhere, by an identity provider or an invitation. */
  constructor(welcome: (me: Me) => Promise<void>, pending: FactorWanted | null) {
    this.#welcome = welcome;
    if (pending) this.#toFactor(pending);
    void this.#readOptions();
  }

  async password(user: string, password: string): Promise<void> {
    await this.submission.run(async () => {
      const answer = await sessionApi.login(user, password);
      if (!isFactorWanted(answer)) return this.#welcome(answer);
      this.#toFactor(answer);
    });
  }

  async factor(code: string): Promise<void> {
    await this.submission.run(async () => this.#welcome(await sessionApi.factor(this.#attempt, this.method, code)));
    this.#beginAgainIfOver();
  }

  /** Asks the browser for a passkey. */
  async passkey(): Promise<void> {
    await this.submission.run(async () => {
      const answer = await showPasskey(await passkeyApi.askAtSignIn(this.#attempt));
      await this.#welcome(await passkeyApi.signIn(this.#attempt, answer));
    });
    this.#beginAgainIfOver();
  }

  choose(method: FactorMethod): void {
    this.method = method;
    this.submission.clear();
    this.mailing.clear();
    if (method === 'email' && !this.hasMailed) void this.mail();
  }

  /** Has a code mailed, or another one. */
  async mail(): Promise<void> {
    const words = this.hasMailed ? 'Another code is on its way. The one before it is no longer good.' : 'A code is on its way.';
    if (await this.mailing.run(() => sessionApi.emailCode(this.#attempt), words)) {
      this.hasMailed = true;
      this.mayMail = false;
      setTimeout(() => (this.mayMail = true), EMAIL_AGAIN_MS);
    }
  }

  startOver(): void {
    this.submission.clear();
    this.mailing.clear();
    this.#toPassword();
  }

  #toFactor(wanted: FactorWanted): void {
    this.#attempt = wanted.attempt;
    this.methods = wanted.methods;
    this.hasMailed = wanted.email_sent;
    this.method = wanted.methods[0] ?? 'totp';
    this.step = 'factor';
  }

  /** A try that is too old, or had too many wrong codes, has to begin again. */
  #beginAgainIfOver(): void {
    if (this.submission.code !== null && OVER.test(this.submission.code)) this.#toPassword();
  }

  #toPassword(): void {
    this.step = 'password';
    this.#attempt = '';
    this.hasMailed = false;
  }

  async #readOptions(): Promise<void> {
    // Without an answer there is still the password.
    this.options = await sessionApi.options().catch(() => null);
  }
}

const OVER = /^attempt_over$/;
