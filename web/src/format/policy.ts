/** How settings are grouped, and how their values are written. */
import type { Setting, SettingValue } from '../api/settings.ts';
import { duration } from './time.ts';
import { methodWords, plain } from './words.ts';

export interface Group {
  prefix: string;
  title: string;
  items: Setting[];
}

/** The three groups of the security page come first (requirements B1), then the others. */
const TITLES: [string, string][] = [
  ['mfa', '2FA policy'],
  ['session', 'Session timeout'],
  ['password', 'Password requirements'],
  ['pin', 'PIN for reports'],
  ['api_keys', 'API tokens'],
  ['signup', 'Signing up'],
  ['number', 'Phone numbers'],
  ['recording', 'Recordings'],
  ['smtp', 'Mail'],
  ['rate', 'Rate limits'],
  ['ui', 'Pages'],
];

export function groupsOf(items: Setting[]): Group[] {
  const groups = new Map<string, Group>(TITLES.map(([prefix, title]) => [prefix, { prefix, title, items: [] }]));
  for (const item of items) {
    const prefix = item.key.split('.')[0] ?? '';
    const group = groups.get(prefix) ?? { prefix, title: plain(prefix), items: [] };
    group.items.push(item);
    groups.set(prefix, group);
  }
  return [...groups.values()].filter((group) => group.items.length > 0);
}

export type Editor = 'switch' | 'duration' | 'number' | 'choice' | 'list' | 'text';

/** By what a value is edited: its kind says, or failing that the value itself. */
export function editorOf({ kind, value, choices }: Pick<Setting, 'kind' | 'value' | 'choices'>): Editor {
  if (typeof value === 'boolean') return 'switch';
  if (Array.isArray(value)) return 'list';
  if (/duration/.test(kind) && typeof value === 'number') return 'duration';
  if (typeof value === 'number') return 'number';
  return choices && choices.length > 0 ? 'choice' : 'text';
}

export function valueWords(value: SettingValue, editor: Editor): string {
  if (value === null || value === '') return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(methodWords).join(', ');
  if (editor === 'duration') return value === 0 ? 'none' : duration(Number(value));
  if (typeof value === 'number') return value.toLocaleString();
  return editor === 'text' ? value : plain(value);
}

/** "15 minutes to 30 days", or nothing where any value goes. */
export function rangeWords({ min, max, kind }: Pick<Setting, 'min' | 'max' | 'kind'>): string {
  const say = (value: number) => valueWords(value, /duration/.test(kind) ? 'duration' : 'number');
  if (min !== null && max !== null && min !== undefined && max !== undefined) return `${say(min)} to ${say(max)}`;
  if (min !== null && min !== undefined) return `at least ${say(min)}`;
  return max !== null && max !== undefined ? `at most ${say(max)}` : '';
}

/** "preset callcenter" is where most values come from; one's own are said to be set. */
export function sourceWords(source: string): string {
  if (source === 'set') return 'set here';
  return source === 'default' ? 'default' : source.replace(/^preset[ :]*/, 'preset ').trim();
}

export function isSame(one: SettingValue, other: SettingValue): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A list with one entry moved by so many places. */
export function moved(list: string[], index: number, by: number): string[] {
  const copy = [...list];
  const [entry] = copy.splice(index, 1);
  if (entry !== undefined) copy.splice(index + by, 0, entry);
  return copy;
}
