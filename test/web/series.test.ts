import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredPoint } from '../../src/core/event-index.ts';
import { resourceNames } from '../../src/core/resources.ts';
import { metricNames, thin, toSeries } from '../../src/web/series.ts';

function stored(over: Partial<StoredPoint>): StoredPoint {
  const base = {
    run: 'r',
    attempt: 0,
    rank: 0,
    host: 'h',
    path: '/a',
    step: 1,
    name: 'loss',
    canonical: 'loss',
  };
  return { ...base, value: 1, time: 0, ...over };
}

describe('toSeries', () => {
  it('makes one line per attempt and rank, and one of a source that disagrees', () => {
    const chart = toSeries([
      stored({ step: 2, value: 5, time: 9 }),
      stored({ step: 2, value: 4, time: 3, path: '/console.log' }),
      stored({ step: 1, value: 7 }),
      stored({ rank: 1, value: NaN }),
      stored({ attempt: 1, step: null }),
    ]);
    expect(chart).toEqual({
      x: 'step',
      withoutStep: 1,
      seriesLeftOut: 0,
      total: 5,
      series: [
        {
          attempt: 0,
          rank: 0,
          points: [
            [1, 7, 0],
            [2, 5, 9],
          ],
        },
        { attempt: 0, rank: 0, of: 'loss (console.log)', points: [[2, 4, 3]] },
        { attempt: 0, rank: 1, points: [[1, 'NaN', 0]] },
      ],
    });
  });

  it('shows the most precise of what agrees, and what is superseded as a line of its own', () => {
    const chart = toSeries([
      ...[1, 2, 3].map((step) => stored({ step, value: 1 / step, path: '/tb' })),
      ...[1, 2, 3].map((step) => stored({ step, value: Number((1 / step).toFixed(2)), decimals: 2 })),
      stored({ step: 3, value: 9, attempt: 1, path: '/tb', time: 5 }),
    ]);
    expect(chart.series.map(({ attempt, superseded, points }) => [attempt, superseded, points])).toEqual([
      [
        0,
        undefined,
        [
          [1, 1, 0],
          [2, 0.5, 0],
        ],
      ],
      [0, true, [[3, 1 / 3, 0]]],
      [1, undefined, [[3, 9, 5]]],
    ]);
  });

  it('takes the time where no point has a step', () => {
    const chart = toSeries([stored({ step: null, time: 20 }), stored({ step: null, time: 10 })]);
    expect(chart.x).toBe('time');
    expect(chart.series[0]?.points.map(([x]) => x)).toEqual([10, 20]);
  });

  it('bounds lines and points', () => {
    const points = Array.from({ length: 300 }, (_, rank) => stored({ rank }));
    expect(toSeries(points)).toMatchObject({ seriesLeftOut: 44 });
    const long = toSeries(Array.from({ length: 50_000 }, (_, step) => stored({ step })));
    expect(long.series[0]?.points.length).toBeLessThanOrEqual(2000);
  });
});

it('thins without losing the ends, the extremes or a NaN', () => {
  const value = fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.constantFrom(NaN, Infinity));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 5, max: 60 }),
      (values, max) => {
        const points = values.map((value, i): [number, { value: number }] => [i, { value }]);
        const kept = thin(points, max);
        expect(kept.length).toBeLessThanOrEqual(Math.max(max, 5));
        expect(kept[0]).toBe(points[0]);
        expect(kept.at(-1)).toBe(points.at(-1));
        const finite = (list: typeof points) =>
          list.map(([, p]) => p.value).filter((v) => Number.isFinite(v));
        expect(Math.min(...finite(kept))).toBe(Math.min(...finite(points)));
        expect(Math.max(...finite(kept))).toBe(Math.max(...finite(points)));
        expect(finite(kept).length < kept.length).toBe(finite(points).length < points.length);
        expect(kept.map(([x]) => x)).toEqual(kept.map(([x]) => x).toSorted((a, b) => a - b));
      },
    ),
  );
});

it('offers loss first, then the names told most', () => {
  const points = [
    stored({ name: 'lr', canonical: 'learning_rate' }),
    stored({ name: 'lr', canonical: 'learning_rate' }),
    stored({ name: 'my', canonical: null }),
    stored({ name: 'train_loss' }),
  ];
  expect(metricNames(points).map(({ name }) => name)).toEqual(['loss', 'learning_rate', 'my']);
});

it('draws a line for each device of each machine, over time', () => {
  const power = (host: string, device: string, time: number) =>
    stored({ host, rank: null, step: null, time, ...resourceNames('gpu', device, 'power_watts') });
  const chart = toSeries([
    power('n1', '0', 1),
    power('n2', '0', 1),
    power('n1', '1', 1),
    power('n1', '0', 2),
  ]);
  expect(chart.x).toBe('time');
  expect(chart.series.map(({ of, points }) => [of, points.length])).toEqual([
    ['n1 0', 2],
    ['n1 1', 1],
    ['n2 0', 1],
  ]);
});
