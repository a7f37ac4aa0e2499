/** The address bar and the view, kept together without ever loading the page again: a call must survive. */
import { attemptIn, isOurs, keyIn, routeOf } from './routes.ts';

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  /** The key a link brought; taken out of the address at once, before anything can log or share it. */
  key = $state<string | null>(null);
  /** The sign-in that goes on after an identity provider; as secret as a key. */
  #attempt: ReturnType<typeof attemptIn> = null;
  /** False until the person first goes somewhere: only then does focus follow. */
  hasMoved = false;
  readonly route = $derived(routeOf(this.path));

  constructor() {
    this.#takeKey();
    addEventListener('popstate', () => this.#read(true));
    addEventListener('hashchange', () => this.#read(true));
    document.addEventListener('click', (event) => this.#click(event));
  }

  go(path: string, how: 'push' | 'replace' = 'push'): void {
    const url = new URL(path, location.origin);
    if (how === 'replace') history.replaceState(null, '', url);
    else if (url.href !== location.href) history.pushState(null, '', url);
    this.key = null;
    this.#read(how === 'push');
    if (how === 'push') scrollTo(0, 0);
  }

  /** A key is good once. */
  useKey(): string | null {
    const key = this.key;
    this.key = null;
    return key;
  }

  useAttempt(): ReturnType<typeof attemptIn> {
    const attempt = this.#attempt;
    this.#attempt = null;
    return attempt;
  }

  #read(isMove: boolean): void {
    this.#takeKey();
    if (isMove && location.pathname !== this.path) this.hasMoved = true;
    this.path = location.pathname;
    this.search = location.search;
  }

  #takeKey(): void {
    const key = keyIn(location.hash);
    const attempt = attemptIn(location.hash);
    if (key === null && attempt === null) return;
    this.key = key;
    this.#attempt = attempt;
    history.replaceState(null, '', `${location.pathname}${location.search}`);
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || !link.hasAttribute('href')) return;
    const { origin, pathname, search, hash, target } = link;
    if (!isOurs({ origin, pathname, target, hasDownload: link.hasAttribute('download') }, location.origin)) return;
    event.preventDefault();
    this.go(`${pathname}${search}${hash}`);
  }
}

export const router = new Router();
