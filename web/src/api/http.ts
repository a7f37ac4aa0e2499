/** The transport of the JSON API: same origin, session cookie. */
import { ApiProblem, problemOf } from './problem.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A page of a list; `next` asks for the one after it. */
export interface List<Item> {
  items: Item[];
  next: string | null;
}

/** A moment as the server writes it: RFC 3339, UTC. */
export type Time = string;

/** Nothing the page asks takes longer; after this the server counts as unreachable. */
const TIMEOUT_MS = 15_000;
/** Checking a long audit log takes its time. */
export const LONG_TIMEOUT_MS = 120_000;

type Listener = (problem: ApiProblem) => void;
const listeners = new Set<Listener>();

/** Told of every refusal: the application follows a session that ended, wherever it was noticed. */
export function onRefusal(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export async function request<Answer>(method: Method, path: string, body?: object, timeoutMs = TIMEOUT_MS): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  } catch {
    throw new ApiProblem({ status: 0 });
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as Answer;
  const problem = problemOf(response.status, answer, response.headers.get('retry-after'));
  for (const listener of listeners) listener(problem);
  throw problem;
}

export const get = <Answer>(path: string) => request<Answer>('GET', path);
export const post = <Answer = void>(path: string, body: object = {}) => request<Answer>('POST', path, body);
export const put = <Answer = void>(path: string, body: object) => request<Answer>('PUT', path, body);
export const patch = <Answer = void>(path: string, body: object) => request<Answer>('PATCH', path, body);
export const remove = <Answer = void>(path: string) => request<Answer>('DELETE', path);

/** A path with its parameters; those that are undefined, null or empty are left out. */
export function withQuery(path: string, parameters: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** One segment of a path. */
export const segment = (id: string) => encodeURIComponent(id);

/** The members that are worth sending: a field left empty is left out. */
export function filled<Body extends object>(body: Body): Partial<Body> {
  const entries = Object.entries(body).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return Object.fromEntries(entries) as Partial<Body>;
}
