import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalsIn, printedNumber, readNumber } from '../../src/train/numbers.ts';

describe('printed numbers', () => {
  it.each([
    ['4.50', 4.5, 2],
    ['-0.0', -0, 1],
    ['+.5', 0.5, 1],
    ['5.', 5, 0],
    ['1.932e+04', 19_320, -1],
    ['1e-05', 0.000_01, 5],
    ['0.12345678901234568', 0.123_456_789_012_345_68, 17],
    ['1e400', Infinity, -400],
    ['12,345.7', 12_345.7, 1],
    ['-inf', -Infinity, 0],
    ['nan', Number.NaN, 0],
    ['53.2K', 53_200, -2],
    ['1.2k', 1200, -2],
    ['1.05M', 1_050_000, -4],
    ['2B', 2e9, -9],
    ['4.05G', Number.NaN, 3],
    ['1e', Number.NaN, 0],
    ['', Number.NaN, 0],
  ])('%j is %s, with %s decimals', (text, value, decimals) => {
    expect(printedNumber(`a ${text} b`, 2, 2 + text.length)).toEqual({ value, decimals });
  });

  it('are what their whole text says', () => {
    const text = fc.stringMatching(/^[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,9})(?:[eE][+-]?\d{1,3})?$/);
    fc.assert(
      fc.property(text, (each) => {
        expect(printedNumber(each, 0, each.length)).toEqual({
          value: readNumber(each),
          decimals: decimalsIn(each),
        });
      }),
    );
  });
});
