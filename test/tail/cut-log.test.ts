import { mkdtemp, readFile, readdir, rm, writeFile, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { CutLog } from '../../src/tail/cut-log.ts';
import { patternSetsMax } from '../../src/tail/cut-state.ts';
import type { Cut, StreamRecord } from '../../src/tail/cut-state.ts';
import { nodeJournalStore } from '../../src/tail/journal-store.ts';
import type { JournalStore } from '../../src/tail/journal-store.ts';
import { TrackedFiles } from './tracked.ts';

const record: StreamRecord = {
  id: 'a'.repeat(32),
  base: 'a'.repeat(32),
  generation: 0,
  path: '/logs/a.log',
  firstPath: '/logs/a.log',
  dev: '1',
  ino: '2',
  headBytes: 4,
  headHash: 'h',
  created: 1,
  previous: null,
  lane: 'bulk',
  partition: null,
  run: 'r',
  attempt: 0,
  rank: null,
  labels: {},
};

function cutOf(start: number, end: number): Cut {
  return { start, end, observed: 1000 + end, anchor: `anchor ${end}`, gap: null, final: false };
}

describe('CutLog', () => {
  let dir: string;
  let files: TrackedFiles;
  let told: { level: string; message: string }[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-cuts-'));
    told = [];
    files = new TrackedFiles();
  });
  afterEach(async () => {
    await files.closeAll();
    await rm(dir, { recursive: true });
  });

  function trackedStore(): JournalStore {
    const store = nodeJournalStore(dir);
    return { ...store, append: async (name, length) => files.add(await store.append(name, length)) };
  }

  async function open(options: { source?: string; growthBytesMax?: number } = {}): Promise<CutLog> {
    const logger = {
      ...silentLogger,
      warn: (_: object, message: string) => void told.push({ level: 'warn', message }),
      error: (_: object, message: string) => void told.push({ level: 'error', message }),
    };
    return await CutLog.open({ store: trackedStore(), source: 's', logger, ...options });
  }

  async function newest(): Promise<string> {
    const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort();
    return join(dir, names.at(-1) ?? '');
  }

  it('keeps cuts over a crash, and forgets the acknowledged ones', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    log.cut(state, cutOf(10, 30));
    log.ack(state, cutOf(0, 10));
    log.setPartition(state, 7);
    await log.commit();
    const again = (await open()).streams.get(record.id);
    expect(again).toMatchObject({ end: 30, acked: 10, anchor: 'anchor 30', observed: 1030 });
    expect(again?.pending).toEqual([cutOf(10, 30)]);
    expect(again?.record.partition).toBe(7);
    expect(told).toEqual([]);
  });

  it('does not acknowledge a final marker by the ack of the bytes before it', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    log.cut(state, { ...cutOf(10, 10), final: true });
    log.ack(state, cutOf(0, 10));
    expect(state.pending).toEqual([{ ...cutOf(10, 10), final: true }]);
    expect(state.final).toBe(true);
  });

  it('keeps by which rules cuts are masked, and the last patterns of these', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, { ...cutOf(0, 10), redact: 'source:1.a' });
    for (let i = 0; i < patternSetsMax + 8; i += 1) log.keepPatterns(`1.${i}`, [`p${i}`]);
    await log.commit();
    for (const again of [await open(), await open()]) {
      expect(again.streams.get(record.id)?.pending).toMatchObject([{ redact: 'source:1.a' }]);
      expect([...again.patterns.keys()]).toEqual(
        Array.from({ length: patternSetsMax }, (_, i) => `1.${i + 8}`),
      );
      expect(again.patterns.get('1.39')).toEqual(['p39']);
    }
  });

  it('cuts the bytes of a damaged entry as those behind it are masked', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, { ...cutOf(10, 20), redact: 'source:1' });
    expect(state.pending).toMatchObject([
      { start: 0, end: 10, redact: 'source:1' },
      { start: 10, end: 20, redact: 'source:1' },
    ]);
  });

  it('cuts off a torn tail without a word', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    log.cut(state, cutOf(10, 20));
    await log.commit();
    const file = await newest();
    await truncate(file, (await readFile(file)).length - 5);
    expect((await open()).streams.get(record.id)?.end).toBe(10);
    expect(told).toEqual([]);
  });

  it('cuts the bytes of a damaged entry again, and tells of it', async () => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    log.cut(state, cutOf(10, 20));
    log.cut(state, cutOf(20, 30));
    await log.commit();
    const file = await newest();
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('anchor 20', 'anchor 2O'));
    const again = (await open()).streams.get(record.id);
    expect(again?.pending.map(({ start, end }) => [start, end])).toEqual([
      [0, 10],
      [10, 20],
      [20, 30],
    ]);
    expect(told).toEqual([{ level: 'warn', message: 'the cut log is damaged: using what is whole' }]);
  });

  it.each([
    ['garbage', 'not a log at all'],
    ['a newer version', ''],
  ])('sets %s aside, tells what to do, and uses the copy before', async (_, content) => {
    const log = await open();
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    await log.close();
    await (await open()).close();
    const file = await newest();
    await writeFile(file, content === '' ? newerLog() : content);
    const again = await open();
    expect(again.streams.get(record.id)?.end).toBe(10);
    expect(told).toEqual([{ level: 'error', message: 'the cut log cannot be used: set aside' }]);
    expect((await readdir(dir)).some((name) => name.endsWith('.unusable'))).toBe(true);
  });

  it('does not use the log of another source', async () => {
    const log = await open();
    log.register(record, 0);
    await log.close();
    expect((await open({ source: 'other' })).streams.size).toBe(0);
    expect(told).toHaveLength(1);
  });

  it('is rewritten when it has grown, and keeps one copy', async () => {
    const log = await open({ growthBytesMax: 2000 });
    const state = log.register(record, 0);
    for (let i = 0; i < 500; i += 1) {
      log.cut(state, cutOf(i, i + 1));
      log.ack(state, cutOf(i, i + 1));
      await log.commit();
    }
    expect(await readdir(dir)).toHaveLength(2);
    expect((await readFile(await newest())).length).toBeLessThan(8000);
    expect((await open()).streams.get(record.id)).toMatchObject({ end: 500, acked: 500, pending: [] });
  });

  it('never gives a generation twice, even for a stream that is forgotten', async () => {
    const log = await open();
    expect(log.nextGeneration(record.base)).toBe(0);
    const state = log.register(record, 0);
    log.forget(state);
    await log.commit();
    expect(log.nextGeneration(record.base)).toBe(1);
    expect((await open()).nextGeneration(record.base)).toBe(1);
  });

  it('ships on when the journal cannot be written, says so once, and recovers', async () => {
    let full = false;
    const store = trackedStore();
    const refuse = () => {
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const log = await CutLog.open({
      source: 's',
      logger: { ...silentLogger, error: (_, message) => void told.push({ level: 'error', message }) },
      store: {
        ...store,
        async replace(name, content) {
          refuse();
          await store.replace(name, content);
        },
        async append(name, length) {
          const file = await store.append(name, length);
          return {
            ...file,
            async write(bytes) {
              if (full) await file.write(bytes.subarray(0, 7));
              refuse();
              await file.write(bytes);
            },
          };
        },
      },
    });
    const state = log.register(record, 0);
    await log.commit();
    full = true;
    log.cut(state, cutOf(0, 10));
    await log.commit();
    log.cut(state, cutOf(10, 20));
    await log.commit();
    expect(log.failure).toContain('no space left');
    expect(told).toHaveLength(1);
    full = false;
    log.cut(state, cutOf(20, 30));
    await log.commit();
    expect(log.failure).toBeNull();
    expect((await open()).streams.get(record.id)?.end).toBe(30);
  });

  it('recovers when the disk was full at the start already', async () => {
    let full = true;
    const store = trackedStore();
    const log = await CutLog.open({
      source: 's',
      logger: silentLogger,
      store: {
        ...store,
        async replace(name, content) {
          if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
          await store.replace(name, content);
        },
      },
    });
    const state = log.register(record, 0);
    log.cut(state, cutOf(0, 10));
    await log.commit();
    expect(log.failure).toContain('no space left');
    full = false;
    log.cut(state, cutOf(10, 20));
    await log.commit();
    expect(log.failure).toBeNull();
    expect((await open()).streams.get(record.id)?.end).toBe(20);
  });

  it('loads whatever happens to its bytes: never throws, never invents a stream', async () => {
    const log = await open();
    const state = log.register(record, 0);
    for (let i = 0; i < 20; i += 1) log.cut(state, cutOf(i * 10, i * 10 + 10));
    await log.commit();
    await log.close();
    const file = await newest();
    const whole = await readFile(file);
    const mutation = fc.record({
      at: fc.nat(whole.length - 1),
      xor: fc.integer({ min: 1, max: 255 }),
      keep: fc.nat(whole.length),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ at, xor, keep }) => {
        for (const name of await readdir(dir)) await rm(join(dir, name));
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ xor;
        await writeFile(file, bytes.subarray(0, keep));
        const again = await open();
        expect([...again.streams.keys()].every((id) => id === record.id)).toBe(true);
        const end = again.streams.get(record.id)?.end ?? 0;
        expect(end % 10).toBe(0);
        await again.close();
      }),
      { numRuns: 200 },
    );
  });
});

function newerLog(): string {
  const json = JSON.stringify({ t: 'log', v: 2, source: 's' });
  return `${crc(json)} ${json}\n`;
}

function crc(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
