import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BudgetOptions } from '../../src/tail/budget.ts';
import { TailHarness } from './harness.ts';

const mebibyte = 1024 * 1024;
const line = `${'x'.repeat(63)}\n`;
const lines = (bytes: number): string => line.repeat(bytes / line.length);

let harness: TailHarness;
beforeEach(async () => {
  harness = await TailHarness.create();
  await mkdir(harness.logs);
});
afterEach(async () => await harness[Symbol.asyncDispose]());

const published = () => harness.publisher.published.map(({ segment }) => segment);
const bytesOf = (name: string): number =>
  published()
    .filter(({ path }) => path.endsWith(name))
    .reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('lanes and files of the tail', () => {
  it('sends a line of the fast lane at once while bulk has used up its room', async () => {
    await writeFile(harness.path('bulk.log'), lines(20 * mebibyte));
    harness.publisher.acks = false;
    await harness.start();
    expect(bytesOf('bulk.log')).toBeGreaterThan(5 * mebibyte);
    expect(bytesOf('bulk.log')).toBeLessThan(8 * mebibyte);
    const before = harness.clock.monotonic();
    await writeFile(harness.path('stderr.log'), 'Traceback\n');
    await harness.pass(1500);
    expect(harness.publisher.text('stderr.log')).toBe('Traceback\n');
    await appendFile(harness.path('stderr.log'), 'ValueError: x\n');
    await harness.pass(500);
    expect(harness.publisher.text('stderr.log')).toBe('Traceback\nValueError: x\n');
    expect(harness.clock.monotonic() - before).toBeLessThanOrEqual(2000);
  });

  it('reads bulk while the fast lane has used up its room', async () => {
    await writeFile(harness.path('stderr.log'), lines(20 * mebibyte));
    await writeFile(harness.path('bulk.log'), lines(20 * mebibyte));
    harness.publisher.acks = false;
    await harness.start();
    expect(bytesOf('stderr.log')).toBeGreaterThan(4 * mebibyte);
    expect(bytesOf('bulk.log')).toBeGreaterThan(1 * mebibyte);
  });

  it('does not call a file final of which there was no room to read the rest', async () => {
    await writeFile(harness.path('a.log'), 'one\n');
    await harness.start();
    await harness.pass(15_000);
    harness.publisher.acks = false;
    await writeFile(harness.path('b.log'), lines(8 * mebibyte));
    await harness.pass(2000);
    await rename(harness.path('a.log'), harness.path('a.log.1'));
    await appendFile(harness.path('a.log.1'), 'two\n');
    await harness.pass(3000);
    expect(harness.publisher.of('a.log')).toMatchObject([{ final: false }]);
    harness.publisher.release();
    await harness.pass(10_000);
    const [stream] = harness.publisher.of('a.log');
    expect([stream?.bytes.toString(), stream?.final]).toEqual(['one\ntwo\n', true]);
  });

  it('does not let a large file hold up small ones', async () => {
    await writeFile(harness.path('large.log'), lines(30 * mebibyte));
    await harness.start();
    for (let i = 0; i < 99; i += 1) await writeFile(harness.path(`small${i}.log`), line);
    await harness.pass(5000);
    const order = published().map(({ path }) => path.split('/').at(-1));
    const largeBefore = (name: string) =>
      order.slice(0, order.indexOf(name)).filter((n) => n === 'large.log').length;
    // The first round had no small ones; in the next each has its turn before the large one has its second.
    const behind = Array.from({ length: 99 }, (_, i) => largeBefore(`small${i}.log`));
    expect(Math.max(...behind) - Math.min(...behind)).toBeLessThanOrEqual(1);
    expect(bytesOf('large.log')).toBe(30 * mebibyte);
  });
});

describe('ceilings of the tail', () => {
  /** The most that was sent within any ten seconds of the test's clock. */
  async function mostInTenSeconds(
    limits: Partial<BudgetOptions>,
    onPublish = (_bytes: number): void => undefined,
  ): Promise<number> {
    harness.limits = limits;
    const sent: { at: number; bytes: number }[] = [];
    const publish = harness.publisher.publish.bind(harness.publisher);
    harness.publisher.publish = async (lane, partition, segment) => {
      sent.push({ at: harness.clock.monotonic(), bytes: segment.bytes.length });
      onPublish(segment.bytes.length);
      await publish(lane, partition, segment);
    };
    await writeFile(harness.path('stderr.log'), lines(8 * mebibyte));
    await writeFile(harness.path('bulk.log'), lines(20 * mebibyte));
    await harness.start();
    await harness.pass(15_000);
    await appendFile(harness.path('stderr.log'), lines(4 * mebibyte));
    await harness.pass(15_000);
    return Math.max(
      ...sent.map(({ at }) =>
        sent.filter((s) => s.at >= at && s.at < at + 10_000).reduce((sum, { bytes }) => sum + bytes, 0),
      ),
    );
  }

  it('keeps the bytes per second over any ten seconds, even when the limit is far below a segment', async () => {
    const bytesPerSecondMax = 65_536;
    const most = await mostInTenSeconds({ bytesPerSecondMax });
    expect(most / (10 * bytesPerSecondMax)).toBeGreaterThan(0.9);
    // Ten seconds, two that were saved up, one that the fast lane may run ahead, and one read.
    expect(most / (10 * bytesPerSecondMax)).toBeLessThan(1.45);
    expect(bytesOf('bulk.log')).toBeGreaterThan(bytesOf('stderr.log') / 5);
  });

  it('keeps the bytes per second when it sends again what was cut before a crash', async () => {
    await writeFile(harness.path('bulk.log'), lines(20 * mebibyte));
    harness.publisher.acks = false;
    await harness.start();
    const cutBefore = published().length;
    harness.crash();
    harness.limits = { bytesPerSecondMax: mebibyte / 4 };
    await harness.start();
    await harness.pass(10_000);
    const again = published().slice(cutBefore);
    const bytes = again.reduce((sum, segment) => sum + segment.bytes.length, 0);
    expect(bytes).toBeGreaterThan(2 * mebibyte);
    expect(bytes).toBeLessThan(5 * mebibyte);
    expect(again.map(({ start, end }) => [start, end])).toEqual(
      published()
        .slice(0, again.length)
        .map(({ start, end }) => [start, end]),
    );
  });

  it('keeps the CPU over any ten seconds', async () => {
    let cpuSeconds = 0;
    const secondsPerMebibyte = 0.04;
    const most = await mostInTenSeconds(
      { cpuMax: 0.05, cpuSeconds: () => cpuSeconds },
      (bytes) => (cpuSeconds += (bytes / mebibyte) * secondsPerMebibyte),
    );
    const cores = (most / mebibyte) * (secondsPerMebibyte / 10);
    expect(cores / 0.05).toBeGreaterThan(0.9);
    // What is in the room when the meter is read is the round that may go over.
    expect(cores / 0.05).toBeLessThan(2);
  });
});
