import type { Clock } from '../../src/core/clock.ts';
import type { Random } from './random.ts';

/**
 * Model time. Whatever happens is an event in one queue; events of the same millisecond come in an order that the seed decides.
 * Between two events every promise that is ready runs to where it waits, as in a real process, so the run depends on the seed alone.
 */
export class Scheduler {
  readonly random: Random;
  /** Ms since the model's start. */
  now = 0;
  /** What the wall clock shows at `now` = 0; jumps move it. */
  wallStart = Date.UTC(2026, 10, 23, 10, 0, 0);
  readonly #heap: Event[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  get wall(): number {
    return this.wallStart + Math.floor(this.now);
  }

  after(ms: number, work: () => void): void {
    push(this.#heap, { at: this.now + Math.max(0, ms), order: this.random.next(), work });
  }

  /** Lets events happen up to and with model time `end`. */
  async run(end: number): Promise<void> {
    await settled();
    for (let next = this.#heap[0]; next && next.at <= end; next = this.#heap[0]) {
      pop(this.#heap);
      this.now = next.at;
      next.work();
      await settled();
    }
    this.now = end;
  }
}

/** Node runs a tick only when no promise is left to run. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
}

/** A life takes some thousand steps at most; one that takes so many runs in a circle. */
const stepsMax = 20_000;
const looksAtClockMax = 50 * stepsMax;

/**
 * One life of the agent, from its start to its crash. Everything that the agent waits for goes through its life: when that is over,
 * nothing of it goes on.
 */
export class Life implements Clock {
  readonly number: number;
  readonly #scheduler: Scheduler;
  /** This share of the steps takes time, so that something else can happen (a crash, a write). */
  readonly #yieldShare: number;
  dead = false;
  /** Steps taken: an agent at rest takes few. */
  steps = 0;
  /** Told once, when it has taken so many that it will come to no end. */
  onEndless: () => void = () => undefined;
  /** How often it has gone to sleep. */
  sleeps = 0;
  #looksAtClock = 0;

  constructor(number: number, scheduler: Scheduler, yieldShare: number) {
    this.number = number;
    this.#scheduler = scheduler;
    this.#yieldShare = yieldShare;
  }

  now(): number {
    this.#lookAtClock();
    return this.#scheduler.wall;
  }

  monotonic(): number {
    this.#lookAtClock();
    return this.#scheduler.now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeps += 1;
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        if (!this.dead) resolve();
      };
      this.#scheduler.after(ms + this.#scheduler.random.below(3), wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Something that the system does for the agent: now or a little later, and never once the agent is dead. */
  async step<T>(work: () => T): Promise<T> {
    this.steps += 1;
    if (this.steps === stepsMax) this.#end();
    if (this.dead) return await never<T>();
    if (this.#scheduler.random.chance(this.#yieldShare)) {
      await new Promise<void>((resolve) => {
        this.#scheduler.after(this.#scheduler.random.below(3), () => {
          if (!this.dead) resolve();
        });
      });
    }
    return work();
  }

  /** A loop that waits for nothing looks at the clock, at least: that one is broken off. */
  #lookAtClock(): void {
    this.#looksAtClock += 1;
    if (this.#looksAtClock === looksAtClockMax) this.#end();
    if (this.#looksAtClock >= looksAtClockMax) throw new Error('an endless life is over');
  }

  #end(): void {
    if (this.dead) return;
    this.dead = true;
    this.onEndless();
  }
}

async function never<T>(): Promise<T> {
  return await new Promise<T>(() => undefined);
}

interface Event {
  at: number;
  order: number;
  work: () => void;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (!above || !isBefore(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    const [left, right] = [heap[child], heap[child + 1]];
    if (!left) break;
    if (right && isBefore(right, left)) child += 1;
    const below = heap[child];
    if (!below || !isBefore(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
