import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, ceilingOf, labelStep } from './chart.ts';
import { strengthOf } from './password.ts';
import { addDays, dayOf, duration, fromNow, moment, talked, unitOf } from './time.ts';
import { deviceWords, endingWords, levelOfRole, plain, plural, tierOf } from './words.ts';

test('moments are written in a zone and say which', () => {
  const text = moment('2026-03-01T23:30:00Z', 'en-GB', 'Europe/Berlin');
  assert.match(text, /2 Mar 2026/);
  assert.match(text, /00:30/);
  assert.match(text, /CET|GMT\+1/);
  for (const nothing of [null, undefined, '', 'yesterday']) assert.equal(moment(nothing), '');
});

test('the day is the one of the zone', () => {
  const now = Date.parse('2026-03-01T23:30:00Z');
  assert.equal(dayOf(now, 'UTC'), '2026-03-01');
  assert.equal(dayOf(now, 'Asia/Tokyo'), '2026-03-02');
  assert.equal(addDays('2026-03-01', -1), '2026-02-28');
  assert.equal(addDays('2026-12-31', 1), '2027-01-01');
});

test('distances in time round towards now', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  assert.equal(fromNow('2026-03-01T11:55:30Z', now, 'en'), '4 minutes ago');
  assert.equal(fromNow('2026-03-04T13:00:00Z', now, 'en'), 'in 3 days');
  assert.equal(fromNow('2026-03-01T12:00:20Z', now, 'en'), 'now');
});

test('durations use the largest unit that fits', () => {
  assert.equal(duration(28_800), '8 hours');
  assert.equal(duration(86_400), '1 day');
  assert.equal(duration(90), '90 seconds');
  assert.equal(unitOf(0), 'seconds');
  assert.equal(talked(3_900), '1 h 05 min');
  assert.equal(talked(200), '3 min 20 s');
  assert.equal(talked(0), '0 s');
});

test('a2_password_words_count_characters_and_do_not_praise_rows', () => {
  assert.match(strengthOf('abc').words, /5 more characters/);
  assert.match(strengthOf('abcdefg').words, /1 more character$/);
  assert.equal(strengthOf('12345678').score, 1);
  assert.equal(strengthOf('aaaaaaaaaaaaaaaa').score, 1);
  assert.equal(strengthOf('orbit lantern maple drizzle').score, 4);
  assert.match(strengthOf('💚'.repeat(129)).words, /Too long/);
  assert.ok(strengthOf('💚'.repeat(128)).score > 0);
});

test('words nobody knows are still shown', () => {
  assert.equal(plain('call_back-later'), 'Call back later');
  assert.equal(endingWords('expired'), 'Expired');
  assert.equal(deviceWords({ browser: 'Firefox', system: 'Linux', user_agent: 'x' }), 'Firefox on Linux');
  assert.equal(deviceWords({ browser: null, system: null, user_agent: null }), 'Unknown device');
  assert.equal(deviceWords({ browser: 'Unknown', system: 'Unknown', user_agent: 'curl/8' }), 'curl/8');
  assert.equal(plural(1, 'row'), '1 row');
  assert.equal(plural(2, 'person', 'people'), '2 people');
});

test('b24_levels_have_four_tiers_and_roles_a_level_to_start_with', () => {
  assert.deepEqual([1, 4, 5, 6, 7, 8, 9].map(tierOf), ['Agent', 'Agent', 'Supervisor', 'Supervisor', 'Manager', 'Manager', 'Admin']);
  assert.deepEqual(['owner', 'admin', 'member'].map(levelOfRole), [9, 9, 1]);
});

test('bars fill their slots and never leave the chart', () => {
  const drawn = bars([0, 5, 10], { width: 300, height: 100 });
  assert.deepEqual(drawn.map((bar) => bar.height), [0, 50, 100]);
  assert.ok(drawn.every((bar) => bar.y >= 0 && bar.x >= 0 && bar.x + bar.width <= 300));
  assert.deepEqual(bars([], { width: 300, height: 100 }), []);
  assert.equal(ceilingOf(0), 4);
  assert.equal(ceilingOf(73), 80);
  assert.equal(ceilingOf(1000), 1000);
  assert.equal(labelStep(31, 8), 4);
});
