/** Phone numbers and who uses them. */
import { get, patch, post, put, remove, segment, type List, type Time } from './http.ts';
import type { UserRef } from './access.ts';

/** How much of a number one may use. */
export type NumberAccess = 'owner' | 'shared' | 'view';

export interface PhoneNumber {
  id: string;
  number: string;
  label: string;
  access: NumberAccess | 'admin';
  created_at: Time;
}

/** A call a number was used in. */
export interface NumberCall {
  id: string;
  direction: string;
  caller: string;
  callee: string;
  started_at: Time;
  answered_at: Time | null;
  ended_at: Time;
  cause: string;
}

export interface NumberShare {
  user: UserRef;
  access: NumberAccess;
}

const one = (id: string) => `/api/v1/numbers/${segment(id)}`;

export const numbersApi = {
  list: () => get<List<PhoneNumber>>('/api/v1/numbers'),
  add: (number: string, label: string) => post<PhoneNumber>('/api/v1/numbers', { number, label }),
  rename: (id: string, label: string) => patch<PhoneNumber>(one(id), { label }),
  remove: (id: string) => remove(one(id)),
  calls: (id: string) => get<List<NumberCall>>(`${one(id)}/calls`),
  shares: (id: string) => get<List<NumberShare>>(`${one(id)}/access`),
  share: (id: string, user: string, access: NumberAccess) => put(`${one(id)}/access/${segment(user)}`, { access }),
  unshare: (id: string, user: string) => remove(`${one(id)}/access/${segment(user)}`),
};
