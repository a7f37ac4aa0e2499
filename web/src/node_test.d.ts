/** The little of Node's test runner the unit tests use, so that Node's types do not leak into browser code. */
declare module 'node:test' {
  export function test(name: string, run: () => void | Promise<void>): void;
}
declare module 'node:assert/strict' {
  const assert: {
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    ok(value: unknown, message?: string): void;
    match(value: string, pattern: RegExp): void;
    rejects(promise: Promise<unknown>, check: (error: Error) => boolean): Promise<void>;
  };
  export default assert;
}
