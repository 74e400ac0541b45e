import { expect, it } from 'vitest';
import { nearest } from '../../src/config/nearest.ts';

it.each([
  ['brokes', 'brokers'],
  ['borkers', 'brokers'],
  ['PATH', 'path'],
  ['includes', 'include'],
  ['zzzz', null],
  ['', null],
])('%j is nearest to %j', (word, expected) => {
  expect(nearest(word, ['brokers', 'path', 'include', 'exclude'])).toBe(expected);
});
