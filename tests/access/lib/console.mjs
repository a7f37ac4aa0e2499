// A server with people in it: its owner signed in, others made by the owner, mail going to a sink.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { run } from '../../browser/lib/process.mjs';
import { newServer } from '../../browser/lib/shared.mjs';
import { Client } from './client.mjs';
import { Authenticator } from './totp.mjs';
import { MailSink, linkOf } from './stand-ins.mjs';

/** A password no rule refuses. */
export const newPassword = () => `Pw-${randomBytes(9).toString('base64url')}-7z`;

let numbers = 2000;

export class Console {
  /** A server of one's own in development mode and its administrator, who is the owner of its workspace. */
  static async start(t, options = {}) {
    const one = new Console();
    one.t = t;
    one.server = await newServer(t, options);
    one.origin = one.server.origin;
    one.owner = new Client(one.origin);
    const admin = one.server.agents.find((agent) => Number(agent.level) === 9);
    await one.owner.must('POST', '/api/v1/start', { key: new URL(admin.page).hash.slice(3) });
    one.me = await one.owner.must('GET', '/api/v1/me');
    one.ownerPassword = null;
    return one;
  }

  client(options) { return new Client(this.origin, options); }

  /** Mail goes to a sink from now on, in clear, codes too. */
  async withMail() {
    this.mail = await MailSink.start(this.t);
    await this.policy({ 'smtp.tls': 'opportunistic', 'smtp.required_for_secrets': false });
    await this.owner.must('PUT', '/api/v1/settings/mail', { host: '127.0.0.1', port: this.mail.ports.plain, from: 'ringfence@example.com', tls: 'opportunistic' });
    return this.mail;
  }

  policy(changes) { return this.owner.must('PATCH', '/api/v1/policy', changes); }

  preset(preset) { return this.owner.must('POST', '/api/v1/policy/preset', { preset }); }

  /** A person, made by the owner: { id, name, password, email, number, level, role }. */
  async person(wanted = {}) {
    const number = wanted.number ?? String(++numbers);
    const person = { name: `p${number}`, display_name: `Person ${number}`, number, password: newPassword(), ...wanted };
    const made = await this.owner.must('POST', '/api/v1/users', person);
    return { ...made, password: person.password };
  }

  /** Has a person show that they read their mail. */
  async verifyEmail(person) {
    const client = this.client();
    await client.must('POST', '/api/v1/email/resend', { email: person.email });
    await client.must('POST', '/api/v1/email/verify', { key: linkOf(await this.mail.next(person.email)).key });
  }

  /** A person who is signed in: { person, client }. */
  async signedIn(wanted = {}, options = {}) {
    const person = wanted.id ? wanted : await this.person(wanted);
    const client = this.client(options);
    const answer = await client.login(person.name, person.password);
    assert.equal(answer.status, 200, answer.text);
    return { person, client };
  }

  /** Sets an authenticator app up for a signed-in client; gives it, with the recovery codes. */
  static async enrol(client) {
    const { secret } = await client.must('POST', '/api/v1/me/second-factor/totp');
    const app = new Authenticator(secret);
    const { recovery_codes: codes } = await client.must('POST', '/api/v1/me/second-factor/totp/confirm', { code: await app.next() });
    app.recoveryCodes = codes;
    return app;
  }

  /** Makes all who are signed in have done so longer ago, behind the server's back: no clock of a running server can be set. */
  age(seconds) {
    const sql = 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 5); db.execute("UPDATE sessions SET created_at = created_at - ?", (int(sys.argv[2]),)); db.commit()';
    return run('python3', ['-c', sql, path.join(this.server.data, 'ringfence.db'), String(seconds)]);
  }

  /** A second workspace with an owner of its own, who is signed in. */
  async otherWorkspace(name = `Other ${++numbers}`) {
    const number = String(++numbers);
    const owner = { name: `owner${number}`, display_name: `Owner ${number}`, number, password: newPassword() };
    const workspace = await this.owner.must('POST', '/api/v1/workspaces', { name, owner });
    const client = this.client();
    assert.equal((await client.login(owner.name, owner.password)).status, 200);
    return { workspace, owner: client, person: { ...owner, id: (await client.must('GET', '/api/v1/me')).id } };
  }

  /** A token of a signed-in client, as a phone uses it. */
  async account(client) {
    const { token } = await client.must('POST', '/api/v1/token');
    const me = await client.must('GET', '/api/v1/me');
    return { user: me.number ?? me.user, token };
  }
}
