/** Rotation with compression as logrotate does it, at moments that a seed decides, with kills, outages and restarts between its steps. */
import { appendFile, mkdir, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compare, randomOf } from '../scenario/oracle.ts';
import { TailHarness } from './harness.ts';

/** CABOOSE_TEST_SEED replays a run; CABOOSE_TEST_ROTATIONS plays more of them. */
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);
const runs = Number(process.env['CABOOSE_TEST_ROTATIONS'] ?? 12);
const rotations = 5;
/** So long the agent is given to find and ship what is there, when the last harm is over. */
const settleMs = 90_000;

interface Program {
  t: TailHarness;
  random: () => number;
  written: string[];
  steps: string[];
}

describe('a log that is rotated and compressed', () => {
  it(`is there once and whole, whatever comes between (${runs} runs)`, { timeout: 600_000 }, async () => {
    for (let run = 0; run < runs; run += 1) {
      await using t = await TailHarness.create();
      await mkdir(t.logs, { recursive: true });
      const program: Program = { t, random: randomOf(7919 * (seed + run)), written: [], steps: [] };
      await play(program);
      const replay = `CABOOSE_TEST_SEED=${seed + run} CABOOSE_TEST_ROTATIONS=1\n${program.steps.join('\n')}\n`;
      const streams = [...t.publisher.streams.values()];
      const shipped = streams.flatMap(({ bytes }) => bytes.toString().match(/.*\n/g) ?? []);
      expect(compare(program.written, shipped), replay).toEqual({ missing: 0, duplicate: 0, wrong: 0 });
      const gaps = streams.flatMap((stream) => stream.gaps.filter(({ start, end }) => end > start));
      expect(gaps, replay).toEqual([]);
    }
  });
});

async function play(program: Program): Promise<void> {
  const { t, random } = program;
  const end = random() < 0.7 ? '.gz' : '.zst';
  const isDelayed = random() < 0.5;
  await t.start();
  for (let rotation = 0; rotation < rotations; rotation += 1) {
    for (let burst = 0; burst < 3; burst += 1) {
      await write(program, 1 + Math.floor(random() * 60));
      await between(program);
    }
    await rotate(program, end);
    await between(program);
    if (random() < 0.5) await write(program, 1 + Math.floor(random() * 5));
    await compress(program, isDelayed ? 2 : 1, end);
    await between(program);
  }
  await write(program, 3);
  t.publisher.release();
  await t.pass(settleMs);
}

async function write({ t, random, written, steps }: Program, lines: number): Promise<void> {
  const batch = Array.from(
    { length: lines },
    (_, i) => `line ${written.length + i} ${'x'.repeat(random() * 80)}\n`,
  );
  written.push(...batch);
  await appendFile(t.path('a.log'), batch.join(''));
  steps.push(`write ${lines}`);
}

async function rotate({ t, steps }: Program, end: string): Promise<void> {
  for (let n = rotations; n > 0; n -= 1) {
    await rename(t.path(`a.log.${n}${end}`), t.path(`a.log.${n + 1}${end}`)).catch(() => undefined);
    await rename(t.path(n === 1 ? 'a.log' : `a.log.${n - 1}`), t.path(`a.log.${n}`)).catch(() => undefined);
  }
  steps.push('rotate');
}

/** As `gzip` and `zstd --rm` do: the copy grows beside the original, has its time in the end, and then the original is deleted. */
async function compress(program: Program, n: number, end: string): Promise<void> {
  const { t, random, steps } = program;
  const path = t.path(`a.log.${n}`);
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return;
  const { atime, mtime } = await stat(path);
  const compressed = end === '.gz' ? gzipSync(bytes) : zstdCompressSync(bytes);
  const pieces = 1 + Math.floor(random() * 3);
  for (let piece = 0; piece < pieces; piece += 1) {
    const at = (of: number): number => Math.floor((compressed.length * of) / pieces);
    await appendFile(path + end, compressed.subarray(at(piece), at(piece + 1)));
    steps.push(`compress ${n}: piece ${piece + 1} of ${pieces}`);
    await between(program);
  }
  await utimes(path + end, atime, mtime);
  if (random() < 0.5) await between(program);
  await unlink(path);
  steps.push(`unlink ${n}`);
}

/** Nothing, some time, a kill, a stop, or the beginning or end of an outage. */
async function between({ t, random, steps }: Program): Promise<void> {
  const die = random();
  if (die < 0.3) return;
  if (die < 0.7) {
    const ms = Math.floor(random() * 4000);
    steps.push(`pass ${ms}`);
    return await t.pass(ms);
  }
  if (die < 0.85) {
    steps.push('crash');
    t.crash();
    if (random() < 0.3) t.publisher.acks = false;
    await t.start();
    return;
  }
  if (t.publisher.acks) t.publisher.acks = false;
  else t.publisher.release();
  steps.push(t.publisher.acks ? 'acks again' : 'no acks');
  await t.settle();
}
