import { expect, it } from 'vitest';
import { wordsIn } from '../../src/core/record-words.ts';

it.each([
  [{ level: 'info', message: 'a' }, 'a'],
  [{ textPayload: 'a', severity: 'INFO' }, 'a'],
  [{ MESSAGE: 'a', _PID: '12' }, 'a'],
  [{ message: { text: 'a' }, log: 'b' }, 'b'],
  [{ loss: 1 }, null],
])('the words of %j are %j', (fields, words) => {
  expect(wordsIn(fields)).toBe(words);
});
