/** Phone numbers and who uses them. */
import { get, patch, post, put, remove, segment, withQuery, type List, type Time } from './http.ts';
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

export interface NumberShare {
  user: UserRef;
  access: NumberAccess;
}

const one = (id: string) => `/api/v1/numbers/${segment(id)}`;

export const numbersApi = {
  list: (cursor?: string) => get<List<PhoneNumber>>(withQuery('/api/v1/numbers', { cursor })),
  add: (number: string, label: string) => post<PhoneNumber>('/api/v1/numbers', { number, label }),
  rename: (id: string, label: string) => patch<PhoneNumber>(one(id), { label }),
  remove: (id: string) => remove(one(id)),
  shares: (id: string) => get<List<NumberShare>>(`${one(id)}/access`),
  share: (id: string, user: string, access: NumberAccess) => put(`${one(id)}/access/${segment(user)}`, { access }),
  unshare: (id: string, user: string) => remove(`${one(id)}/access/${segment(user)}`),
};
