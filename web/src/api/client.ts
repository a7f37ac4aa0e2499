/** The server's JSON API: same origin, session cookie, problems as RFC 9457. */

export interface Me {
  user: string;
  number: string;
  level: number;
  display_name: string;
}

export interface BuiltInNumber {
  number: string;
  title: string;
  words: string;
}

export interface PhoneSettings {
  number: string;
  ws: string;
  built_in: BuiltInNumber[];
  display_name: string;
}

/** The server refused, failed, or was not there (`status` 0). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string | null,
    readonly detail: string | null,
    readonly retryAfterS: number | null,
  ) {
    super(detail ?? code ?? `status ${status}`);
    this.name = 'ApiProblem';
  }

  get isSignedOut(): boolean {
    return this.status === 401;
  }
}

export const api = {
  /** Trades the key of a one-time page link for a session. */
  start: (key: string) => request<void>('POST', '/api/v1/start', { key }),
  login: (user: string, password: string) => request<void>('POST', '/api/v1/login', { user, password }),
  logout: () => request<void>('POST', '/api/v1/logout', {}),
  me: () => request<Me>('GET', '/api/v1/me'),
  phone: () => request<PhoneSettings>('GET', '/api/v1/phone'),
};

/** Nothing the page asks takes longer; after this the server counts as unreachable. */
const TIMEOUT_MS = 15_000;

async function request<Answer>(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  } catch {
    throw new ApiProblem(0, null, null, null);
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as Answer;
  const problem = (answer ?? {}) as { code?: unknown; detail?: unknown };
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  throw new ApiProblem(
    response.status,
    typeof problem.code === 'string' ? problem.code : null,
    typeof problem.detail === 'string' ? problem.detail : null,
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}

/** What to tell the person about a failed request. */
export function problemWords(error: unknown, doing: 'sign-in' | 'start' | 'other'): string {
  if (!(error instanceof ApiProblem)) return 'Something went wrong in this page. Reload it and try again.';
  if (error.status === 0) return 'The server cannot be reached. Check your connection and try again.';
  if (error.status === 429) {
    const wait = error.retryAfterS;
    return wait === null
      ? 'Too many tries. Wait a little and try again.'
      : `Too many tries. Try again in ${wait >= 120 ? `${Math.ceil(wait / 60)} minutes` : `${wait} seconds`}.`;
  }
  if (error.status >= 500) return 'The server has a problem. Try again in a moment.';
  if (doing === 'start' && error.status < 500) {
    return 'This link was used already. Start ringfence again for a new one, or sign in with a password.';
  }
  if (error.status === 401 && doing === 'sign-in') return 'User name or password is not right.';
  if (error.status === 401) return 'You are signed out. Sign in to go on.';
  return error.detail ?? 'The server refused this.';
}
