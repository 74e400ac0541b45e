import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledSampleDir, replaySample, restamp } from '../../../src/commands/wiring/sample.ts';
import { FakeClock, until } from '../../fakes/clock.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-sample-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

const read = (name: string) => readFile(join(dir, 'run', name), 'utf8').catch(() => '');
const lineCount = async (name: string) => (await read(name)).split('\n').length - 1;

describe('the sample run', () => {
  it('is a loss curve of at least 50 steps on two ranks, small', async () => {
    const names = (await readdir(bundledSampleDir, { recursive: true })).filter((name) =>
      name.endsWith('.jsonl'),
    );
    expect(names.toSorted()).toEqual(['rank-0/train.jsonl', 'rank-1/train.jsonl']);
    for (const name of names) {
      const text = await readFile(join(bundledSampleDir, name), 'utf8');
      const records = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { step: number; loss: number });
      expect(records.map(({ step }) => step)).toEqual(
        Array.from({ length: records.length }, (_, i) => i + 1),
      );
      expect(records.length).toBeGreaterThanOrEqual(50);
      expect(records.at(-1)!.loss).toBeLessThan(records[0]!.loss - 0.5);
      expect(text.length).toBeLessThan(100_000);
    }
  });

  it('is written evenly, all files at once, first lines at the start, and is whole at the end', async () => {
    const clock = new FakeClock();
    const targetDir = join(dir, 'run');
    const done = replaySample({ targetDir, clock, signal: new AbortController().signal, durationMs: 50_000 });
    await until(() => clock.sleeping === 2, 'both files wait for their second line');
    expect(await lineCount('rank-0/train.jsonl')).toBe(1);
    expect(await lineCount('rank-1/train.jsonl')).toBe(1);
    let linesHalfway = 0;
    for (let second = 1; second < 50; second += 1) {
      await clock.advance(1000);
      if (second < 49) await until(() => clock.sleeping === 2, 'both files wait for their next line');
      if (second === 25) linesHalfway = await lineCount('rank-0/train.jsonl');
    }
    await done;
    expect(linesHalfway).toBe(26);
    const written = await read('rank-0/train.jsonl');
    const source = await readFile(join(bundledSampleDir, 'rank-0/train.jsonl'), 'utf8');
    const withoutTime = (text: string) => text.replaceAll(/"asctime": "[^"]*"/g, '');
    expect(withoutTime(written)).toBe(withoutTime(source));
    expect(written).toContain('"asctime": "2026-11-23 10:00:49,000"');
  });

  it('stops when it is told to', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const done = replaySample({ targetDir: join(dir, 'run'), clock, signal: stop.signal });
    await until(() => clock.sleeping === 2, 'both files wait');
    stop.abort();
    await done;
    expect(await lineCount('rank-0/train.jsonl')).toBe(1);
  });

  it('says what to do when there is no sample, and never writes to a file that is there', async () => {
    const options = {
      targetDir: join(dir, 'run'),
      clock: new FakeClock(),
      signal: new AbortController().signal,
    };
    await expect(replaySample({ ...options, sourceDir: dir })).rejects.toMatchObject({
      code: 'SAMPLE_UNREADABLE',
    });
    await writeFile(join(dir, 'train.log'), 'a\n');
    await replaySample({ ...options, sourceDir: dir });
    await expect(replaySample({ ...options, sourceDir: dir })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await read('train.log')).toBe('a\n');
  });
});

it.each([
  ['{"asctime": "2020-01-01 00:00:00,123", "a": 1}', '{"asctime": "2026-11-23 10:00:00,000", "a": 1}'],
  [
    '2020-01-01T00:00:00.123456Z x 2020-01-01T00:00:00.123456Z',
    '2026-11-23T10:00:00.000Z x 2020-01-01T00:00:00.123456Z',
  ],
  ['no time', 'no time'],
])('restamps %s', (line, expected) => {
  expect(restamp(line, Date.UTC(2026, 10, 23, 10))).toBe(expected);
});
