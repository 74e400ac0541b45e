import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LetterBook, letterId } from '../../../src/core/dead-letters.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { CarriedSegment } from '../../../src/core/segment.ts';
import type { DeadLetter, LetterMark, SegmentBatch } from '../../../src/core/transport.ts';
import { Precedence } from '../../../src/transport/failover/precedence.ts';
import { createFailoverTransport } from '../../../src/transport/failover/transport.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';
import { ModelCluster } from './cluster.ts';

function clusters() {
  const first = new ModelCluster();
  const second = new ModelCluster();
  const transport = createFailoverTransport({
    open: (side) => (side === 'first' ? first : second).transport(),
    awayAfterMs: 10_000,
    holdMsMax: null,
    clock: new FakeClock(),
    logger: silentLogger,
  });
  return { first, second, transport };
}

function put({ records }: ModelCluster, ...segments: CarriedSegment['segment'][]): void {
  for (const segment of segments) records.push(carried(segment, records.length));
}

const piece = (start: number, over: Parameters<typeof segmentOf>[1] = {}) =>
  segmentOf('x', { start, ...over });

describe('a scan of two clusters', () => {
  const scanned = async ({ transport }: ReturnType<typeof clusters>) =>
    (await Array.fromAsync(transport.scanner.scan())).map(
      ({ segment, cluster }) => `${segment.stream[0]}${segment.start} ${cluster ?? 'first'}`,
    );

  it('gives a stream that moved there and back in the order of its offsets, copies too', async () => {
    const both = clusters();
    put(both.first, piece(0), piece(1), piece(4), piece(5));
    put(both.second, piece(1), piece(2), piece(3));
    expect(await scanned(both)).toEqual(
      'a0 first, a1 first, a1 second, a2 second, a3 second, a4 first, a5 first'.split(', '),
    );
  });

  it('goes on behind what neither has, with the nearest that there is', async () => {
    const both = clusters();
    const b = { stream: 'b'.repeat(32) };
    put(both.first, piece(3), piece(9), piece(7, b));
    put(both.second, piece(5), piece(6), piece(2, b), piece(3, b));
    expect(await scanned(both)).toEqual(
      'a3 first, b2 second, b3 second, b7 first, a5 second, a6 second, a9 first'.split(', '),
    );
  });

  it('a state of a rewritten file comes after the one before it', async () => {
    const both = clusters();
    const state = (stream: string, previous: string | null) =>
      piece(0, { stream: stream.repeat(32), previous: previous?.repeat(32) ?? null, snapshot: true });
    put(both.first, state('a', null), state('c', 'b'));
    put(both.second, state('b', 'a'), state('e', 'd'));
    expect(await scanned(both)).toEqual(['a0 first', 'b0 second', 'c0 first', 'e0 second']);
  });

  it('bytes come before a gap that was told of them, wherever it is met; a gap that nothing fills is told', async () => {
    const both = clusters();
    const gap = (start: number, end: number, stream = 'a') =>
      segmentOf('', { stream: stream.repeat(32), start, end, gap: 'gone' });
    const [b, c] = [{ stream: 'b'.repeat(32) }, { stream: 'c'.repeat(32) }];
    put(both.first, piece(0), gap(1, 3), piece(3), piece(5, c), gap(0, 1, 'd'));
    put(both.second, piece(1), piece(2), piece(0, b), gap(1, 2, 'b'), piece(2, b), gap(5, 6, 'c'));
    const found = await scanned(both);
    const of = (stream: string) => found.filter((line) => line.startsWith(stream));
    expect(of('a')).toEqual(['a0 first', 'a1 second', 'a2 second', 'a3 first']);
    expect(of('b')).toEqual(['b0 second', 'b1 second', 'b2 second']);
    expect(of('c')[0]).toBe('c5 first');
    expect(of('d')).toEqual(['d0 first']);
  });

  it('a gap on the first cluster beyond what there is comes behind the bytes of the second', async () => {
    const both = clusters();
    put(both.first, segmentOf('', { start: 5, end: 6, gap: 'gone' }));
    put(both.second, piece(5));
    expect((await scanned(both))[0]).toBe('a5 second');
  });

  it('any parts of any streams in either cluster: each stream in order, nothing left out, bytes before gaps', async () => {
    const part = fc.constantFrom('bytes', 'gap', 'nothing');
    const parts = fc.array(fc.record({ stream: fc.constantFrom('a', 'b', 'c'), first: part, second: part }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(parts, async (list) => {
        const both = clusters();
        const ends: Record<string, number> = {};
        const expected = new Map<string, string | null>();
        for (const { stream, ...where } of list) {
          const start = ends[stream] ?? 0;
          ends[stream] = start + 1;
          const of = { stream: stream.repeat(32), end: start + 1 };
          for (const side of ['first', 'second'] as const) {
            if (where[side] === 'bytes') put(both[side], piece(start, of));
            if (where[side] === 'gap') put(both[side], segmentOf('', { ...of, start, gap: 'gone' }));
          }
          const kinds = Object.values(where);
          if (kinds.includes('bytes')) expected.set(`${stream}${start}`, null);
          else if (kinds.includes('gap')) expected.set(`${stream}${start}`, 'gone');
        }
        const scan = await Array.fromAsync(both.transport.scanner.scan());
        const found = scan.map(({ segment }) => `${segment.stream[0]}${segment.start}`);
        const seen = new Map(
          scan.toReversed().map(({ segment }) => [`${segment.stream[0]}${segment.start}`, segment.gap]),
        );
        expect(seen).toEqual(expected);
        for (const stream of ['a', 'b', 'c']) {
          const starts = [...new Set(found.filter((each) => each.startsWith(stream)))];
          expect(starts).toEqual(starts.toSorted((x, y) => Number(x.slice(1)) - Number(y.slice(1))));
        }
      }),
    );
  });
});

describe('dead letters of two clusters', () => {
  const letter = (stream: string, time: number): DeadLetter => {
    const range = { start: 0, end: 1 };
    return { kind: 'late', reason: 'r', time, run: 'r', stream, ...range };
  };
  const mark = (of: DeadLetter, time: number): LetterMark => {
    const { stream } = of;
    return { kind: 'mark', letter: letterId(of), stream, outcome: 'held', time };
  };
  const open = async ({ transport }: ReturnType<typeof clusters>) => {
    const book = new LetterBook();
    for await (const entry of transport.deadLetters.read()) book.take(entry);
    return book.open.map(({ stream }) => stream);
  };

  it('a mark closes a letter of the other cluster, whichever is read first', async () => {
    const both = clusters();
    both.first.letters.push(letter('a', 1), mark(letter('b', 1), 5));
    both.second.letters.push(letter('b', 1), mark(letter('a', 1), 5), letter('c', 9));
    expect(await open(both)).toEqual(['c']);
  });

  it('a letter that came after the mark is open again', async () => {
    const both = clusters();
    both.first.letters.push(letter('a', 1), mark(letter('a', 1), 5), letter('a', 4), letter('b', 9));
    both.second.letters.push(mark(letter('b', 1), 5));
    expect(await open(both)).toEqual(['a', 'b']);
  });
});

describe('Precedence', () => {
  function bench(holdMsMax: number | null = 60_000) {
    const clock = new FakeClock();
    const other = new ModelCluster();
    const told: string[] = [];
    const held: number[] = [];
    const tell = (_: object, message: string) => void told.push(message);
    let givenUp = 0;
    const precedence = new Precedence({
      other: other.transport(),
      holdMsMax,
      onHeld: (partitions) => void held.push(partitions),
      onGivenUp: () => void (givenUp += 1),
      clock,
      logger: { ...silentLogger, info: tell, warn: tell, error: tell },
    });
    const revoked = new AbortController();
    const batch = (position: number): SegmentBatch => ({
      lane: 'bulk',
      partition: 0,
      segments: [carried(piece(9), position)],
      rejected: [],
      assignment: 1,
      revoked: revoked.signal,
      commit: async () => undefined,
      release: () => undefined,
    });
    const { signal } = new AbortController();
    const holds = async (position = 0) => await precedence.holds(batch(position), signal);
    const passed = (): void => precedence.passed(batch(0));
    const retryMs = () => precedence.retryMs(batch(0));
    return { clock, other, told, held, holds, passed, retryMs, revoked, givenUp: () => givenUp };
  }

  it('waits until what the other cluster had at first is committed, however much has come since', async () => {
    const { clock, other, holds, told, held } = bench();
    put(other, piece(0), piece(1));
    expect([await holds(), await holds()]).toEqual([true, true]);
    put(other, piece(2), piece(3));
    other.committed = 2;
    // It is not asked at each try.
    expect(await holds()).toBe(true);
    await clock.advance(2_000);
    expect(await holds()).toBe(false);
    expect([held, told]).toEqual([
      [1, 0],
      [
        'streams wait for what the other cluster has of them',
        'what streams waited for was read from the other cluster',
      ],
    ]);
    // Another batch has what the other cluster holds by now before it.
    expect(await holds(5)).toBe(true);
  });

  it('does not wait for a cluster that holds nothing', async () => {
    const { holds, told } = bench();
    expect(await holds()).toBe(false);
    expect(told).toEqual([]);
  });

  it('gives up after holdMsMax, once, and says so; another wait begins anew', async () => {
    const { clock, other, holds, told, held, givenUp } = bench();
    put(other, piece(0));
    expect(await holds()).toBe(true);
    await clock.advance(60_000);
    expect([await holds(), await holds()]).toEqual([false, false]);
    expect([givenUp(), held]).toEqual([1, [1, 0]]);
    expect(told.at(-1)).toBe('waited too long for the other cluster: what it has is recorded as missing');
    expect(await holds(1)).toBe(true);
  });

  it('ends with the batch, which may find in the index what it waited for', async () => {
    const { other, holds, told, held, passed } = bench();
    put(other, piece(0));
    expect(await holds()).toBe(true);
    passed();
    passed();
    expect([held, told.at(-1)]).toEqual([[1, 0], 'what streams waited for was read from the other cluster']);
  });

  it('is asked again soon while the other cluster is being read', async () => {
    const { other, holds, retryMs } = bench();
    expect(retryMs()).toBe(undefined);
    put(other, piece(0));
    await holds();
    expect(retryMs()).toBe(500);
  });

  it('is forgotten with the partition', async () => {
    const { other, holds, held, revoked } = bench();
    put(other, piece(0));
    await holds();
    revoked.abort();
    expect(held).toEqual([1, 0]);
  });
});
