import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LetterBook, letterId } from '../../src/core/dead-letters.ts';
import { CabooseError } from '../../src/core/errors.ts';
import type { Fact } from '../../src/core/fact.ts';
import type { Lane, Segment } from '../../src/core/segment.ts';
import type {
  DeadLetter,
  LetterMark,
  RejectedRecord,
  SegmentBatch,
  Transport,
} from '../../src/core/transport.ts';
import { until } from '../fakes/clock.ts';
import { exampleSegment } from '../segment/arbitrary-segment.ts';

/** What the suite needs from an implementation: one storage, and as many transports over it as a test asks for. */
export interface TransportHarness {
  open(): Transport;
  /** Puts a record that is no segment at the end of a lane. */
  publishGarbage(lane: Lane, partition: number): Promise<void>;
  dispose(): Promise<void>;
}

/** The conformance suite of core/transport.ts. */
export function transportSuite(name: string, createHarness: () => Promise<TransportHarness>): void {
  describe(`contract of the ${name}`, () => {
    let harness: TransportHarness;
    let writer: Transport;
    let opened: Transport[];
    const abort: AbortController[] = [];

    beforeEach(async () => {
      harness = await createHarness();
      opened = [];
      writer = open();
    });

    afterEach(async () => {
      for (const controller of abort.splice(0)) controller.abort();
      for (const transport of opened) await transport.close();
      await harness.dispose();
    });

    const open = (): Transport => {
      const transport = harness.open();
      opened.push(transport);
      return transport;
    };

    const publish = async (lane: Lane, segments: readonly Segment[]): Promise<void> => {
      const partition = await writer.publisher.partitionFor(lane, source);
      await Promise.all(
        segments.map(async (segment) => await writer.publisher.publish(lane, partition, segment)),
      );
    };

    const consume = (transport: Transport): Consumer => {
      const consumer = new Consumer(transport);
      abort.push(consumer.controller);
      return consumer;
    };

    test('segments come in the order of their publication, byte for byte, in both lanes', async () => {
      const sent = { fast: series('fast', 40), bulk: series('bulk', 40) };
      await Promise.all([publish('fast', sent.fast), publish('bulk', sent.bulk)]);
      const consumer = consume(open());
      await until(() => consumer.segments.length >= 80, 'all segments', 30_000);
      expect(consumer.inLane('fast')).toEqual(sent.fast);
      expect(consumer.inLane('bulk')).toEqual(sent.bulk);
      expect(consumer.positionsAscend()).toBe(true);
    });

    test('after a commit, another consumer of the group goes on behind it', async () => {
      await publish('bulk', series('first', 5));
      const first = consume(open());
      await until(() => first.segments.length === 5, 'the first segments', 30_000);
      await first.stop();
      const second = consume(open());
      await publish('bulk', series('second', 5));
      await until(() => second.segments.length >= 5, 'the second segments', 30_000);
      expect(second.inLane('bulk')).toEqual(series('second', 5));
    });

    test('what was not committed comes again, to a member that knows nothing of it', async () => {
      await publish('bulk', series('x', 5));
      const crashed = consume(open());
      crashed.onBatch = async () => await Promise.resolve();
      await until(() => crashed.segments.length > 0, 'a batch', 30_000);
      await crashed.stop();
      const next = consume(open());
      await until(() => next.segments.length >= 5, 'the same segments', 30_000);
      expect(next.inLane('bulk')).toEqual(series('x', 5));
    });

    test('a released batch comes again, before anything later', async () => {
      await publish('bulk', series('x', 5));
      const consumer = consume(open());
      let releases = 0;
      consumer.onBatch = async (batch) => {
        releases += 1;
        if (releases <= 2) batch.release();
        else await batch.commit();
      };
      await until(() => consumer.segments.length >= 3 && releases > 2, 'the batch a third time', 30_000);
      const starts = consumer.segments.map((segment) => segment.start);
      expect(starts.filter((start) => start === 0).length).toBeGreaterThanOrEqual(3);
    });

    test('a batch is bounded in what it unpacks to, not in what is carried', async () => {
      const bytes = Buffer.alloc(800_000, 'a');
      const segments = Array.from({ length: 40 }, (_, i) =>
        exampleSegment({ bytes, start: i * bytes.length, end: (i + 1) * bytes.length }),
      );
      await publish('bulk', segments);
      const consumer = consume(open());
      await until(() => consumer.segments.length >= 40, 'all segments', 30_000);
      expect(consumer.inLane('bulk').map(({ start }) => start)).toEqual(segments.map(({ start }) => start));
      const most = Math.max(...consumer.batches.map((batch) => batch.segments.length));
      expect(most * bytes.length).toBeLessThan(10e6);
    });

    test('a released batch comes again after the pause that was asked for', async () => {
      await publish('bulk', series('x', 1));
      const consumer = consume(open());
      const came: number[] = [];
      consumer.onBatch = async (batch) => {
        came.push(performance.now());
        if (came.length === 1) batch.release(1_500);
        else await batch.commit();
      };
      await until(() => came.length === 2, 'the batch a second time', 30_000);
      expect(came[1]! - came[0]!).toBeGreaterThan(1_400);
    });

    test('two members share the partitions; a batch of a revoked partition is not committed', async () => {
      await publish('fast', series('fast', 5));
      await publish('bulk', series('bulk', 5));
      const held: SegmentBatch[] = [];
      const first = consume(open());
      first.onBatch = async (batch) => {
        if (held.length < 2) held.push(batch);
        else await batch.commit();
      };
      await until(() => held.length === 2, 'a batch of each lane', 30_000);
      // Of the same transport, as members within one process are.
      const second = consume(opened.at(-1)!);
      await until(() => held.some((batch) => batch.revoked.aborted), 'a revocation', 30_000);
      const revoked = held.filter((batch) => batch.revoked.aborted);
      for (const batch of held) await batch.commit();
      const again = (): boolean =>
        revoked.every((batch) => {
          const later = [...first.batches, ...second.batches].filter(
            (other) =>
              !held.includes(other) && other.lane === batch.lane && other.partition === batch.partition,
          );
          return later.some((other) => other.segments[0]?.position === batch.segments[0]?.position);
        });
      await until(again, 'the revoked segments again', 30_000);
      const numbers = [...first.batches, ...second.batches].map((batch) => batch.assignment);
      for (const batch of revoked) expect(numbers.filter((n) => n === batch.assignment)).toHaveLength(1);
    });

    test('what a machine publishes whose clock is a day off comes like everything else', async () => {
      const days = [1, -1];
      for (const day of days) {
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + day * 86_400_000 });
        try {
          await publish('bulk', series(`day ${day}`, 3));
        } finally {
          vi.useRealTimers();
        }
      }
      const consumer = consume(open());
      await until(() => consumer.segments.length >= 6, 'all segments', 30_000);
      expect(consumer.inLane('bulk')).toEqual(days.flatMap((day) => series(`day ${day}`, 3)));
    });

    test('lag is what was published and not committed', async () => {
      const consumer = consume(open());
      await publish('bulk', series('x', 1));
      await until(() => consumer.segments.length === 1, 'a segment', 30_000);
      consumer.onBatch = async () => await Promise.resolve();
      await publish('bulk', series('y', 7));
      const lagOf = async (): Promise<number> =>
        (await consumer.subscriber.lag()).reduce((sum, report) => sum + report.records, 0);
      await until(async () => (await lagOf()) === 7, 'a lag of 7', 30_000);
      expect(await lagOf()).toBe(7);
    });

    test('reports what a partition holds and what is committed, without being a member', async () => {
      const partition = await writer.publisher.partitionFor('bulk', source);
      const report = async () => {
        const reports = await open().partitions(AbortSignal.timeout(20_000));
        return reports.find((found) => found.lane === 'bulk' && found.partition === partition);
      };
      await publish('bulk', series('x', 3));
      const before = await report();
      expect(before).toMatchObject({ first: 0, committed: null });
      expect(before?.end).toBeGreaterThanOrEqual(3);
      const consumer = consume(open());
      await until(async () => (await report())?.committed === before?.end, 'all is committed', 30_000);
      await consumer.stop();
      await publish('bulk', series('y', 1));
      const after = await report();
      expect(after?.committed).toBe(before?.end);
      expect(after?.end).toBeGreaterThan(before?.end ?? 0);
    });

    test('a scan sees all there is, ends, and tells what is no segment', async () => {
      await publish('fast', series('fast', 3));
      await publish('bulk', series('bulk', 3));
      await harness.publishGarbage('bulk', await writer.publisher.partitionFor('bulk', source));
      await publish('bulk', series('later', 1));
      const rejected: RejectedRecord[] = [];
      const found: string[] = [];
      for await (const { lane, segment } of open().scanner.scan({
        onRejected: (record) => rejected.push(record),
      })) {
        found.push(`${lane} ${segment.path} ${segment.start}`);
      }
      expect(found.toSorted()).toEqual(
        [
          ...series('fast', 3).map((segment) => `fast ${segment.path} ${segment.start}`),
          ...[...series('bulk', 3), ...series('later', 1)].map(
            (segment) => `bulk ${segment.path} ${segment.start}`,
          ),
        ].toSorted(),
      );
      expect(rejected.map((record) => record.lane)).toEqual(['bulk']);
      expect(rejected[0]?.error).toBeTruthy();
    });

    test('a scan of nothing ends', async () => {
      const found = [];
      for await (const carried of open().scanner.scan()) found.push(carried);
      expect(found).toEqual([]);
    });

    test('a scan returns only what matches, and follows until it is told to stop', async () => {
      await publish('bulk', [...series('a', 2), ...series('b', 2)]);
      const controller = new AbortController();
      abort.push(controller);
      const found: string[] = [];
      const scanning = (async () => {
        const match = (header: { path: string }): boolean => header.path === '/logs/b';
        for await (const { segment } of open().scanner.scan({
          match,
          follow: true,
          signal: controller.signal,
        })) {
          found.push(`${segment.path} ${segment.start}`);
        }
      })();
      await until(() => found.length === 2, 'what is there', 30_000);
      await publish('bulk', [...series('a', 1), ...series('b', 1)]);
      await until(() => found.length === 3, 'what comes', 30_000);
      controller.abort();
      await scanning;
      const lines = series('b', 2).map((segment) => `/logs/b ${segment.start}`);
      expect(found).toEqual([...lines, lines[0]]);
    });

    test('a record that is no segment is rejected with its reason, and its neighbours are not', async () => {
      const partition = await writer.publisher.partitionFor('bulk', source);
      await publish('bulk', series('before', 1));
      await harness.publishGarbage('bulk', partition);
      await publish('bulk', series('after', 1));
      const consumer = consume(open());
      await until(() => consumer.segments.length >= 2, 'both neighbours', 30_000);
      expect(consumer.inLane('bulk')).toEqual([...series('before', 1), ...series('after', 1)]);
      const rejected = consumer.batches.flatMap((batch) => batch.rejected);
      expect(rejected).toHaveLength(1);
      expect(rejected[0]?.error).toMatch(/^[A-Z_]+: .+/);
      expect(rejected[0]?.value.length).toBeGreaterThan(0);
    });

    test('facts are read from the beginning and as they come, not-a-number included', async () => {
      await writer.facts.append([point(1, 2.5), point(2, NaN)]);
      const controller = new AbortController();
      abort.push(controller);
      const found: Fact[] = [];
      const reading = (async () => {
        for await (const facts of open().facts.read({ follow: true, signal: controller.signal }))
          found.push(...facts);
      })();
      await until(() => found.length === 2, 'the facts', 30_000);
      await writer.facts.append([point(3, -Infinity)]);
      await until(() => found.length === 3, 'the new fact', 30_000);
      controller.abort();
      await reading;
      expect(found).toEqual([point(1, 2.5), point(2, NaN), point(3, -Infinity)]);
    });

    test('who reads facts is told once that all that was there is read, be it nothing', async () => {
      for (const count of [0, 3]) {
        for (let step = 0; step < count; step += 1) await writer.facts.append([point(step, 1)]);
        for (const follow of [false, true]) {
          const controller = new AbortController();
          abort.push(controller);
          const told: number[] = [];
          let found = 0;
          const onCaughtUp = (): void => void told.push(found);
          const reading = (async () => {
            const options = { follow, signal: controller.signal, onCaughtUp };
            for await (const facts of open().facts.read(options)) found += facts.length;
          })();
          await until(() => told.length > 0, 'the end of what was there', 30_000);
          if (!follow) await reading;
          else if (count > 0) {
            await writer.facts.append([point(count, 1)]);
            await until(() => found === count + 1, 'the new fact', 30_000);
          }
          controller.abort();
          await reading;
          expect(told).toEqual([count]);
        }
      }
    });

    test('dead letters are kept', async () => {
      const letter: DeadLetter = {
        kind: 'document',
        reason: 'mapping refused',
        time: 1,
        run: 'llama',
        stream: 'ab'.repeat(16),
        start: 0,
        end: 10,
        document: { message: 'x' },
      };
      await writer.deadLetters.append([letter, { ...letter, reason: 'other' }]);
      expect(await Array.fromAsync(open().deadLetters.read())).toEqual([
        letter,
        { ...letter, reason: 'other' },
      ]);
    });

    test('dead letters and their marks are read in order, not-a-number included', async () => {
      const stream = 'cd'.repeat(16);
      const letter: DeadLetter = {
        kind: 'document',
        reason: 'mapping refused',
        time: 1,
        run: 'llama',
        stream,
        start: 0,
        end: 10,
        path: '/logs/a',
        document: { kind: 'points', points: [point(1, NaN), point(2, -Infinity)] },
      };
      const id = letterId(letter);
      const mark: LetterMark = { kind: 'mark', letter: id, stream, outcome: 'replayed', time: 2 };
      const again = { ...letter, time: 3, reason: 'refused again' };
      await writer.deadLetters.append([letter]);
      await writer.deadLetters.mark([mark]);
      const first = await Array.fromAsync(open().deadLetters.read());
      expect(first).toEqual([letter, mark]);
      await writer.deadLetters.append([again]);
      const book = new LetterBook();
      for await (const entry of open().deadLetters.read()) book.take(entry);
      expect(book.open).toMatchObject([{ id, reason: 'refused again', times: 2, first: 1, last: 3 }]);
      await writer.deadLetters.mark([]);
    });

    test('incidents are stored', async () => {
      const incident = {
        id: 'i1',
        run: 'llama',
        attempt: 0,
        rank: null,
        class: 'silent',
        role: 'root' as const,
        message: 'silent for 10 minutes',
        evidence: [],
        opened: 1,
        resolved: null,
        token: 7,
      };
      await expect(writer.incidents.append([incident])).resolves.toBeUndefined();
    });

    test('stop waits for the acks; later calls are refused', async () => {
      const partition = await writer.publisher.partitionFor('bulk', source);
      const sent = series('x', 10).map(
        async (segment) => await writer.publisher.publish('bulk', partition, segment),
      );
      await writer.publisher.stop(AbortSignal.timeout(20_000));
      await expect(Promise.all(sent)).resolves.toHaveLength(10);
      const late = (async () => await writer.publisher.publish('bulk', partition, exampleSegment()))();
      await expect(late).rejects.toMatchObject({ code: 'TRANSPORT_STOPPED' });
    });

    test('stop with an aborted signal drops what has no ack, and says so', async () => {
      const partition = await writer.publisher.partitionFor('bulk', source);
      const outcomes = Promise.allSettled(
        series('x', 30).map(async (segment) => await writer.publisher.publish('bulk', partition, segment)),
      );
      await writer.publisher.stop(AbortSignal.abort());
      for (const outcome of await outcomes) {
        const isFine = outcome.status === 'fulfilled' || outcome.reason instanceof CabooseError;
        expect(isFine).toBe(true);
      }
    });

    test('a segment that is none is refused at once, and its neighbours are sent', async () => {
      const partition = await writer.publisher.partitionFor('bulk', source);
      const [good, bad] = await Promise.allSettled([
        writer.publisher.publish('bulk', partition, exampleSegment()),
        (async () =>
          await writer.publisher.publish('bulk', partition, exampleSegment({ end: 5, start: 9 })))(),
      ]);
      expect(good?.status).toBe('fulfilled');
      expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'SEGMENT_INVALID' } });
    });
  });
}

export const source = 'pod-7';

/** `count` neighbouring segments of one file. */
export function series(name: string, count: number): Segment[] {
  const bytes = Buffer.from(`${name} step 1 loss 2.5\n`.repeat(40));
  return Array.from({ length: count }, (_, i) =>
    exampleSegment({
      path: `/logs/${name}`,
      stream: hash('sha256', name, 'hex').slice(0, 32),
      start: i * bytes.length,
      end: (i + 1) * bytes.length,
      bytes,
    }),
  );
}

function point(step: number, value: number): Fact {
  return {
    kind: 'point',
    id: `e-${step}`,
    event: 'e',
    run: 'llama',
    attempt: 0,
    rank: 0,
    stream: 'ab'.repeat(16),
    path: '/logs/train.log',
    start: 0,
    end: 10,
    time: 1,
    observed: 1,
    step,
    name: 'loss',
    canonical: 'loss',
    value,
  };
}

/** Takes batches as they come, and commits each unless the test says otherwise. */
export class Consumer {
  readonly controller = new AbortController();
  readonly batches: SegmentBatch[] = [];
  onBatch: (batch: SegmentBatch) => Promise<void> = async (batch) => await batch.commit();
  readonly subscriber: ReturnType<Transport['subscriber']>;
  readonly #running: Promise<void>;

  constructor(transport: Transport) {
    this.subscriber = transport.subscriber();
    this.#running = this.#run();
    // The test fails by waiting in vain; the reason is rethrown by stop().
    this.#running.catch((error: unknown) => console.error(error));
  }

  get segments(): Segment[] {
    return this.batches.flatMap((batch) => batch.segments.map((carried) => carried.segment));
  }

  inLane(lane: Lane): Segment[] {
    return this.batches
      .filter((batch) => batch.lane === lane)
      .flatMap((batch) => batch.segments.map((carried) => carried.segment));
  }

  positionsAscend(): boolean {
    const last = new Map<string, number>();
    return this.batches
      .flatMap((batch) => batch.segments)
      .every(({ lane, partition, position }) => {
        const before = last.get(`${lane}/${partition}`) ?? -1;
        last.set(`${lane}/${partition}`, position);
        return position > before;
      });
  }

  async stop(): Promise<void> {
    this.controller.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const batch of this.subscriber.batches(this.controller.signal)) {
      this.batches.push(batch);
      await this.onBatch(batch);
    }
  }
}
