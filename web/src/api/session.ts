/** Signing in and out, and every link a mail can bring. */
import { get, post, filled } from './http.ts';

export type Role = 'owner' | 'admin' | 'member';

/** Ways to show a second factor. */
export type FactorMethod = 'passkey' | 'totp' | 'email' | 'recovery';

export interface PageLink {
  name: string;
  title: string;
}

/** The signed-in person. */
export interface Me {
  id: string;
  user: string;
  display_name: string;
  email: string | null;
  number: string;
  level: number;
  tier: string;
  role: Role;
  workspace: { id: string; name: string };
  /** Must set a second factor up before anything else. */
  enrolling: boolean;
  time_zone: string;
  /** The sidebar, exactly. */
  pages: PageLink[];
  permissions: string[];
  has_pin: boolean;
  show_levels: boolean;
  show_roles: boolean;
}

export interface FactorWanted {
  mfa_required: true;
  attempt: string;
  methods: FactorMethod[];
  email_sent: boolean;
}

export interface SignInOptions {
  password: boolean;
  sign_up: boolean;
  providers: { name: string; title: string }[];
}

export interface InviteView {
  email: string;
  workspace: string;
  role: Role;
  /** There is an account with this address already: it signs in and joins. */
  has_account: boolean;
}

export interface NewPerson {
  name: string;
  display_name: string;
  password: string;
}

export const isFactorWanted = (answer: Me | FactorWanted): answer is FactorWanted => 'mfa_required' in answer;

export const sessionApi = {
  me: () => get<Me>('/api/v1/me'),
  options: () => get<SignInOptions>('/api/v1/sign-in-options'),
  /** Trades the key of a one-time page link for a session. */
  start: (key: string) => post<Me>('/api/v1/start', { key }),
  login: (user: string, password: string) => post<Me | FactorWanted>('/api/v1/login', { user, password }),
  factor: (attempt: string, method: FactorMethod, code: string) => post<Me>('/api/v1/login/factor', { attempt, method, code }),
  emailCode: (attempt: string) => post('/api/v1/login/email-code', { attempt }),
  logout: () => post('/api/v1/logout'),
  forgot: (email: string) => post('/api/v1/password/forgot', { email }),
  reset: (key: string, password: string) => post('/api/v1/password/reset', { key, password }),
  verifyEmail: (key: string) => post('/api/v1/email/verify', { key }),
  resendVerification: (email: string) => post('/api/v1/email/resend', { email }),
  lookAtInvite: (key: string) => post<InviteView>('/api/v1/invites/look', { key }),
  acceptInvite: (key: string, person: NewPerson) => post<Me | FactorWanted>('/api/v1/invites/accept', { key, ...person }),
  joinWithInvite: (key: string) => post('/api/v1/invites/join', { key }),
  setUp: (key: string, person: NewPerson & { email: string; workspace: string }) =>
    post<Me>('/api/v1/set-up', filled({ key, ...person })),
  signUp: (person: { email: string; password: string; display_name: string; workspace: string }) => post('/api/v1/sign-up', person),
  /** Where the browser goes to sign in with somebody else's account. */
  providerPath: (provider: string) => `/api/v1/identity/${encodeURIComponent(provider)}/start`,
};
