import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agree, decimalsOf, digitsOf } from '../../../src/core/series/precision.ts';

describe('agree', () => {
  it.each([
    ['a rounded print', { value: 4.46, decimals: 2 }, { value: 4.459999084472656 }, true],
    [
      'a print that is off by more than half a unit',
      { value: 4.47, decimals: 2 },
      { value: 4.459999084472656 },
      false,
    ],
    ['zeros that are printed', { value: 4.5, decimals: 4 }, { value: 4.53 }, false],
    ['rounded JSON', { value: 4.46 }, { value: Math.fround(4.46) }, true],
    ['a float32 and its double', { value: 0.1 }, { value: Math.fround(0.1) }, true],
    ['thousands', { value: 19320, decimals: -1 }, { value: 19318.4 }, true],
    ['small numbers', { value: 1e-5, decimals: 5 }, { value: 1.2e-5 }, true],
    ['small numbers, told well', { value: 1e-5, decimals: 8 }, { value: 1.2e-5 }, false],
    ['whole numbers of files', { value: 4 }, { value: 4.3 }, false],
    ['NaN', { value: NaN, decimals: 0 }, { value: NaN }, true],
    ['NaN and a number', { value: NaN }, { value: 0 }, false],
    ['infinities', { value: Infinity }, { value: -Infinity }, false],
  ])('%s', (_, a, b, expected) => {
    expect([agree(a, b), agree(b, a)]).toEqual([expected, expected]);
  });

  it('holds for every number and its print, in every number of digits', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
    fc.assert(
      fc.property(number, fc.integer({ min: 0, max: 12 }), (value, decimals) => {
        expect(agree({ value }, { value: Number(value.toFixed(decimals)), decimals })).toBe(true);
        expect(agree({ value }, { value: Math.fround(value) })).toBe(true);
      }),
    );
  });
});

it('digits are counted as they are told', () => {
  expect(digitsOf({ value: 4.5, decimals: 4 })).toBe(5);
  expect(digitsOf({ value: 0.0012, decimals: 4 })).toBe(2);
  expect(digitsOf({ value: 4.4599 })).toBe(5);
  expect(digitsOf({ value: Math.fround(4.46) })).toBe(8);
  expect(digitsOf({ value: 4.459999123456789 })).toBeGreaterThan(14);
  expect(digitsOf({ value: 19320, decimals: -1 })).toBe(4);
  expect(digitsOf({ value: 0, decimals: 4 })).toBe(0);
  expect([1.5e-7, 1e21, 12, 0.25].map((value) => decimalsOf({ value }))).toEqual([8, 0, 0, 2]);
});
