import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { SampleFiles, sampledRunOf } from '../../src/resources/sample-files.ts';
import { FakeClock } from '../fakes/clock.ts';

let dir: string;
let clock: FakeClock;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-samples-'));
  clock = new FakeClock();
});
afterEach(async () => await rm(dir, { recursive: true }));

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

interface Asked {
  bytesMax?: number;
  acknowledged?: (path: string) => number | null;
  onWritten?: (path: string, isNew: boolean) => void;
  onDropped?: () => void;
}

const nothing = () => undefined;

async function open(asked: Asked = {}) {
  const { bytesMax = 32e6, acknowledged = () => null, onWritten = nothing, onDropped = nothing } = asked;
  const logger = silentLogger;
  return await SampleFiles.open({ dir, bytesMax, acknowledged, onWritten, onDropped, clock, logger });
}

const run = { run: 'a', attempt: 0 };

describe('files of samples', () => {
  it('are told of when a line is in them, and whether it is the first', async () => {
    const told: [string, boolean][] = [];
    const files = await open({ onWritten: (path, isNew) => void told.push([path, isNew]) });
    await files.write([run], { time: 't1' });
    await files.write([run], { time: 't2' });
    const [path = ''] = await filesIn(dir);
    expect(told).toEqual([
      [path, true],
      [path, false],
    ]);
  });

  it('hold a line a sample, which names its run: of two runs no two lines are the same', async () => {
    const files = await open();
    await files.write([run, { run: 'b', attempt: 2 }], { time: 't1', gpu: {} });
    await files.write([run], { time: 't2' });
    const texts = await Promise.all(
      (await filesIn(dir)).map(async (path) => [sampledRunOf(dir, path), await readFile(path, 'utf8')]),
    );
    expect(texts).toContainEqual([
      run,
      '{"run":"a","attempt":0,"time":"t1","gpu":{}}\n{"run":"a","attempt":0,"time":"t2"}\n',
    ]);
    expect(texts).toContainEqual([
      { run: 'b', attempt: 2 },
      '{"run":"b","attempt":2,"time":"t1","gpu":{}}\n',
    ]);
  });

  it.each([
    '.',
    '..',
    '../../etc',
    'a/b',
    'Lauf ü 😀',
    'x'.repeat(255),
    '%2E',
    'run=x',
    '😀'.repeat(60),
    ' ',
  ])('say in their path whose they are: %j', async (name) => {
    const files = await open();
    await files.write([{ run: name, attempt: 3 }], {});
    const [path = '', ...more] = await filesIn(dir);
    expect(more).toEqual([]);
    expect(sampledRunOf(dir, path)).toEqual({ run: name, attempt: 3 });
  });

  it.each([
    'run=a/1.jsonl',
    'a/attempt=0/1.jsonl',
    'run=a/attempt=0/x.jsonl',
    'run=%/attempt=0/1.jsonl',
    '../run=a/attempt=0/1.jsonl',
  ])('are not what does not look so: %s', (path) =>
    expect(sampledRunOf('/state/resources', join('/state/resources', path))).toBeNull(),
  );

  it('are deleted when they are acknowledged and no longer written to', async () => {
    const acked = new Map<string, number>();
    const files = await open({ acknowledged: (path) => acked.get(path) ?? null });
    await files.write([run], { time: 't1' });
    const [first = ''] = await filesIn(dir);
    acked.set(first, 1e9);
    await files.write([run], { time: 't2' });
    expect(await filesIn(dir)).toEqual([first]);
    // The run is over, its last bytes are not shipped yet; then they are.
    acked.set(first, 10);
    await files.write([], {});
    expect(await filesIn(dir)).toEqual([first]);
    acked.set(first, (await readFile(first)).length);
    await files.write([], {});
    expect(await readdir(dir)).toEqual([]);
  });

  it('of an earlier process are not written to, and deleted when they are acknowledged', async () => {
    const left = join(dir, 'run=a', 'attempt=0', '1.jsonl');
    await mkdir(dirname(left), { recursive: true });
    await writeFile(left, '{"time":"torn');
    let acked: number | null = null;
    const files = await open({ acknowledged: (path) => (path === left ? acked : null) });
    await files.write([run], { time: 't' });
    expect(await filesIn(dir)).toHaveLength(2);
    expect(await readFile(left, 'utf8')).toBe('{"time":"torn');
    acked = 13;
    await files.write([run], { time: 't' });
    expect(await filesIn(dir)).not.toContain(left);
  });

  it('have a bound: what does not fit is counted and left out, until there is room', async () => {
    let dropped = 0;
    const acked = new Map<string, number>();
    const files = await open({
      bytesMax: 100,
      onDropped: () => (dropped += 1),
      acknowledged: (path) => acked.get(path) ?? null,
    });
    for (let i = 0; i < 5; i += 1) await files.write([run], { time: `t${i}` });
    const [path = ''] = await filesIn(dir);
    expect((await readFile(path)).length).toBeLessThanOrEqual(100);
    expect(dropped).toBe(3);
    acked.set(path, 1e9);
    await files.write([run], { time: 'x' });
    await clock.advance(1);
    await files.write([run], { time: 'y' });
    const [next = ''] = await filesIn(dir);
    expect(next).not.toBe(path);
    expect(await readFile(next, 'utf8')).toContain('"y"');
  });

  it('are ended by a line that could not be written', async () => {
    const files = await open();
    await files.write([run], { time: 't1' });
    const [first = ''] = await filesIn(dir);
    await rm(first);
    await mkdir(first);
    await expect(files.write([run], { time: 't2' })).rejects.toThrow('EISDIR');
    await clock.advance(1);
    await files.write([run], { time: 't3' });
    const [second = ''] = await filesIn(dir);
    expect(await readFile(second, 'utf8')).toBe('{"run":"a","attempt":0,"time":"t3"}\n');
  });
});
