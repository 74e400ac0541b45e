import { fstat, fstatSync, stat, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * Stats, and few of their cost: through Node's thread pool a stat costs ten times the system call (100 µs against 5 µs, mostly
 * handing over between threads), and a walk over ten thousand files is little else. So they are made on the spot while they are quick on
 * average, with a turn for everybody else every few milliseconds. A file system that is slow (a network, a worn disk) is asked
 * through the pool for a minute.
 */
const slowMs = 1;
/** Each stat moves the average by this share. */
const weight = 0.01;
const slowForMs = 60_000;
const turnMs = 10;

let averageMs = 0;
let slowUntil = 0;
let turnBegan = 0;

export async function quickStat(path: string): Promise<BigIntStats> {
  if (performance.now() < slowUntil) return await promisify(stat)(path, { bigint: true });
  return await timed(() => statSync(path, { bigint: true }));
}

export async function quickFstat(fd: number): Promise<BigIntStats> {
  if (performance.now() < slowUntil) return await promisify(fstat)(fd, { bigint: true });
  return await timed(() => fstatSync(fd, { bigint: true }));
}

async function timed(work: () => BigIntStats): Promise<BigIntStats> {
  const began = performance.now();
  if (began - turnBegan > turnMs) {
    await nextTurn();
    turnBegan = performance.now();
  }
  const start = performance.now();
  try {
    return work();
  } finally {
    averageMs += (performance.now() - start - averageMs) * weight;
    if (averageMs > slowMs) {
      slowUntil = performance.now() + slowForMs;
      averageMs = 0;
    }
  }
}
