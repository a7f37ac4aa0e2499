// What a test needs of the machine and may not find there.

/** Whether a test can run. If not, CI fails it, and elsewhere it is skipped with the reason. */
export function needs(t, is, reason) {
  if (is) return true;
  if (process.env.CI) throw new Error(`cannot run: ${reason}`);
  console.error(`# not run: ${t.name}: ${reason}`);
  t.skip(`not run: ${reason}`);
  return false;
}
