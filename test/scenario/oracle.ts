import { createHash } from 'node:crypto';
import { appendFile, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The oracle: writers emit lines that carry file, sequence and checksum. What is read back must be every line once, and each
 * as it was written.
 */
export interface WriterOptions {
  path: string;
  /** At most so many; Infinity: until the signal aborts. */
  lines: number;
  /** Lines per second. */
  rate: number;
  /** Renames the file away so often. */
  rotations: number;
  /** Renames it away whenever it has so many lines, instead. */
  rotateEvery?: number;
  seed: number;
  signal?: AbortSignal;
  /** Takes the lines as they are written, for one who looks on. */
  written?: string[];
}

export function lineOf(path: string, sequence: number, random: () => number): string {
  const name = path.split('/').at(-1) ?? '';
  const body = `${name} ${String(sequence).padStart(7, '0')} ${'x'.repeat(Math.floor(random() * 120))}`;
  return `${body} ${createHash('md5').update(body).digest('hex').slice(0, 8)}`;
}

/** A small generator of numbers in [0, 1): the same seed gives the same lines. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const tickMs = 20;

/** Writes the lines live, with torn writes and rename rotation; returns all that was written, oldest first. */
export async function writeLive(options: WriterOptions): Promise<string[]> {
  const { path, lines, rate, rotations, seed, signal, written = [] } = options;
  const random = randomOf(seed);
  const rotateEvery = options.rotateEvery ?? Math.ceil(lines / (rotations + 1));
  const began = performance.now();
  let generation = 0;
  await mkdir(dirname(path), { recursive: true });
  while (written.length < lines) {
    if (signal?.aborted) break;
    // A busy machine wakes us late: what is due by then is written, at most a second's worth.
    const due = ((performance.now() - began + tickMs) * rate) / 1000 - written.length;
    const batch: string[] = [];
    for (let i = 1; i <= Math.min(due, rate) && written.length + batch.length < lines; i += 1) {
      batch.push(lineOf(path, written.length + batch.length, random));
    }
    const text = batch.map((line) => `${line}\n`).join('');
    const torn = Math.floor(random() * text.length);
    await appendFile(path, text.slice(0, torn));
    await appendFile(path, text.slice(torn));
    written.push(...batch);
    if (Math.floor(written.length / rotateEvery) > generation && written.length < lines) {
      generation += 1;
      for (let n = generation; n > 0; n -= 1)
        await rename(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
    }
    await delay(tickMs);
  }
  return written;
}

export interface Verdict {
  missing: number;
  duplicate: number;
  wrong: number;
}

export function compare(expected: Iterable<string>, found: Iterable<string>): Verdict {
  const counts = new Map<string, number>();
  for (const line of expected) counts.set(line, 0);
  let wrong = 0;
  for (const line of found) {
    const count = counts.get(line);
    if (count === undefined) wrong += 1;
    else counts.set(line, count + 1);
  }
  let missing = 0;
  let duplicate = 0;
  for (const count of counts.values()) {
    if (count === 0) missing += 1;
    if (count > 1) duplicate += count - 1;
  }
  return { missing, duplicate, wrong };
}
