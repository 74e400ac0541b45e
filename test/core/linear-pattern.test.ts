import { expect, test } from 'vitest';
import { PatternError, compilePattern } from '../../src/core/linear-pattern.ts';

test('a match tells where it is, and what its groups hold', () => {
  const pattern = compilePattern('step (?P<step>\\d+)(?: loss (?<loss>\\S+))?');
  expect(pattern.groups).toEqual(['step', 'loss']);
  const found = pattern.find('at step 10 loss 2.5, step 11');
  expect([found?.start, found?.end, found?.group('step'), found?.group('loss')]).toEqual([
    3,
    20,
    '10',
    '2.5,',
  ]);
  const next = pattern.find('at step 10 loss 2.5, step 11', found?.end);
  expect([next?.start, next?.group('step'), next?.group('loss')]).toEqual([21, '11', null]);
  expect(pattern.find('nothing')).toBeNull();
});

test.each([
  ['ab(?=c)', 3],
  ['x[z-a]', 3],
  ['ab**', 3],
  ['(a)\\1', 4],
  ['a\\', 2],
])('%s is refused, with the place', (source, position) => {
  const refused = () => compilePattern(source);
  expect(refused).toThrow(PatternError);
  expect(refused).toThrow(`, at character ${position}`);
});

test('time is linear where a backtracking search would not end', () => {
  expect(compilePattern('(?P<x>(a+)+)$').find(`${'a'.repeat(20_000)}b`)).toBeNull();
  expect(compilePattern('(x+x+)+y').find('x'.repeat(20_000))).toBeNull();
});
