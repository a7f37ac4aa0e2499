/** Settings of the workspace: policy, mail, identity providers, PBXs, billing. */
import { filled, get, patch, post, put, remove, segment, type List, type Time } from './http.ts';

export type SettingValue = number | string | boolean | string[] | null;

export interface Setting {
  key: string;
  value: SettingValue;
  /** `default`, `set`, or the preset it comes from. */
  source: string;
  default: SettingValue;
  kind: string;
  min: number | null;
  max: number | null;
  choices: string[] | null;
  words: string;
}

export interface Policy {
  preset: string;
  items: Setting[];
}

export interface MailSettings {
  host: string;
  port: number;
  user: string | null;
  from: string;
  /** `opportunistic`, `required` or `implicit`. */
  tls: string;
  /** Its certificate authority; the system's when there is none. */
  ca_pem: string | null;
  has_password: boolean;
}

export interface Provider {
  name: string;
  issuer: string | null;
  client_id: string;
  team_id: string | null;
  key_id: string | null;
  /** The address to register at the provider. */
  redirect_uri: string;
  has_secret: boolean;
  enabled: boolean;
}

export interface ProviderChanges {
  client_id: string;
  client_secret: string;
  issuer: string;
  team_id: string;
  key_id: string;
  enabled: boolean;
}

export interface Trunk {
  id: string;
  name: string;
  host: string;
  port: number;
  user: string | null;
  media: string;
  register: boolean;
  source: string;
  state: string;
  state_detail: string;
  state_at: Time | null;
  has_password: boolean;
}

export interface NewTrunk {
  name: string;
  host: string;
  port: number;
  user: string;
  password: string;
  ca_pem: string;
  media: string;
  register: boolean;
  domain: string;
}

export interface Billing {
  name: string;
  email: string;
  address: string;
  tax_number: string;
}

const settings = '/api/v1/settings';

export const settingsApi = {
  policy: () => get<Policy>('/api/v1/policy'),
  changePolicy: (values: Record<string, SettingValue>) => patch<Policy | null>('/api/v1/policy', values),
  applyPreset: (preset: string) => post<Policy | null>('/api/v1/policy/preset', { preset }),

  workspace: () => get<{ id: string; name: string }>(`${settings}/workspace`),
  renameWorkspace: (name: string) => patch(`${settings}/workspace`, { name }),

  mail: () => get<MailSettings>(`${settings}/mail`),
  changeMail: (mail: Omit<MailSettings, 'has_password'> & { password: string }) => put(`${settings}/mail`, filled(mail)),
  testMail: () => post(`${settings}/mail/test`),

  providers: () => get<List<Provider>>(`${settings}/identity-providers`),
  putProvider: (name: string, changes: ProviderChanges) => put(`${settings}/identity-providers/${segment(name)}`, filled(changes)),
  removeProvider: (name: string) => remove(`${settings}/identity-providers/${segment(name)}`),

  trunks: () => get<List<Trunk>>('/api/v1/trunks'),
  addTrunk: (trunk: NewTrunk) => post<Trunk>('/api/v1/trunks', filled(trunk)),
  removeTrunk: (id: string) => remove(`/api/v1/trunks/${segment(id)}`),
  testDialPlan: (from: string, number: string) => post<{ route: string; words: string }>('/api/v1/dial-plan/test', { from, number }),

  billing: () => get<Billing>('/api/v1/billing'),
  changeBilling: (billing: Billing) => put('/api/v1/billing', billing),
};
