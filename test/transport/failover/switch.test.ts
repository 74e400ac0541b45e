import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { errorCode } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createFailoverTransport } from '../../../src/transport/failover/transport.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';
import { segmentOf } from '../../fakes/segments.ts';
import { ModelCluster } from './cluster.ts';

const awayAfterMs = 10_000;

class Bench {
  readonly clock = new FakeClock();
  readonly first = new ModelCluster();
  readonly second = new ModelCluster();
  readonly told: string[] = [];
  readonly moves: string[] = [];
  readonly acked: number[] = [];
  readonly failed: string[] = [];
  readonly logger: Logger = {
    ...silentLogger,
    info: (_, message) => void this.told.push(message),
    warn: (_, message) => void this.told.push(message),
    error: (_, message) => void this.told.push(message),
  };
  readonly transport = createFailoverTransport({
    open: (side) => this[side].transport(),
    awayAfterMs,
    holdMsMax: null,
    isAway: (error) => errorCode(error) === 'AWAY',
    onMove: (to) => void this.moves.push(to),
    clock: this.clock,
    logger: this.logger,
  });
  #next = 0;

  /** Publishes so many neighbouring segments of one byte each. */
  async publish(count: number, path = '/logs/a'): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const start = this.#next;
      this.#next += 1;
      void this.transport.publisher.publish('bulk', 0, segmentOf('x', { start, path })).then(
        () => this.acked.push(start),
        (error: unknown) => this.failed.push(errorCode(error) ?? ''),
      );
    }
    await settle();
  }

  /** The first goes away, and so many segments are published meanwhile; afterwards it has been away for longer than `awayAfterMs`. */
  async loseFirst(count: number): Promise<void> {
    this.first.become('away');
    await this.publish(count);
    await this.clock.advance(awayAfterMs + 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.first.become('there');
    this.second.become('there');
    await this.transport.close();
  }
}

describe('the switch', () => {
  it('sends to the first while that answers, and does not touch the second', async () => {
    await using bench = new Bench();
    await bench.publish(3);
    await bench.clock.advance(60_000);
    await bench.publish(1);
    expect([bench.first.starts, bench.acked]).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
    expect([bench.second.questions, bench.moves]).toEqual([0, []]);
  });

  it('sends again to the second, in order, what the first does not answer; and back when it is there', async () => {
    await using bench = new Bench();
    await bench.publish(2);
    bench.first.become('silent');
    await bench.publish(2);
    bench.first.become('away');
    await bench.publish(2);
    await bench.clock.advance(awayAfterMs - 1_000);
    expect(bench.moves).toEqual([]);
    await bench.clock.advance(3_000);
    await bench.publish(1);
    expect(bench.moves).toEqual(['second']);
    expect(bench.first.starts).toEqual([0, 1, 2, 3]);
    expect(bench.second.starts).toEqual([2, 3, 4, 5, 6]);
    expect(bench.acked).toEqual([0, 1, 2, 3, 4, 5, 6]);
    // As long as it stays away, it is asked now and then, and nothing is told.
    await bench.clock.advance(60_000);
    bench.first.become('there');
    await bench.clock.advance(30_000);
    await bench.publish(1);
    expect(bench.moves).toEqual(['second', 'first']);
    expect(bench.first.starts).toEqual([0, 1, 2, 3, 7]);
    expect(bench.told).toEqual([
      'a cluster does not answer: everything goes to the other one',
      'the first cluster is back: everything goes to it again',
    ]);
    expect(bench.failed).toEqual([]);
  });

  it('goes back only when everything on the second has its answer; what comes meanwhile waits', async () => {
    await using bench = new Bench();
    await bench.loseFirst(1);
    bench.second.become('silent');
    await bench.publish(1);
    bench.first.become('there');
    // It is asked awayAfterMs after the move; the second has been silent for a second less then.
    await bench.clock.advance(9_500);
    await bench.publish(1);
    expect([bench.first.starts, bench.second.starts]).toEqual([[], [0, 1]]);
    bench.second.become('there');
    await bench.clock.advance(100);
    expect([bench.first.starts, bench.second.starts]).toEqual([[2], [0, 1]]);
    expect([bench.moves, bench.acked]).toEqual([
      ['second', 'first'],
      [0, 1, 2],
    ]);
  });

  it('stays where it is while neither answers, and goes on with whichever comes back first', async () => {
    for (const side of ['first', 'second'] as const) {
      await using bench = new Bench();
      bench.first.become('away');
      bench.second.become('away');
      await bench.publish(2);
      await bench.clock.advance(120_000);
      expect(bench.moves).toEqual([]);
      bench[side].become('there');
      await bench.clock.advance(20_000);
      expect(bench.acked).toEqual([0, 1]);
      expect(bench[side].starts).toEqual([0, 1]);
    }
  });

  it('when the second falls silent, too, goes to the first that answers again', async () => {
    await using bench = new Bench();
    await bench.loseFirst(1);
    bench.second.become('silent');
    await bench.publish(2);
    bench.first.become('there');
    await bench.clock.advance(2 * awayAfterMs);
    expect(bench.moves).toEqual(['second', 'first']);
    expect(bench.first.starts).toEqual([1, 2]);
    expect(bench.acked).toEqual([0, 1, 2]);
  });

  it('a refusal is an answer; one that says that the cluster cannot be used is none', async () => {
    await using bench = new Bench();
    for (let i = 0; i < 30; i += 1) {
      await bench.publish(1, '/bad');
      await bench.clock.advance(1_000);
    }
    expect([bench.moves, new Set(bench.failed)]).toEqual([[], new Set(['SEGMENT_INVALID'])]);
    bench.first.become('refusing');
    for (let i = 0; i < 15; i += 1) {
      await bench.publish(1);
      await bench.clock.advance(1_000);
    }
    expect(bench.moves).toEqual(['second']);
    expect(bench.acked.length).toBeGreaterThan(2);
  });

  it('a first that is there and takes nothing is returned to ever later', async () => {
    await using bench = new Bench();
    bench.first.become('unwilling');
    for (let i = 0; i < 600; i += 1) {
      await bench.publish(1);
      await bench.clock.advance(1_000);
    }
    expect(bench.moves.length).toBeGreaterThan(3);
    expect(bench.moves.length).toBeLessThan(14);
    await bench.clock.advance(awayAfterMs);
    bench.first.become('there');
    await bench.clock.advance(1_000);
    expect(bench.acked.length).toBe(600);
  });

  it('a question for a partition is asked of the second, and ends with its signal', async () => {
    await using bench = new Bench();
    bench.first.become('away');
    const asked = bench.transport.publisher.partitionFor('bulk', 's');
    await bench.clock.advance(awayAfterMs + 1_000);
    expect(await asked).toBe(3);
    bench.second.become('away');
    const stop = new AbortController();
    const again = bench.transport.publisher.partitionFor('bulk', 's', stop.signal);
    stop.abort(new Error('enough'));
    await expect(again).rejects.toThrow('enough');
  });

  it('stop drops what has no answer, and leaves nothing open', async () => {
    const bench = new Bench();
    bench.second.become('away');
    await bench.loseFirst(2);
    const stopping = bench.transport.publisher.stop(AbortSignal.abort());
    await bench.clock.advance(10_000);
    await stopping;
    await bench.transport.close();
    expect(bench.failed).toEqual(['TRANSPORT_STOPPED', 'TRANSPORT_STOPPED']);
    expect([bench.first.open, bench.second.open, bench.clock.sleeping]).toEqual([0, 0, 0]);
  });

  it('leaves nothing behind on the signal of a publisher that is asked for partitions again and again', async () => {
    await using bench = new Bench();
    const { signal } = new AbortController();
    await bench.transport.publisher.partitionFor('bulk', 'stream', signal);
    await bench.transport.publisher.partitionFor('bulk', 'stream', signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('leaves nothing behind on the signal that it is stopped with', async () => {
    await using bench = new Bench();
    bench.first.become('silent');
    await bench.publish(2);
    const { signal } = new AbortController();
    const stopped = bench.transport.publisher.stop(signal);
    bench.first.become('there');
    await bench.clock.advance(1_000);
    await stopped;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
