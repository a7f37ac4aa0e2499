/** One thing the person asks the server to do: busy, refused at a field, or done. */
import { ApiProblem, problemWords } from '../api/problem.ts';

export class Submission {
  isBusy = $state(false);
  problem = $state.raw<unknown>(null);
  /** Said when it went well. */
  done = $state<string | null>(null);
  readonly #fields: Record<string, RegExp>;

  /** `fields`: which problem codes are about which field, where the server does not name it. */
  constructor(fields: Record<string, RegExp> = {}) {
    this.#fields = fields;
  }

  async run<Answer>(act: () => Promise<Answer>, done: string | null = null): Promise<{ answer: Answer } | null> {
    if (this.isBusy) return null;
    this.isBusy = true;
    this.clear();
    try {
      const answer = await act();
      this.done = done;
      return { answer };
    } catch (error) {
      this.problem = error;
      return null;
    } finally {
      this.isBusy = false;
    }
  }

  clear(): void {
    this.problem = null;
    this.done = null;
  }

  get code(): string | null {
    return this.problem instanceof ApiProblem ? this.problem.code : null;
  }

  /** The words to show at this field. */
  at(field: string): string | null {
    return this.#fieldOf() === field ? problemWords(this.problem) : null;
  }

  /** The problem that belongs to no field of the form. */
  get general(): unknown {
    return this.problem !== null && this.#fieldOf() === null ? this.problem : null;
  }

  #fieldOf(): string | null {
    const problem = this.problem;
    if (!(problem instanceof ApiProblem) || problem.isRateLimit) return null;
    if (problem.field !== null && problem.field in this.#fields) return problem.field;
    const code = problem.code ?? '';
    return Object.entries(this.#fields).find(([, codes]) => codes.test(code))?.[0] ?? null;
  }
}

/** A field whose refusals the server names itself. */
export const NAMED = /^$/;
