/** The audit log, and what runs the whole installation: vault and workspaces. */
import { filled, get, LONG_TIMEOUT_MS, patch, post, request, segment, withQuery, type List, type Time } from './http.ts';

export interface AuditRow {
  seq: number;
  at: Time;
  actor: { kind: string; id: string | null; name: string | null };
  action: string;
  target: { kind: string; id: string };
  ip: string | null;
  details: unknown;
}

export interface AuditCheck {
  rows: number;
  ok: boolean;
  first_bad: number | null;
  why: string | null;
  checkpoints: number;
}

export interface VaultKey {
  id: number;
  purpose: string;
  state: string;
  created_at: Time;
  sealed: number;
}

export interface VaultStatus {
  root_key_id: string;
  keks: VaultKey[];
  /** How often secrets of each purpose were opened since the server started. */
  opened: Record<string, number>;
}

export interface WorkspaceRow {
  id: string;
  name: string;
  disabled: boolean;
  people: number;
  created_at: Time;
}

export interface NewWorkspace {
  name: string;
  owner: { name: string; display_name: string; email: string; number: string; password: string };
}

export const AUDIT_PAGE = 50;

export const installationApi = {
  audit: (before?: number) => get<List<AuditRow>>(withQuery('/api/v1/audit', { before, limit: AUDIT_PAGE })),
  auditCsv: '/api/v1/audit.csv',
  verifyAudit: () => request<AuditCheck>('POST', '/api/v1/audit/verify', {}, LONG_TIMEOUT_MS),
  vault: () => get<VaultStatus>('/api/v1/vault'),
  rotateVault: () => request<VaultStatus>('POST', '/api/v1/vault/rotate', {}, LONG_TIMEOUT_MS),
  workspaces: () => get<List<WorkspaceRow>>('/api/v1/workspaces'),
  addWorkspace: ({ name, owner }: NewWorkspace) => post<WorkspaceRow>('/api/v1/workspaces', { name, owner: filled(owner) }),
  changeWorkspace: (id: string, changes: { name?: string; disabled?: boolean }) =>
    patch(`/api/v1/workspaces/${segment(id)}`, changes),
};
