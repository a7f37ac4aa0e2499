/** The pages under Settings: their words, and the permission each needs. */
import type { SettingsPart } from '../../route/routes.ts';

export interface PartWords {
  part: SettingsPart;
  title: string;
  permission: string;
}

export const PARTS: PartWords[] = [
  { part: 'users', title: 'Users', permission: 'view_people' },
  { part: 'invites', title: 'Invites', permission: 'invite' },
  { part: 'numbers', title: 'Numbers', permission: 'manage_numbers' },
  { part: 'sessions', title: 'Sessions', permission: 'manage_people' },
  { part: 'login-history', title: 'Login history', permission: 'view_audit' },
  { part: 'two-factor', title: '2FA status', permission: 'view_people' },
  { part: 'security', title: 'Security', permission: 'manage_settings' },
  { part: 'api-keys', title: 'API tokens', permission: 'manage_keys' },
  { part: 'workspace', title: 'Workspace', permission: 'manage_settings' },
  { part: 'mail', title: 'Mail', permission: 'manage_settings' },
  { part: 'identity-providers', title: 'Identity providers', permission: 'manage_settings' },
  { part: 'pbxs', title: 'PBXs', permission: 'manage_settings' },
  { part: 'billing', title: 'Billing', permission: 'billing' },
  { part: 'audit', title: 'Audit', permission: 'view_audit' },
  { part: 'workspaces', title: 'Workspaces', permission: 'installation' },
  { part: 'vault', title: 'Vault', permission: 'installation' },
];
