/** One's own account: everything under `/api/v1/me`. */
import { filled, get, patch, post, put, remove, segment, withQuery, type List, type Time } from './http.ts';
import type { ApiKey, Login, Session } from './access.ts';
import type { Answer } from './passkey.ts';
import type { FactorMethod, Me, Role } from './session.ts';

export interface MyWorkspace {
  id: string;
  name: string;
  role: Role;
  level: number;
  number: string;
  current: boolean;
}

export interface Factor {
  required: boolean;
  totp: boolean;
  totp_pending: boolean;
  /** How many. */
  passkeys: number;
  email: boolean;
  recovery_codes_left: number;
  methods: FactorMethod[];
  locked_until: Time | null;
}

/** What an authenticator app needs; shown once. */
export interface TotpSecret {
  secret: string;
  otpauth: string;
  qr_svg: string;
}

export interface PinState {
  set: boolean;
  /** Whether the workspace wants everybody to have one. */
  required: boolean;
  unlocked_until: Time | null;
  locked_until: Time | null;
}

export interface NewKey {
  name: string;
  scopes: string[];
  expires_in_days: number | undefined;
  user: string;
  password: string;
  code: string;
  passkey: Answer | undefined;
}

/** The one answer that has the key itself. */
export type MadeKey = ApiKey & { key: string };

const me = '/api/v1/me';

export const accountApi = {
  change: (changes: { display_name?: string; time_zone?: string }) => patch(me, changes),
  workspaces: () => get<List<MyWorkspace>>(`${me}/workspaces`),
  switchWorkspace: (id: string) => post<Me>(`${me}/workspace`, { id }),
  sessions: () => get<List<Session>>(`${me}/sessions`),
  endSession: (id: string) => remove(`${me}/sessions/${segment(id)}`),
  endAll: (how: { keep_current: boolean; api_keys: boolean }) => post<{ ended: number }>(`${me}/sessions/end-all`, how),
  logins: (after?: string) => get<List<Login>>(withQuery(`${me}/logins`, { after })),
  changePassword: (change: { old: string; new: string; end_other_sessions: boolean }) => post(`${me}/password`, change),
  factor: () => get<Factor>(`${me}/second-factor`),
  beginTotp: () => post<TotpSecret>(`${me}/second-factor/totp`),
  confirmTotp: (code: string, password: string | null) =>
    post<{ recovery_codes: string[] }>(`${me}/second-factor/totp/confirm`, password === null ? { code } : { code, password }),
  disableTotp: (password: string, code: string) => post(`${me}/second-factor/totp/disable`, { password, code }),
  renewRecoveryCodes: (password: string) => post<{ recovery_codes: string[] }>(`${me}/second-factor/recovery-codes`, { password }),
  pin: () => get<PinState>(`${me}/pin`),
  setPin: (pin: string, password: string) => put(`${me}/pin`, { pin, password }),
  removePin: (password: string) => post(`${me}/pin/remove`, { password }),
  unlockPin: (pin: string) => post<{ unlocked_until: Time }>(`${me}/pin/unlock`, { pin }),
  keys: () => get<List<ApiKey>>(`${me}/api-keys`),
  makeKey: (key: NewKey) => post<MadeKey>(`${me}/api-keys`, filled(key)),
  revokeKey: (id: string) => remove(`${me}/api-keys/${segment(id)}`),
};
