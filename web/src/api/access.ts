/** Sessions, sign-ins and API keys of the whole workspace. */
import { get, remove, segment, withQuery, type List, type Time } from './http.ts';

export interface UserRef {
  id: string;
  name: string;
}

export interface Session {
  id: string;
  current: boolean;
  method: string;
  factor: string | null;
  created_at: Time;
  last_seen_at: Time;
  ended_at: Time | null;
  ended_reason: string | null;
  ip: string | null;
  user_agent: string | null;
  browser: string | null;
  system: string | null;
  device: string | null;
  user?: UserRef | null;
}

export interface Login {
  at: Time;
  event: string;
  method: string;
  user: UserRef | null;
  ip: string | null;
  user_agent: string | null;
  session_id: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  masked: string;
  scopes: string[];
  user: UserRef;
  created_at: Time;
  expires_at: Time | null;
  last_used_at: Time | null;
  last_used_ip: string | null;
  revoked_at: Time | null;
}

export const accessApi = {
  sessions: () => get<List<Session>>('/api/v1/sessions'),
  endSession: (id: string) => remove(`/api/v1/sessions/${segment(id)}`),
  logins: (after?: string) => get<List<Login>>(withQuery('/api/v1/login-history', { after })),
  loginsCsv: '/api/v1/login-history.csv',
  keys: () => get<List<ApiKey>>('/api/v1/api-keys'),
  revokeKey: (id: string) => remove(`/api/v1/api-keys/${segment(id)}`),
};
