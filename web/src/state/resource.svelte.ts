/** What a view reads from the server: loading, there, or why not. */
import { problemWords, ApiProblem } from '../api/problem.ts';
import type { List } from '../api/http.ts';

export class Resource<Value> {
  value = $state.raw<Value | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  words = $state<string | null>(null);
  isLoading = $state(false);
  readonly #read: () => Promise<Value>;
  #turn = 0;

  constructor(read: () => Promise<Value>) {
    this.#read = read;
    void this.load();
  }

  /** Reads again; what is shown stays until the answer is there, and an older answer never wins. */
  async load(): Promise<void> {
    const turn = ++this.#turn;
    this.isLoading = true;
    try {
      const value = await this.#read();
      if (turn !== this.#turn) return;
      this.value = value;
      this.problem = null;
      this.words = null;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.problem = error instanceof ApiProblem ? error : null;
      this.words = problemWords(error);
    } finally {
      if (turn === this.#turn) this.isLoading = false;
    }
  }
}

/** A list that grows page by page. */
export class ListResource<Item> {
  items = $state.raw<Item[]>([]);
  next = $state<string | null>(null);
  words = $state<string | null>(null);
  isLoading = $state(true);
  hasLoaded = $state(false);
  readonly #read: (cursor?: string) => Promise<List<Item>>;
  #turn = 0;

  constructor(read: (cursor?: string) => Promise<List<Item>>) {
    this.#read = read;
    void this.load();
  }

  load(): Promise<void> {
    return this.#fetch(undefined, []);
  }

  more(): Promise<void> {
    return this.next === null || this.isLoading ? Promise.resolve() : this.#fetch(this.next, this.items);
  }

  async #fetch(cursor: string | undefined, before: Item[]): Promise<void> {
    const turn = ++this.#turn;
    this.isLoading = true;
    try {
      const list = await this.#read(cursor);
      if (turn !== this.#turn) return;
      this.items = [...before, ...list.items];
      this.next = list.next ?? null;
      this.words = null;
      this.hasLoaded = true;
    } catch (error) {
      if (turn === this.#turn) this.words = problemWords(error);
    } finally {
      if (turn === this.#turn) this.isLoading = false;
    }
  }
}
