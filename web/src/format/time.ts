/** Times and durations as people read them. */

/** A moment in this browser's own zone, with the zone's name. */
export function moment(time: string | null | undefined, locale?: string, timeZone?: string): string {
  const date = parse(time);
  if (!date) return '';
  return new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(date);
}

/** "5 minutes ago", "in 3 days"; `now` in milliseconds. */
export function fromNow(time: string | null | undefined, now: number, locale?: string): string {
  const date = parse(time);
  if (!date) return '';
  const seconds = Math.round((date.getTime() - now) / 1000);
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return words.format(0, 'second');
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

function parse(time: string | null | undefined): Date | null {
  if (!time) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** The day of a moment, as `<input type="date">` writes it, in the given zone. */
export function dayOf(now: number, timeZone?: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).formatToParts(new Date(now));
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

/** The day so many days later (or earlier). */
export function addDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

export type DurationUnit = 'seconds' | 'minutes' | 'hours' | 'days';

export const DURATION_UNITS: [DurationUnit, number][] = [
  ['days', 86_400],
  ['hours', 3_600],
  ['minutes', 60],
  ['seconds', 1],
];

/** The largest unit in which so many seconds are a whole number. */
export function unitOf(seconds: number): DurationUnit {
  return DURATION_UNITS.find(([, size]) => seconds !== 0 && seconds % size === 0)?.[0] ?? 'seconds';
}

export function sizeOf(unit: DurationUnit): number {
  return DURATION_UNITS.find(([name]) => name === unit)?.[1] ?? 1;
}

/** "8 hours", "1 day", "90 seconds". */
export function duration(seconds: number): string {
  const unit = unitOf(seconds);
  const count = seconds / sizeOf(unit);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}

/** Time talked: "1 h 05 min", "3 min 20 s", "45 s". */
export function talked(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours > 0) return `${hours} h ${pad(minutes)} min`;
  return minutes > 0 ? `${minutes} min ${pad(seconds % 60)} s` : `${seconds % 60} s`;
}
