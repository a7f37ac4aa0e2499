// Child processes, temporary folders and ports of one test run. Everything is ended by its own pid, and the temporary
// folder is removed unless something failed.
import { spawn, execFile } from 'node:child_process';
import fs from 'node:fs';
import { randomInt } from 'node:crypto';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);
export const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const cache = process.env.RINGFENCE_TESTS_CACHE
  ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'ringfence-tests');
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const children = new Set();
let folder;

/** The temporary folder of this run: logs, data folders, configurations. */
export function workFolder() {
  folder ??= fs.mkdtempSync(path.join(os.tmpdir(), 'ringfence-tests-'));
  return folder;
}

/** A new empty folder inside the run's temporary folder. */
export function newFolder(name) {
  return fs.mkdtempSync(path.join(workFolder(), `${name}-`));
}

/** Starts a program; its output goes to `log`. The handle has `pid`, `exited` (a promise of code or signal) and `stop`. */
export function start(command, args, { log, stdout = 'file', ...options } = {}) {
  const file = fs.openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', stdout === 'pipe' ? 'pipe' : file, file], ...options });
  fs.closeSync(file);
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => { children.delete(child); resolve(code ?? signal); });
    child.once('error', (error) => { children.delete(child); resolve(error.message); });
  });
  children.add(child);
  return {
    child,
    pid: child.pid,
    log,
    exited,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    /** Asks it to end, then insists. Resolves to the exit code, or to the signal that ended it. */
    async stop(signal = 'SIGTERM', patience = 5000) {
      if (child.exitCode !== null || child.signalCode !== null) return exited;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), patience);
      const outcome = await exited;
      clearTimeout(timer);
      return outcome;
    },
  };
}

/** Polls until `probe` gives something truthy, and returns it; after `timeout` ms throws what was awaited. */
export async function until(what, probe, timeout = 5000, every = 50) {
  const deadline = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms for ${typeof what === 'function' ? what() : what}; last: ${show(last)}`);
    await sleep(every);
  }
}

const show = (value) => (value instanceof Error ? value.message : JSON.stringify(value));

/**
 * Ports one after the other that nobody listens on, of a range from which the kernel gives none to connections: what is free
 * now is free still when a program comes to listen there.
 */
export async function freePorts(count) {
  const listen = (port) => new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
  for (;;) {
    const first = randomInt(12000, 19000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const tries = await Promise.allSettled(ports.map(listen));
    await Promise.all(tries.map(({ value }) => value && new Promise((resolve) => { value.close(resolve); })));
    if (tries.every(({ status }) => status === 'fulfilled')) return ports;
  }
}

/** Removes the temporary folder, or says where it is when `keep`. */
export function cleanWorkFolder(keep) {
  if (!folder) return;
  if (keep) console.error(`# logs and data of this run are kept in ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
  folder = undefined;
}

// Whatever happens to the test process, its children do not outlive it.
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
