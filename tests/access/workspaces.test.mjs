// Workspaces do not see each other, nobody gives away more than they have, and numbers belong to whom they belong.
import assert from 'node:assert/strict';
import { test } from '../browser/lib/shared.mjs';
import { RawPhone, RawSocket, browserOffer } from '../browser/lib/sip.mjs';
import { Console, newPassword } from './lib/console.mjs';

const nowhere = '00000000-0000-4000-8000-000000000000';

test('sec_a28 b23 an id of another workspace is answered exactly as one that is nowhere', async (t) => {
  const console_ = await Console.start(t);
  const other = await console_.otherWorkspace();
  const theirs = {
    user: (await other.owner.must('POST', '/api/v1/users', { name: 'their.user', display_name: 'Theirs', number: '5001' })).id,
    number: (await other.owner.must('POST', '/api/v1/numbers', { number: '+15550001', label: 'Theirs' })).id,
    session: (await other.owner.items('/api/v1/sessions'))[0].id,
    invite: (await other.owner.must('POST', '/api/v1/invites', { email: 'x@example.com', role: 'member', number: '5002' })).id,
    key: (await other.owner.must('POST', '/api/v1/me/api-keys', { name: 'k', scopes: ['users:read'], user: other.person.name, password: other.person.password })).id,
  };
  for (const id of Object.values(theirs)) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  const { client: admin } = await console_.signedIn({ level: 9, role: 'admin' });
  const until = new Date(Date.now() + 3600_000).toISOString();
  const number = (await console_.owner.must('POST', '/api/v1/numbers', { number: '+15559999', label: 'Ours' })).id;
  const asks = [
    ['GET', `/api/v1/users/ID`, theirs.user], ['PATCH', '/api/v1/users/ID', theirs.user, { display_name: 'Mine' }], ['DELETE', '/api/v1/users/ID', theirs.user],
    ['POST', '/api/v1/users/ID/password-reset', theirs.user, {}], ['GET', '/api/v1/users/ID/sessions', theirs.user], ['POST', '/api/v1/users/ID/sessions/end-all', theirs.user, {}],
    ['POST', '/api/v1/users/ID/second-factor/reset', theirs.user, {}], ['PUT', '/api/v1/users/ID/second-factor/exemption', theirs.user, { until, reason: 'x' }],
    ['DELETE', '/api/v1/users/ID/second-factor/exemption', theirs.user], ['DELETE', '/api/v1/sessions/ID', theirs.session], ['DELETE', '/api/v1/me/sessions/ID', theirs.session],
    ['DELETE', '/api/v1/invites/ID', theirs.invite], ['GET', '/api/v1/numbers/ID', theirs.number], ['PATCH', '/api/v1/numbers/ID', theirs.number, { label: 'Mine' }],
    ['DELETE', '/api/v1/numbers/ID', theirs.number], ['GET', '/api/v1/numbers/ID/calls', theirs.number], ['GET', '/api/v1/numbers/ID/access', theirs.number],
    ['PUT', `/api/v1/numbers/ID/access/${console_.me.id}`, theirs.number, { access: 'owner' }], ['PUT', `/api/v1/numbers/${number}/access/ID`, theirs.user, { access: 'view' }],
    ['DELETE', `/api/v1/numbers/${number}/access/ID`, theirs.user], ['DELETE', '/api/v1/api-keys/ID', theirs.key], ['DELETE', '/api/v1/me/api-keys/ID', theirs.key],
    ['POST', '/api/v1/me/workspace', null, { id: other.workspace.id }],
  ];
  for (const [i, [method, path, id, body]] of asks.entries()) {
    const as = admin.thief({ address: undefined });
    if (i % 12 === 11) await new Promise((resolve) => setTimeout(resolve, 0));
    const real = await as.request(method, path.replace('ID', id), { body });
    const missing = await as.request(method, path.replace('ID', nowhere), { body: id === null ? { id: nowhere } : body });
    const wrong = await as.request(method, path.replace('ID', '1'), { body: id === null ? { id: '1' } : body });
    const told = ({ status, json }) => { const { instance, ...rest } = json ?? {}; return { status, rest }; };
    assert.deepEqual(told(real), told(missing), `${method} ${path}`);
    assert.ok([403, 404].includes(real.status), `${method} ${path}: ${real.text}`);
    if (id !== null) assert.deepEqual(told(wrong), told(missing), `${method} ${path} with an id that is no id`);
  }
  assert.equal((await other.owner.get(`/api/v1/users/${theirs.user}`)).json.display_name, 'Theirs', 'nothing changed');
  for (const list of ['users', 'numbers', 'invites', 'sessions', 'api-keys', 'second-factors', 'login-history', 'audit']) {
    const { text } = await admin.thief({ address: undefined }).get(`/api/v1/${list}`);
    for (const [what, id] of Object.entries(theirs)) assert.ok(!text.includes(id), `${list} shows a ${what} of another workspace`);
  }
});

test('a10 a11 a12 one person, owner in one workspace and member in another, has the rights of where they work', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  const other = await console_.otherWorkspace();
  const invite = await console_.owner.post('/api/v1/invites', { email: 'both@example.com', role: 'member', number: '6001' });
  assert.equal(invite.status, 201, invite.text);
  await mail.next('both@example.com');
  const admin = (await console_.signedIn({ level: 9, role: 'admin' })).client;
  const member = (await console_.signedIn({ level: 1, role: 'member' })).client;
  for (const [path, owner, administrator, of_] of [
    ['/api/v1/billing', 200, 403, 403], ['/api/v1/invites', 200, 200, 403], ['/api/v1/settings/workspace', 200, 200, 403], ['/api/v1/numbers', 200, 200, 200], ['/api/v1/policy', 200, 200, 403],
  ]) {
    assert.equal((await console_.owner.get(path)).status, owner, `owner ${path}`);
    assert.equal((await admin.get(path)).status, administrator, `admin ${path}`);
    assert.equal((await member.get(path)).status, of_, `member ${path}`);
  }
  assert.equal((await member.post('/api/v1/invites', { email: 'y@example.com', role: 'member', number: '6002' })).status, 403);
  assert.equal((await member.post('/api/v1/numbers', { number: '+15551', label: 'x' })).status, 403);
  assert.equal((await other.owner.get('/api/v1/workspaces')).status, 403, 'the owner of another workspace does not run the installation');
  assert.equal((await other.owner.get('/api/v1/billing')).status, 200);
});

test('a10 x5 an invitation makes a person with the role it names, once', async (t) => {
  const console_ = await Console.start(t);
  const mail = await console_.withMail();
  const { linkOf } = await import('./lib/stand-ins.mjs');
  await console_.owner.must('POST', '/api/v1/invites', { email: 'grace@example.com', role: 'admin', number: '6100' });
  const { key, url } = linkOf(await mail.next('grace@example.com'));
  assert.equal(url.pathname, '/invite');
  const grace = console_.client();
  const seen = await grace.must('POST', '/api/v1/invites/look', { key });
  assert.deepEqual([seen.email, seen.role], ['grace@example.com', 'admin']);
  const me = await grace.must('POST', '/api/v1/invites/accept', { key, name: 'grace', display_name: 'Grace', password: newPassword() });
  assert.deepEqual([me.role, me.level, me.number], ['admin', 9, '6100']);
  assert.equal((await grace.get('/api/v1/billing')).status, 403);
  const again = await console_.client().post('/api/v1/invites/accept', { key, name: 'grace2', display_name: 'Grace', password: newPassword() });
  assert.ok([404, 409, 410].includes(again.status), again.text);
  await console_.owner.must('POST', '/api/v1/invites', { email: 'late@example.com', role: 'member', number: '6101' });
  const late = linkOf(await mail.next('late@example.com'));
  const row = (await console_.owner.items('/api/v1/invites')).find((one) => one.email === 'late@example.com');
  assert.ok((await console_.owner.delete(`/api/v1/invites/${row.id}`)).status < 300);
  assert.ok([404, 410].includes((await console_.client().post('/api/v1/invites/look', { key: late.key })).status), 'taken back');
});

test('sec_a29 b24 nobody raises themselves or others above themselves, and unknown members are refused', async (t) => {
  const console_ = await Console.start(t);
  const { client: member, person } = await console_.signedIn({ level: 4 });
  for (const body of [{ level: 9 }, { role: 'owner' }, { workspace_id: nowhere }, { is_admin: true }, { display_name: 'x', level: 9 }, { id: nowhere }, { email_verified: true }]) {
    const answer = await member.patch('/api/v1/me', body);
    assert.ok([400, 403, 422].includes(answer.status), `${JSON.stringify(body)}: ${answer.text}`);
  }
  const me = await member.must('GET', '/api/v1/me');
  assert.deepEqual([me.level, me.role], [4, 'member']);
  const { client: admin, person: adminPerson } = await console_.signedIn({ level: 9, role: 'admin' });
  const change = (id, body) => admin.patch(`/api/v1/users/${id}`, body);
  assert.equal((await change(person.id, { role: 'owner' })).status, 403, 'an administrator makes no owner');
  assert.equal((await change(adminPerson.id, { role: 'owner' })).status, 403);
  assert.equal((await change(console_.me.id, { role: 'member' })).status, 403, 'nor unmakes one');
  assert.ok([403, 409].includes((await admin.delete(`/api/v1/users/${console_.me.id}`)).status));
  assert.ok([403, 409, 422].includes((await console_.owner.patch(`/api/v1/users/${console_.me.id}`, { role: 'member' })).status), 'the last owner stays one');
  for (const level of [0, 10, -1, 5.5, '9', 1e9]) {
    const answer = await change(person.id, { level });
    assert.ok([400, 422].includes(answer.status), `${level}: ${answer.text}`);
  }
  assert.equal((await change(person.id, { level: 6 })).status, 200);
});

/** A phone that asks to call out from a number; gives the status of the answer. */
async function callsFrom(t, console_, client, from) {
  const phone = new RawPhone();
  phone.account = await console_.account(client);
  phone.socket = await RawSocket.connect(console_.server.url);
  phone.host = 'numbers.invalid';
  t.after(() => phone.end());
  assert.equal((await phone.register()).status, 200);
  const caller = from ?? phone.account.user;
  return phone.invite('+15557777', browserOffer(), { headers: { From: `<sip:${caller}@ringfence>;tag=n` } });
}

test('a13 a14 a15 a16 x6 a number is shared, used and only read, whatever the role', async (t) => {
  const console_ = await Console.start(t, { trunk: { password: 'nobody-is-there', port: 1 } });
  const made = await console_.owner.must('POST', '/api/v1/numbers', { number: '+15551234', label: 'Sales' });
  const path = `/api/v1/numbers/${made.id}`;
  const [owner, shared, view, none] = await Promise.all(['o', 's', 'v', 'n'].map(() => console_.signedIn({ level: 1, role: 'member' })));
  for (const [who, access] of [[owner, 'owner'], [shared, 'shared'], [view, 'view']]) await console_.owner.must('PUT', `${path}/access/${who.person.id}`, { access });
  for (const { client } of [owner, shared, view]) {
    assert.equal((await client.get(path)).status, 200);
    assert.equal((await client.get(`${path}/calls`)).status, 200);
  }
  assert.equal((await none.client.get(path)).status, 404, 'a number of others is nowhere');
  assert.equal((await none.client.items('/api/v1/numbers')).length, 0);
  for (const { client } of [shared, view]) {
    assert.equal((await client.patch(path, { label: 'Mine' })).status, 403);
    assert.equal((await client.put(`${path}/access/${none.person.id}`, { access: 'shared' })).status, 403);
    assert.equal((await client.delete(path)).status, 403);
  }
  assert.equal((await owner.client.patch(path, { label: 'Renamed' })).json?.label, 'Renamed');
  assert.ok((await owner.client.put(`${path}/access/${none.person.id}`, { access: 'view' })).status < 300);
  assert.ok((await owner.client.delete(`${path}/access/${none.person.id}`)).status < 300);
  for (const [who, allowed] of [[owner, true], [shared, true], [view, false], [none, false]]) {
    const { status, text } = await callsFrom(t, console_, who.client, '+15551234');
    // The PBX is not there: an allowed call fails on the way to it, a refused one before it is routed.
    if (allowed) assert.notEqual(status, 403, text); else assert.equal(status, 403, text);
  }
  await console_.policy({ 'number.require_assigned': true });
  assert.equal((await callsFrom(t, console_, none.client, null)).status, 403, 'no number, no call out');
  assert.ok((await owner.client.delete(path)).status < 300);
  assert.equal((await owner.client.get(path)).status, 404);
});
