import { setImmediate as nextTurn } from 'node:timers/promises';
import { LaneTurns, perLane } from './lane-turns.ts';
import type { Lane } from './segment.ts';

interface Waiter {
  bytes: number;
  go: () => void;
}

/**
 * Where pieces of synchronous work of both lanes come one by one: between two of them the event loop turns, so that sockets and timers
 * are served, and whoever of the fast lane is ready by then goes next. Bulk keeps its share (lane-turns.ts).
 */
export class Turnstile {
  readonly #turns: LaneTurns;
  readonly #waiting = perLane((): Waiter[] => []);
  #running = false;

  /** `turnBytes`: of the largest piece. */
  constructor(turnBytes: number) {
    this.#turns = new LaneTurns(turnBytes);
  }

  /** Resolves when it is this one's turn: the work that follows at once, without waiting for anything, is one piece. */
  async pass(lane: Lane, bytes: number): Promise<void> {
    const turn = new Promise<void>((go) => void this.#waiting[lane].push({ bytes, go }));
    if (!this.#running) void this.#run();
    await turn;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      await nextTurn();
      const waiting = perLane((lane) => this.#waiting[lane].length > 0);
      const lane = this.#turns.next(waiting);
      const waiter = lane && this.#waiting[lane].shift();
      if (!lane || !waiter) break;
      this.#turns.took(lane, waiter.bytes, waiting.fast && waiting.bulk);
      waiter.go();
    }
    // In the same turn as the look at who waits: one that comes later starts a new run.
    this.#running = false;
  }
}
