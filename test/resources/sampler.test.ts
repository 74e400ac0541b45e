import { expect, it } from 'vitest';
import type { Reading, ResourceSource } from '../../src/resources/reading.ts';
import { Sampler } from '../../src/resources/sampler.ts';
import { FakeClock } from '../fakes/clock.ts';

function samplerOf(sources: ResourceSource[], write?: (sample: object) => Promise<void>) {
  const clock = new FakeClock();
  const samples: Record<string, unknown>[] = [];
  const told: string[] = [];
  const tell = (fields: object, message: string) => void told.push(`${message} ${JSON.stringify(fields)}`);
  const stop = new AbortController();
  const sampler = new Sampler({
    sources,
    intervalMs: 15_000,
    write: write ?? (async (sample) => void samples.push(sample as Record<string, unknown>)),
    clock,
    logger: { debug: tell, info: tell, warn: tell, error: tell },
  });
  const running = sampler.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  return { clock, samples, told, end };
}

function counting(group: string, device: string | null, perRead: number): ResourceSource {
  let count = 0;
  return {
    name: group,
    async read(): Promise<Reading[]> {
      count += perRead;
      return [{ group, device, values: { size: 7 }, counters: { rate: count } }];
    },
  };
}

it('writes rates between two readings, by group and device', async () => {
  const { clock, samples, end } = samplerOf([counting('container', null, 30), counting('disk', 'sda', 15)]);
  await clock.advance(0);
  expect(samples).toEqual([]);
  await clock.advance(30_000);
  expect(samples).toEqual([
    {
      time: '2026-11-23T10:00:15.000Z',
      container: { size: 7, rate: 2 },
      disk: { sda: { size: 7, rate: 1 } },
    },
    {
      time: '2026-11-23T10:00:30.000Z',
      container: { size: 7, rate: 2 },
      disk: { sda: { size: 7, rate: 1 } },
    },
  ]);
  await end();
});

it('writes what has no counters at once', async () => {
  const gpu: ResourceSource = {
    name: 'gpu',
    read: async () => [{ group: 'gpu', device: '0', values: { power_watts: 300 }, counters: {} }],
  };
  const { clock, samples, end } = samplerOf([gpu]);
  await clock.advance(0);
  expect(samples).toEqual([{ time: '2026-11-23T10:00:00.000Z', gpu: { 0: { power_watts: 300 } } }]);
  await end();
});

it('goes on with the others when a source fails, and tells once until it works again', async () => {
  let works = false;
  const faulty: ResourceSource = {
    name: 'faulty',
    async read() {
      if (!works) throw new Error('it hangs');
      return [{ group: 'gpu', device: '0', values: { power_watts: 1 }, counters: {} }];
    },
  };
  const { clock, samples, told, end } = samplerOf([faulty, counting('container', null, 15)]);
  await clock.advance(0);
  await clock.advance(45_000);
  expect(samples).toHaveLength(3);
  expect(told).toEqual(['resource usage: this cannot be read {"source":"faulty","reason":"it hangs"}']);
  works = true;
  await clock.advance(15_000);
  expect(samples.at(-1)).toMatchObject({ gpu: { 0: { power_watts: 1 } } });
  works = false;
  await clock.advance(30_000);
  expect(told).toHaveLength(2);
  await end();
});

it('tells once of what there is none of', async () => {
  const none: ResourceSource = { name: 'InfiniBand', read: async () => [] };
  const { clock, samples, told, end } = samplerOf([none]);
  await clock.advance(0);
  await clock.advance(60_000);
  expect(told).toEqual(['resource usage: there is none of this here {"source":"InfiniBand"}']);
  expect(samples).toEqual([]);
  await end();
});

it('reads one at a time: a source that hangs delays the next reading', async () => {
  let waiting: (() => void) | undefined;
  let reads = 0;
  const slow: ResourceSource = {
    name: 'slow',
    async read() {
      reads += 1;
      await new Promise<void>((resolve) => (waiting = resolve));
      return [];
    },
  };
  const { clock, end } = samplerOf([slow]);
  await clock.advance(0);
  await clock.advance(60_000);
  expect(reads).toBe(1);
  waiting?.();
  await clock.advance(0);
  await clock.advance(15_000);
  expect(reads).toBe(2);
  waiting?.();
  await clock.advance(0);
  await end();
});

it('tells once that samples cannot be written, and tries again', async () => {
  let written = 0;
  const { clock, told, end } = samplerOf([counting('container', null, 1)], async () => {
    written += 1;
    throw new Error('ENOSPC: no space left on device');
  });
  await clock.advance(0);
  await clock.advance(45_000);
  expect(written).toBe(3);
  expect(told).toHaveLength(1);
  await end();
});
