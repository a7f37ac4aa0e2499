import { router } from '../route/router.svelte.ts';

/** After going somewhere, the keyboard and the screen reader start at that view's heading. */
export function arrive(heading: HTMLElement): void {
  if (router.hasMoved) heading.focus({ preventScroll: true });
}
