/** What a person may type or paste as a number, and what is sent as the user part of a SIP URI. */

const DIALLABLE = /^\+?[0-9A-Za-z*#][0-9A-Za-z*#._-]{0,63}$/;

/** Removes the visual separators of a written number; null if nothing that can be dialled is left. */
export function diallable(typed: string): string | null {
  const withoutScheme = typed.trim().replace(/^(?:sips?|tel):/i, '');
  const compact = withoutScheme.replace(/[\s()\u00a0/]/g, '');
  const number = /[A-Za-z]/.test(compact) ? compact : compact.replace(/[-.]/g, '');
  return DIALLABLE.test(number) ? number : null;
}
