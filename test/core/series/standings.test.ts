import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agree } from '../../../src/core/series/precision.ts';
import type { SeriesPoint } from '../../../src/core/series/sources.ts';
import { standingsOf } from '../../../src/core/series/standings.ts';

const base = { run: 'run', attempt: 0, rank: null, canonical: 'loss', time: 1_000 };

const exact = (step: number | null, value: number, more: Partial<SeriesPoint> = {}): SeriesPoint => ({
  ...base,
  path: '/r/tb/events.out.tfevents.1.vm.2.0',
  name: 'train/loss',
  step,
  value: Math.fround(value),
  ...more,
});

const printed = (step: number | null, value: number, more: Partial<SeriesPoint> = {}): SeriesPoint => ({
  ...base,
  path: '/r/console.log',
  name: 'loss',
  step,
  value: Number(value.toFixed(2)),
  decimals: 2,
  ...more,
});

/** The standings, with what is read of the points: `s` stands, `=` same, `x` superseded. */
const signs = { stands: 's', same: '=', superseded: 'x' } as const;
const told = (points: readonly SeriesPoint[]) =>
  standingsOf(points)
    .map(({ standing }) => signs[standing])
    .join('');

const curve = (step: number) => 8 / (step + 1) + 0.001_37 * (step % 7);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('one series, many sources', () => {
  it('has the most precise value of each step; what is printed is the same', () => {
    const csv = { path: '/r/metrics.csv', name: 'train_loss' };
    const points = [0, 1, 2].flatMap((step) => [
      printed(step, curve(step)),
      exact(step, curve(step)),
      { ...exact(step, curve(step), csv), value: Number(curve(step).toFixed(4)) },
    ]);
    expect(told(points)).toBe('=s='.repeat(3));
    expect(new Set(standingsOf(points).map(({ series }) => series))).toEqual(new Set(['loss']));
  });

  it('has what only one source tells', () => {
    const points = [printed(1, 4.5), printed(2, 4.25), exact(2, 4.251), exact(3, 4.1)];
    expect(told(points)).toBe('s=ss');
  });

  it('tells another quantity under the same canonical name apart', () => {
    const points = [
      ...range(1, 5).map((step) => exact(step, curve(step))),
      ...range(1, 5).map((step) => printed(step, curve(step) + 1, { name: 'train_loss' })),
    ];
    expect(told(points)).toBe('s'.repeat(10));
    const names = standingsOf(points).map(({ series }) => series);
    expect([names[0], names[5]]).toEqual(['loss', 'loss (train_loss)']);
  });

  it('tells two files that disagree under one name apart by the file', () => {
    const other = { path: '/r/other.log' };
    const points = [1, 2, 3].flatMap((step) => [printed(step, step), printed(step, step + 7, other)]);
    expect(told(points)).toBe('ssssss');
    expect(new Set(standingsOf(points).map(({ series }) => series)).size).toBe(2);
  });

  it('keeps ranks apart, and gives a source without a rank that of the one that it agrees with', () => {
    const points = [0, 1].flatMap((rank) =>
      range(1, 4).map((step) => printed(step, curve(step) + rank, { rank })),
    );
    const files = range(1, 4).map((step) => exact(step, curve(step) + 1));
    expect(told([...points, ...files])).toBe('ssss====ssss');
    expect(standingsOf([...points, ...files]).at(-1)).toMatchObject({ rank: 1, series: 'loss' });
  });

  it('finds printed values without steps again, in their order', () => {
    const file = range(1, 6).map((step) => exact(step, curve(step)));
    const dicts = [2, 4, 6].map((step) => printed(null, curve(step)));
    expect(told([...dicts, ...file])).toBe('===ssssss');
    expect(told([...dicts.toReversed(), ...file])).toBe('sssssssss');
  });

  it('knows NaN and the infinities again', () => {
    const points = [NaN, Infinity, -Infinity].flatMap((value, step) => [
      exact(step, value),
      { ...printed(step, 0), value },
    ]);
    expect(told(points)).toBe('s='.repeat(3));
  });

  it('shows identical prints of several processes once', () => {
    expect(told([printed(1, 4), printed(1, 4), printed(2, 3), printed(2, 3)])).toBe('s=s=');
    expect(told([printed(1, 4), printed(1, 5)])).toBe('ss');
  });
});

describe('lives of a run', () => {
  const attempt = (number: number, from: number, to: number, more: Partial<SeriesPoint> = {}) =>
    range(from, to).map((step) =>
      printed(step, curve(step) + number / 10, {
        attempt: number,
        path: `/r/attempt_${number}/0/stdout.log`,
        time: 1_000 * number + step,
        ...more,
      }),
    );
  const count = (points: readonly SeriesPoint[], standing: string) =>
    standingsOf(points).filter((each) => each.standing === standing).length;

  it('supersede what they tell anew, and only as far as they have come', () => {
    const first = attempt(0, 1, 950);
    expect(count([...first, ...attempt(1, 801, 801)], 'superseded')).toBe(1);
    const points = [...first, ...attempt(1, 801, 900)];
    const superseded = standingsOf(points).flatMap(({ standing }, i) =>
      standing === 'superseded' ? [points[i]!.step] : [],
    );
    expect(superseded).toEqual(range(801, 900));
    expect(count([...first, ...attempt(1, 801, 1200)], 'superseded')).toBe(150);
  });

  it('go by what the run has told on any rank', () => {
    const gone = attempt(0, 1, 20, { rank: 3 });
    expect(count([...gone, ...attempt(1, 11, 30, { rank: 0 })], 'superseded')).toBe(10);
  });

  it('append to one file', () => {
    const points = [
      ...attempt(0, 1, 20),
      ...attempt(0, 11, 30, { restart: 1 }),
      ...attempt(0, 26, 28, { restart: 2 }),
    ];
    expect(count(points, 'superseded')).toBe(10 + 3);
  });

  it('write event files one after the other into a directory without attempts', () => {
    const life = (file: number, from: number, to: number) =>
      range(from, to).map((step) =>
        exact(step, curve(step) + file, {
          path: `/r/tb/events.out.tfevents.${file}.vm.2.0`,
          time: file * 100_000 + step,
        }),
      );
    const events = [...life(1, 1, 20), ...life(2, 11, 30)];
    expect(count(events, 'superseded')).toBe(10);
    // The console's path names the attempts; what the second event file has told is of the second.
    const consoles = [
      ...attempt(0, 1, 20).map((point) => ({ ...point, time: 100_000 + point.step! })),
      ...attempt(1, 11, 30).map((point) => ({ ...point, time: 200_000 + point.step! })),
    ];
    const all = [...consoles, ...events];
    const standing = standingsOf(all);
    expect(standing.slice(0, 40).filter((each) => each.standing === 'superseded').length).toBe(10);
    expect(standing.slice(40).map((each) => each.standing)).toEqual(
      standingsOf(events).map((each) => each.standing),
    );
  });

  it('are none where files are written beside each other', () => {
    const worker = (no: number) =>
      range(1, 20).map((step) =>
        exact(step, curve(step) + no, { path: `/r/log-${no}.csv`, time: step * 10 + no }),
      );
    expect(count([...worker(1), ...worker(2)], 'superseded')).toBe(0);
  });
});

describe('whatever is told', () => {
  const value = fc.oneof(
    fc.integer({ min: 0, max: 60 }).map((n) => n / 10),
    fc.constantFrom(NaN, Infinity),
  );
  const point: fc.Arbitrary<SeriesPoint> = fc.record({
    run: fc.constantFrom('a', 'b'),
    attempt: fc.integer({ min: 0, max: 2 }),
    rank: fc.constantFrom(null, 0, 1),
    path: fc.constantFrom('/r/a.log', '/r/b.log', '/r/m-1.csv', '/r/m-2.csv'),
    step: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 6 }),
    name: fc.constantFrom('loss', 'train_loss'),
    canonical: fc.constant('loss'),
    value,
    time: fc.integer({ min: 0, max: 50 }),
    decimals: fc.constantFrom(1, 2),
    restart: fc.constantFrom(0, 1),
  });
  const points = fc.array(point, { maxLength: 60 });
  const keyOf = ({ run }: SeriesPoint, { series, rank }: { series: string; rank: number | null }) =>
    JSON.stringify([run, series, rank]);

  it('a point that is the same agrees with one that stands, of its series and step', () => {
    fc.assert(
      fc.property(points, (given) => {
        const standings = standingsOf(given);
        standings.forEach((each, i) => {
          const { step } = given[i]!;
          if (each.standing !== 'same' || step === null) return;
          const standing = given.filter(
            (other, j) =>
              standings[j]!.standing === 'stands' &&
              other.step === step &&
              keyOf(other, standings[j]!) === keyOf(given[i]!, each),
          );
          expect(standing.some((other) => agree(other, given[i]!))).toBe(true);
        });
      }),
    );
  });

  it('the last step of a run stands, and nothing is superseded beyond what was reached after it', () => {
    fc.assert(
      fc.property(points, (given) => {
        const standings = standingsOf(given);
        for (const run of ['a', 'b']) {
          const steps = given.flatMap((each) => (each.run === run && each.step !== null ? [each.step] : []));
          if (steps.length === 0) continue;
          const stands = given.some(
            (each, i) =>
              each.run === run && each.step === Math.max(...steps) && standings[i]!.standing === 'stands',
          );
          expect(stands).toBe(true);
        }
        given.forEach((each, i) => {
          if (standings[i]!.standing !== 'superseded') return;
          const reached = given.some(
            (other, j) =>
              j !== i && other.run === each.run && other.attempt >= each.attempt && other.step! >= each.step!,
          );
          expect(reached).toBe(true);
        });
      }),
    );
  });

  it('the order in which points come changes nothing', () => {
    const shuffled = points.chain((given) =>
      fc.tuple(
        fc.constant(given),
        fc.shuffledSubarray(given, { minLength: given.length, maxLength: given.length }),
      ),
    );
    const shown = (given: readonly SeriesPoint[]) =>
      standingsOf(given)
        .map((each, i) => JSON.stringify([given[i], String(given[i]!.value), each]))
        .sort();
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        expect(shown(other)).toEqual(shown(given));
      }),
    );
  });

  it('of two that are told at once the one with more digits stands', () => {
    const [less, more] = [
      { ...printed(1, 0), value: NaN, decimals: 1 },
      { ...printed(1, 0), value: NaN, decimals: 2 },
    ];
    expect(told([less, more])).toBe('=s');
    expect(told([more, less])).toBe('s=');
  });

  it('a point of the newest life is never superseded', () => {
    fc.assert(
      fc.property(points, (given) => {
        const newest = (run: string) => Math.max(...given.filter((p) => p.run === run).map((p) => p.attempt));
        const standings = standingsOf(given);
        // Of numbered files a later one may follow.
        const lost = given.filter(
          ({ run, attempt, restart, path }, i) =>
            standings[i]!.standing === 'superseded' &&
            attempt === newest(run) &&
            restart === 1 &&
            !path.includes('m-'),
        );
        expect(lost).toEqual([]);
      }),
    );
  });
});
