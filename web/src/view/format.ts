/** How calls and times are written. */
import type { BuiltInNumber } from '../api/phone.ts';
import type { CallView } from '../phone/index.ts';

export function nameOf(call: { number: string; displayName: string | null }, builtIn: BuiltInNumber[]): string {
  return call.displayName ?? builtIn.find((entry) => entry.number === call.number)?.title ?? call.number;
}

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const rest = `${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

export function durationWords(call: CallView): string {
  if (call.answeredAt === null || call.endedAt === null) return '';
  return clock((call.endedAt - call.answeredAt) / 1000);
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function timeOfDay(at: number): string {
  return TIME.format(at);
}
