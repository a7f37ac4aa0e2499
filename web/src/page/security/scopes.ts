/** What an API token may be allowed to do. */
export const SCOPES: { scope: string; words: string; permission: string }[] = [
  { scope: 'users:read', words: 'See people', permission: 'view_people' },
  { scope: 'users:write', words: 'Add, change and remove people', permission: 'manage_people' },
  { scope: 'invites:write', words: 'Invite people', permission: 'invite' },
  { scope: 'numbers:read', words: 'See phone numbers', permission: 'own_account' },
  { scope: 'numbers:write', words: 'Add, change and share phone numbers', permission: 'own_account' },
  { scope: 'calls:read', words: 'See calls', permission: 'own_account' },
  { scope: 'reports:read', words: 'See reports', permission: 'reports' },
  { scope: 'sessions:read', words: 'See sessions', permission: 'manage_people' },
  { scope: 'sessions:write', words: 'End sessions', permission: 'manage_people' },
  { scope: 'audit:read', words: 'See the audit log and the login history', permission: 'view_audit' },
  { scope: 'settings:read', words: 'See settings', permission: 'manage_settings' },
  { scope: 'settings:write', words: 'Change settings', permission: 'manage_settings' },
  { scope: 'keys:read', words: 'See the list of API tokens', permission: 'manage_keys' },
];
