/** A word about a new password while it is typed. The server decides; this only helps. */

export interface Strength {
  /** 0 to 4, for the meter. */
  score: number;
  words: string;
}

const MIN = 8;
const MAX = 128;

export function strengthOf(password: string): Strength {
  const characters = [...password];
  if (characters.length === 0) return { score: 0, words: '' };
  if (characters.length < MIN) {
    const missing = MIN - characters.length;
    return { score: 0, words: `Too short: ${missing} more ${missing === 1 ? 'character' : 'characters'}` };
  }
  if (characters.length > MAX) return { score: 0, words: `Too long: at most ${MAX} characters` };
  const bits = Math.log2(alphabet(password)) * effectiveLength(characters);
  if (bits < 40) return { score: 1, words: 'Weak: easy to guess' };
  if (bits < 60) return { score: 2, words: 'Fair: longer is better' };
  if (bits < 80) return { score: 3, words: 'Good' };
  return { score: 4, words: 'Strong' };
}

function alphabet(password: string): number {
  let size = 0;
  if (/[a-z]/.test(password)) size += 26;
  if (/[A-Z]/.test(password)) size += 26;
  if (/[0-9]/.test(password)) size += 10;
  if (/[^a-zA-Z0-9]/.test(password)) size += 33;
  return Math.max(size, 2);
}

/** Repeated and counted characters add little: `aaaa`, `1234`. */
function effectiveLength(characters: string[]): number {
  let length = 0;
  let before: number | null = null;
  for (const character of characters) {
    const code = character.codePointAt(0) ?? 0;
    const isStep = before !== null && Math.abs(code - before) <= 1;
    length += isStep ? 0.25 : 1;
    before = code;
  }
  return length;
}
