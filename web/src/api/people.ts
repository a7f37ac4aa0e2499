/** People of the workspace, invitations, and who has which second factor. */
import { filled, get, patch, post, put, remove, segment, type List, type Time } from './http.ts';
import type { Session, UserRef } from './access.ts';
import type { Role } from './session.ts';

export interface User {
  id: string;
  name: string;
  display_name: string;
  email: string | null;
  email_verified: boolean;
  role: Role;
  level: number;
  tier: string;
  number: string;
  disabled: boolean;
  second_factor: string;
  created_at: Time;
  last_seen_at: Time | null;
}

export interface NewUser {
  name: string;
  display_name: string;
  email: string;
  role: Role;
  level: number;
  number: string;
  password: string;
}

export type UserChanges = Partial<Pick<User, 'display_name' | 'email' | 'role' | 'level' | 'number' | 'disabled'>>;

export interface FactorStatus {
  user: UserRef;
  method: string;
  last_used_at: Time | null;
  required: boolean;
  exempt_until: Time | null;
  exempt_reason: string | null;
  exempt_expired: boolean;
}

export interface Invite {
  id: string;
  email: string;
  role: Role;
  level: number;
  number: string;
  invited_by: UserRef | null;
  created_at: Time;
  expires_at: Time;
  state: 'open' | 'accepted' | 'revoked' | 'expired';
}

export interface NewInvite {
  email: string;
  role: Role;
  level: number;
  number: string;
}

const user = (id: string) => `/api/v1/users/${segment(id)}`;

export const peopleApi = {
  list: () => get<List<User>>('/api/v1/users'),
  add: (person: NewUser) => post<User>('/api/v1/users', filled(person)),
  show: (id: string) => get<User>(user(id)),
  change: (id: string, changes: UserChanges) => patch<User>(user(id), changes),
  remove: (id: string) => remove(user(id)),
  sendReset: (id: string) => post(`${user(id)}/password-reset`),
  sessions: (id: string) => get<List<Session>>(`${user(id)}/sessions`),
  endSessions: (id: string) => post<{ ended: number } | null>(`${user(id)}/sessions/end-all`),

  factors: () => get<List<FactorStatus>>('/api/v1/second-factors'),
  resetFactor: (id: string) => post(`${user(id)}/second-factor/reset`),
  exempt: (id: string, until: Time, reason: string) => put(`${user(id)}/second-factor/exemption`, { until, reason }),
  endExemption: (id: string) => remove(`${user(id)}/second-factor/exemption`),

  invites: () => get<List<Invite>>('/api/v1/invites'),
  invite: (invite: NewInvite) => post<Invite>('/api/v1/invites', filled(invite)),
  revokeInvite: (id: string) => remove(`/api/v1/invites/${segment(id)}`),
};
