import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Figure } from './scenario.ts';
import type { Stage } from './stage.ts';

const intervalMs = 1000;

/** Looks on while a fault goes on: how much memory the agents take, and for how long nothing moves. */
export class Watch {
  readonly #stage: Stage;
  readonly #over = new AbortController();
  readonly #looking: Promise<void>;
  residentBytes = 0;
  /** Longest time in which no event came into the index. */
  stillMs = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#looking = this.#look();
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#looking;
  }

  get residentFigure(): Figure {
    return { name: 'most memory of an agent', value: this.residentBytes / 1024 ** 2, unit: 'MiB' };
  }

  get stillFigure(): Figure {
    return { name: 'longest without a new event', value: this.stillMs / 1000, unit: 's' };
  }

  async #look(): Promise<void> {
    let [indexed, movedAt] = [0, performance.now()];
    while (!this.#over.signal.aborted) {
      for (const { pid } of this.#stage.agents)
        this.residentBytes = Math.max(this.residentBytes, residentBytesOf(pid));
      // Elasticsearch itself may be what is away.
      const now = await this.#stage.witness.indexed().catch(() => indexed);
      this.stillMs = Math.max(this.stillMs, performance.now() - movedAt);
      if (now !== indexed) [indexed, movedAt] = [now, performance.now()];
      await delay(intervalMs);
    }
  }
}

/** 0 if there is no such process. */
function residentBytesOf(pid: number): number {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return 0;
    throw error;
  }
}
