import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digitsOf } from '../../src/core/series/precision.ts';
import { firstValue, moveValue } from '../../src/sinks/gauge-value.ts';
import type { ToldValue } from '../../src/sinks/gauge-value.ts';

const curve = (step: number) => 8 / (step + 1) + 0.001_37 * step;
const base = { restart: 0, decimals: undefined };
const file = (step: number, value = curve(step)): ToldValue => ({
  ...base,
  source: 'tb',
  value,
  step,
  time: step * 1_000,
});
const printed = (step: number, value = curve(step)): ToldValue => ({
  ...base,
  source: 'console',
  value: Number(value.toFixed(2)),
  step,
  time: step * 1_000 + 200,
  decimals: 2,
});

/** What the gauge shows after each of them. */
function shown(told: readonly ToldValue[], nowMs: (i: number) => number = () => 0) {
  const held = firstValue(told[0]!, nowMs(0));
  return told.map((each, i) => {
    if (i > 0) moveValue(held, each, nowMs(i));
    return { ...held };
  });
}

describe('a gauge that several sources tell', () => {
  it('becomes exact, and not rounded again', () => {
    const values = shown([printed(1), file(1), printed(1), file(2), printed(2)]).map(({ value }) => value);
    expect(values).toEqual([4, curve(1), curve(1), curve(2), curve(2)]);
  });

  it('goes forward by step and digits only, however the sources are interleaved', () => {
    const order = fc.array(fc.boolean(), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(order, (isFile) => {
        const next = { file: 0, console: 0 };
        const told = isFile.map((of) => (of ? file((next.file += 1)) : printed((next.console += 1))));
        const values = shown(told);
        values.slice(1).forEach((after, i) => {
          const before = values[i]!;
          expect(after.step!).toBeGreaterThanOrEqual(before.step!);
          expect(after.step! > before.step! || digitsOf(after) >= digitsOf(before)).toBe(true);
        });
        expect(values.at(-1)?.step).toBe(Math.max(next.file, next.console));
        expect(values.at(-1)?.rivals.size).toBe(0);
      }),
    );
  });

  it('stays with the source that made it, where another one tells something else, until that is silent', () => {
    const mean = (step: number) => ({ ...printed(step, curve(step) + 1), source: 'mean' });
    const told = [1, 2, 3].flatMap((step) => [file(step), mean(step)]);
    expect(shown(told).map(({ source }) => source)).toEqual(told.map(() => 'tb'));
    const later = [...told, mean(4), mean(5)];
    const sources = shown(later, (i) => (i === later.length - 1 ? 300_000 : 0)).map(({ source }) => source);
    expect(sources.slice(-2)).toEqual(['tb', 'mean']);
  });

  it('is given back to its owner by the first word that differs', () => {
    const other = { ...printed(2, 99), source: 'mean' };
    const values = shown([file(1), other, file(2), { ...other, step: 3, time: 9_000 }]);
    expect(values.map(({ source }) => source)).toEqual(['tb', 'mean', 'tb', 'tb']);
  });

  it('follows a restart back, and no source that still tells what was before', () => {
    const after = (step: number) => ({ ...printed(step), restart: 1, time: 2_000_000 + step });
    const values = shown([
      printed(949),
      printed(950),
      after(801),
      file(940),
      after(802),
      { ...printed(951), time: 0 },
    ]);
    expect(values.map(({ step }) => step)).toEqual([949, 950, 801, 801, 802, 802]);
  });

  it('shows NaN and the infinities as they are told', () => {
    const values = shown([printed(1), file(2, NaN), printed(2, NaN), file(3, -Infinity), file(4)]);
    expect(values.map(({ value }) => value)).toEqual([4, NaN, NaN, -Infinity, curve(4)]);
  });
});
