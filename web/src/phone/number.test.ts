import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diallable } from './number.ts';

test('numbers are taken as people write them', () => {
  assert.equal(diallable(' +49 (30) 123-456 '), '+4930123456');
  assert.equal(diallable('tel:030/12.34'), '0301234');
  assert.equal(diallable('*43'), '*43');
  assert.equal(diallable('**1#'), '**1#');
  assert.equal(diallable('front-desk'), 'front-desk');
});

test('what could not be a number is not dialled', () => {
  for (const typed of ['', '   ', '???', '1;2', '1@evil.example', '1\r\nVia: x', '%', 'ä', '+', '1'.repeat(65)]) {
    assert.equal(diallable(typed), null, JSON.stringify(typed));
  }
});
