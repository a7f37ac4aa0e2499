// Databases of one's own on the PostgreSQL server of RINGFENCE_TEST_POSTGRES, and a way to it that can be cut.
import fs from 'node:fs';
import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { run } from '../../browser/lib/process.mjs';
import { needs } from './needs.mjs';
import { serve } from './serve.mjs';

const address = process.env.RINGFENCE_TEST_POSTGRES;

/** Debian keeps the programs of each version in a folder; `psql` in the path will do too. */
function psql() {
  const versions = '/usr/lib/postgresql';
  const folders = fs.existsSync(versions) ? fs.readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  return folders.map((version) => `${versions}/${version}/bin/psql`).find((file) => fs.existsSync(file)) ?? 'psql';
}

/** Whether there is a PostgreSQL server to use. */
export const needsPostgres = (t) => needs(t, address, 'RINGFENCE_TEST_POSTGRES names no PostgreSQL server; tests/run starts one');

export class Database {
  /** An empty database, gone with the test. */
  static async create(t) {
    const one = new Database();
    one.name = `ringfence_${randomBytes(8).toString('hex')}`;
    const url = new URL(address);
    url.pathname = `/${one.name}`;
    one.url = url.href;
    await one.#admin(`CREATE DATABASE ${one.name}`);
    one.servers = [];
    t.after(async () => {
      // Before it goes, whoever would complain.
      for (const server of one.servers) await server.stop();
      await one.#admin(`DROP DATABASE IF EXISTS ${one.name} WITH (FORCE)`);
    });
    return one;
  }

  async #admin(sql) {
    const { stdout } = await run(psql(), ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set', 'ON_ERROR_STOP=1', '--command', sql, address]);
    return stdout.trim();
  }

  /** A server on it, by `url` if another way leads there. */
  async serve(t, options = {}) {
    const server = await serve(t, { database: this.url, ...options });
    this.servers.push(server);
    return server;
  }

  /** Ends every connection and takes no new one. */
  async close() {
    await this.#admin(`ALTER DATABASE ${this.name} ALLOW_CONNECTIONS false`);
    await this.#admin(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '${this.name}'`);
  }

  /** Takes connections again. */
  open() { return this.#admin(`ALTER DATABASE ${this.name} ALLOW_CONNECTIONS true`); }
}

/** A way to a database that can stand still, as a server does that swaps or a network that loses everything. */
export class Way {
  static async to(t, database) {
    const one = new Way();
    const { hostname, port } = new URL(database.url);
    const sockets = new Set();
    one.sockets = sockets;
    one.lost = new Set();
    one.isFrozen = false;
    one.stopsAt = null;
    const server = net.createServer((near) => {
      const far = net.connect(Number(port || 5432), hostname);
      for (const [from, to] of [[near, far], [far, near]]) {
        sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => { sockets.delete(from); to.destroy(); });
        from.on('data', (part) => {
          if (from === near && one.stopsAt?.(part)) one.freeze();
          if (one.isFrozen) from.unshift(part); else to.write(part);
        });
        if (one.isFrozen) from.pause();
      }
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => { server.close(); for (const socket of [...sockets, ...one.lost]) socket.destroy(); });
    const url = new URL(database.url);
    url.host = `127.0.0.1:${server.address().port}`;
    one.url = url.href;
    return one;
  }

  /** Stands still as soon as the server sends something of which `is` says so. */
  freezeAt(is) { this.stopsAt = is; }

  /** Nothing passes any more, and nobody is told. */
  freeze() { this.isFrozen = true; this.stopsAt = null; for (const socket of this.sockets) socket.pause(); }

  /** Whoever is connected hears nothing ever again, as after a power cut at the other end. */
  lose() { for (const socket of this.sockets) { socket.pause(); this.lost.add(socket); } this.sockets.clear(); }

  /** What waited passes. */
  thaw() { this.isFrozen = false; for (const socket of this.sockets) socket.resume(); }
}
