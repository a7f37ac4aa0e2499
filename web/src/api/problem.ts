/** What the server says when it refuses (RFC 9457), and the words for it. */

export interface ProblemParts {
  status: number;
  code?: string | null;
  detail?: string | null;
  /** The member of the request that is wrong. */
  field?: string | null;
  retryAfterS?: number | null;
}

/** The server refused, failed, or was not there (`status` 0). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly detail: string | null;
  readonly field: string | null;
  readonly retryAfterS: number | null;

  constructor({ status, code = null, detail = null, field = null, retryAfterS = null }: ProblemParts) {
    super(detail ?? code ?? `status ${status}`);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.field = field;
    this.retryAfterS = retryAfterS;
  }

  /** Nobody is signed in any more; a wrong password or code is a 401 too, with a code of its own. */
  get isSignedOut(): boolean {
    return this.status === 401 && (this.code === null || SIGNED_OUT.has(this.code));
  }

  get isRateLimit(): boolean {
    return this.status === 429;
  }
}

/** Something the person can do something about, in this page's own words. */
export class PersonProblem extends Error {}

const SIGNED_OUT = new Set(['not_signed_in', 'session_expired', 'session_ended']);

/** Reads the body of a refusal, whatever it is. */
export function problemOf(status: number, body: unknown, retryAfter: string | null, now = Date.now()): ApiProblem {
  const members = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string) => (typeof members[name] === 'string' ? (members[name] as string) : null);
  const seconds = Number(retryAfter ?? members['retry_after'] ?? secondsUntil(text('locked_until'), now));
  return new ApiProblem({
    status,
    code: text('code'),
    detail: text('detail'),
    field: text('field'),
    retryAfterS: Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null,
  });
}

/** A lock says when it ends instead. */
function secondsUntil(time: string | null, now: number): number {
  return time === null ? Number.NaN : (Date.parse(time) - now) / 1000;
}

/** What to tell the person about a failed request. */
export function problemWords(error: unknown): string {
  if (error instanceof PersonProblem) return error.message;
  if (!(error instanceof ApiProblem)) return 'Something went wrong in this page. Reload it and try again.';
  if (error.status === 0) return 'The server cannot be reached. Check your connection and try again.';
  if (error.isRateLimit) return waitWords(error.retryAfterS);
  // Busy, or another server's fault: those say what to do. Of a fault of its own the server says nothing useful.
  if ((error.status === 502 || error.status === 503) && error.detail) return sentence(error.detail);
  if (error.status >= 500) return 'The server has a problem. Try again in a moment.';
  if (error.isSignedOut) return signedOutWords(error.code);
  const own = error.code === null ? undefined : OWN_WORDS[error.code];
  return own ?? (error.detail ? sentence(error.detail) : 'The server refused this.');
}

/** Where the page knows better than the server what the person sees. */
const OWN_WORDS: Record<string, string> = {
  wrong_credentials: 'User name or password is not right.',
  sign_in_refused: 'User name or password is not right.',
  link_dead: 'This link was used already or is too old. Ask for a new one.',
  link_used: 'This link was used already. Ask for a new one.',
  link_expired: 'This link is too old. Ask for a new one.',
  forbidden: 'You may not do this.',
};

export function waitWords(seconds: number | null): string {
  if (seconds === null) return 'Too many tries. Wait a little and try again.';
  if (seconds >= 7200) return `Too many tries. Try again in ${Math.ceil(seconds / 3600)} hours.`;
  if (seconds >= 120) return `Too many tries. Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return `Too many tries. Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`;
}

export function signedOutWords(code: string | null): string {
  if (code === 'session_expired') return 'You were away too long and have been signed out. Sign in to go on.';
  if (code === 'session_ended') return 'This session was ended. Sign in to go on.';
  return 'You are signed out. Sign in to go on.';
}

/** The server's details begin small and have no full stop. */
export function sentence(detail: string): string {
  const text = detail.trim();
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
