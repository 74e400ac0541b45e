import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Calls of the file system, and few of their cost: through Node's thread pool a stat costs ten times the system call (100 µs against 5 µs, mostly
 * handing over between threads), and so do an open, a close and a short read; over ten thousand files there is little else. So they are made
 * on the spot while they are quick on average, with a turn for everybody else every few milliseconds. A file system that is slow (a
 * network, a worn disk) is asked through the pool for a minute.
 */
const slowMs = 1;
/** Each call moves the average by this share. */
const weight = 0.01;
const slowForMs = 60_000;
const turnMs = 10;

let averageMs = 0;
let slowUntil = 0;
let turnBegan = 0;

/** The result of `onTheSpot`, or, while the file system is slow, of the same call through the thread pool. */
export async function quickly<T>(onTheSpot: () => T, pooled: () => Promise<T>): Promise<T> {
  if (performance.now() < slowUntil) return await pooled();
  const began = performance.now();
  if (began - turnBegan > turnMs) {
    await nextTurn();
    turnBegan = performance.now();
  }
  const start = performance.now();
  try {
    return onTheSpot();
  } finally {
    averageMs += (performance.now() - start - averageMs) * weight;
    if (averageMs > slowMs) {
      slowUntil = performance.now() + slowForMs;
      averageMs = 0;
    }
  }
}
