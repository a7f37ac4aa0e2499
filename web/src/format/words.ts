/** The server's stable words, as people say them. */

const METHODS: Record<string, string> = {
  password: 'Password',
  totp: 'Authenticator app',
  email: 'Code by mail',
  recovery: 'Recovery code',
  google: 'Google',
  microsoft: 'Microsoft',
  apple: 'Apple',
  start: 'Start link',
  start_link: 'Start link',
  set_up: 'Set-up link',
  invite: 'Invitation',
  token: 'Token',
  none: 'None',
  passkey: 'Passkey',
};

const EVENTS: Record<string, string> = {
  login: 'Signed in',
  failure: 'Failed: password',
  factor_failed: 'Failed: second factor',
  logout: 'Signed out',
  expired: 'Session expired',
  revoked: 'Session ended by somebody',
  password_changed: 'Ended: password changed',
  disabled: 'Ended: account disabled',
  replaced: 'Replaced by a new sign-in',
};

const ENDINGS: Record<string, string> = {
  logout: 'Signed out',
  expired: 'Expired',
  revoked: 'Ended by somebody',
  everywhere: 'Logged out of all devices',
  password_changed: 'Password changed',
  disabled: 'Account disabled',
  replaced: 'Replaced by a new sign-in',
};

const ROLES: Record<string, string> = { owner: 'Owner', admin: 'Admin', member: 'Member' };
const ACCESS: Record<string, string> = { owner: 'Owner', shared: 'Shared user', view: 'View only', admin: 'Administrator' };

/** An unknown word is better than none: `call_back` is shown as "Call back". */
export function plain(word: string): string {
  const text = word.replaceAll(/[_-]+/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const methodWords = (word: string) => METHODS[word] ?? plain(word);
export const eventWords = (word: string) => EVENTS[word] ?? plain(word);
export const endingWords = (word: string) => ENDINGS[word] ?? plain(word);
export const roleWords = (word: string) => ROLES[word] ?? plain(word);
export const accessWords = (word: string) => ACCESS[word] ?? plain(word);

/** "Firefox on Linux", or as much of it as is known. */
export function deviceWords(one: { browser: string | null; system: string | null; user_agent: string | null }): string {
  const [browser, system] = [known(one.browser), known(one.system)];
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? one.user_agent ?? 'Unknown device';
}

const known = (word: string | null) => (word === null || word === '' || /^unknown/i.test(word) ? null : word);

export const plural = (count: number, one: string, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** How a role starts out when somebody is added. */
export const levelOfRole = (role: string) => (role === 'member' ? 1 : 9);

/** The tier of a level (requirements B24). */
export function tierOf(level: number): string {
  if (level >= 9) return 'Admin';
  if (level >= 7) return 'Manager';
  return level >= 5 ? 'Supervisor' : 'Agent';
}
