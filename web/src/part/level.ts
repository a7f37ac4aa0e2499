/** Which heading a card has: one below the heading of the page, or of the part of a page, it stands in. */
import { getContext, setContext } from 'svelte';

type Level = 2 | 3;
const KEY = Symbol('heading level');

export const provideLevel = (level: Level): Level => setContext(KEY, level);
export const useLevel = (): Level => getContext<Level | undefined>(KEY) ?? 3;
