/** Which view an address means. Pure: the browser's history is `router.svelte.ts`. */

export const SECURITY_PARTS = ['password', 'login', 'two-factor-auth', 'protection', 'api-token'] as const;
export type SecurityPart = (typeof SECURITY_PARTS)[number];

export const SETTINGS_PARTS = [
  'users',
  'invites',
  'numbers',
  'sessions',
  'login-history',
  'two-factor',
  'security',
  'api-keys',
  'workspace',
  'mail',
  'identity-providers',
  'pbxs',
  'billing',
  'audit',
  'workspaces',
  'vault',
] as const;
export type SettingsPart = (typeof SETTINGS_PARTS)[number];

/** Open to everybody, signed in or not. */
export const OPEN_PAGES = ['forgot', 'reset', 'verify', 'invite', 'set-up', 'sign-up', 'contact'] as const;
export type OpenPage = (typeof OPEN_PAGES)[number];

export type Route =
  | { at: 'home' }
  | { at: 'sign-in' }
  | { at: 'open'; page: OpenPage }
  | { at: 'page'; page: string }
  | { at: 'profile' }
  | { at: 'my-numbers' }
  | { at: 'security'; part: SecurityPart }
  | { at: 'settings'; part: SettingsPart | null; id: string | null }
  | { at: 'missing' };

export const securityPath = (part: SecurityPart) => `/profile/security/${part}`;
export const settingsPath = (part: SettingsPart, id?: string) =>
  id === undefined ? `/settings/${part}` : `/settings/${part}/${encodeURIComponent(id)}`;

/** Pages of the sidebar have one word; the server says which there are. */
const PAGE = /^[a-z][a-z-]{0,39}$/;
const MISSING: Route = { at: 'missing' };

export function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second, third] = parts;
  if (first === undefined || (first === 'start' && parts.length === 1)) return { at: 'home' };
  if (first === 'profile') return profileRoute(parts);
  if (first === 'settings') return settingsRoute(second, third, parts.length);
  if (parts.length > 1) return MISSING;
  if (first === 'sign-in') return { at: 'sign-in' };
  if (isOneOf(OPEN_PAGES, first)) return { at: 'open', page: first };
  return PAGE.test(first) ? { at: 'page', page: first } : MISSING;
}

function profileRoute(parts: string[]): Route {
  const [, second, third] = parts;
  if (second === undefined) return { at: 'profile' };
  if (second === 'numbers' && parts.length === 2) return { at: 'my-numbers' };
  if (second !== 'security' || parts.length > 3) return MISSING;
  if (third === undefined) return { at: 'security', part: SECURITY_PARTS[0] };
  return isOneOf(SECURITY_PARTS, third) ? { at: 'security', part: third } : MISSING;
}

function settingsRoute(part: string | undefined, id: string | undefined, length: number): Route {
  if (part === undefined) return { at: 'settings', part: null, id: null };
  if (!isOneOf(SETTINGS_PARTS, part) || length > 3) return MISSING;
  if (id === undefined) return { at: 'settings', part, id: null };
  const plain = decoded(id);
  return part === 'users' && plain !== null ? { at: 'settings', part, id: plain } : MISSING;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function isOneOf<Word extends string>(words: readonly Word[], word: string): word is Word {
  return (words as readonly string[]).includes(word);
}

/** The key of a one-time link: it travels in the fragment, which browsers do not send to servers. */
export function keyIn(hash: string): string | null {
  if (!hash.startsWith('#')) return null;
  const key = new URLSearchParams(hash.slice(1)).get('k');
  return key === '' ? null : key;
}

/** The fragment an identity provider's way back ends with when a second factor is asked. */
export function attemptIn(hash: string): { attempt: string; methods: string[]; email_sent: boolean } | null {
  if (!hash.startsWith('#')) return null;
  const members = new URLSearchParams(hash.slice(1));
  const attempt = members.get('attempt');
  if (!attempt) return null;
  const methods = (members.get('methods') ?? '').split(',').filter((method) => method !== '');
  return { attempt, methods, email_sent: members.get('email_sent') === 'true' };
}

/** Whether a click on a link should change the view instead of loading a page. */
export function isOurs(link: { origin: string; pathname: string; target: string; hasDownload: boolean }, origin: string): boolean {
  if (link.origin !== origin || link.hasDownload || (link.target !== '' && link.target !== '_self')) return false;
  return !/^\/(api|docs|ws|healthz|readyz|metrics)(\/|$)/.test(link.pathname);
}
