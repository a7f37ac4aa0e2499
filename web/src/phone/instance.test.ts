import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from './instance.ts';

function storage(kept: Record<string, string> = {}) {
  return {
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string, value: string) => {
      kept[name] = value;
    },
  };
}

test('a reloaded page is the same phone', () => {
  const tab = storage();
  const first = instanceId(false, tab);
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(instanceId(true, tab), first);
});

test('a duplicated tab is another phone, with the copy it got', () => {
  const tab = storage();
  const first = instanceId(false, tab);
  assert.ok(instanceId(false, tab) !== first);
});

test('storage that is missing, refuses or holds nonsense is harmless', () => {
  const refusing = {
    getItem: () => {
      throw new Error('refused');
    },
    setItem: () => {
      throw new Error('refused');
    },
  };
  for (const tab of [null, refusing, storage({ 'ringfence.instance': 'x' })]) assert.equal(instanceId(true, tab).length, 36);
});
