import type { Fact } from '../../src/core/fact.ts';
import type { FactLog, FactReadOptions } from '../../src/core/transport.ts';

/** A log of facts in memory. Facts are as old as they say. */
export class FakeFactLog implements FactLog {
  readonly facts: Fact[] = [];
  /** Thrown by the next read. */
  failure: Error | null = null;
  readonly #waiting = new Set<() => void>();

  append(facts: readonly Fact[]): Promise<void> {
    this.facts.push(...facts);
    for (const wake of this.#waiting) wake();
    return Promise.resolve();
  }

  async *read({ since = 0, follow, signal, onCaughtUp }: FactReadOptions): AsyncGenerator<readonly Fact[]> {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    const isOver = (): boolean => signal?.aborted === true;
    let at = 0;
    let isCaughtUp = false;
    while (!isOver()) {
      const next = this.facts.slice(at).filter(({ observed }) => observed >= since);
      at = this.facts.length;
      if (next.length > 0) yield next;
      if (!isCaughtUp) onCaughtUp?.();
      isCaughtUp = true;
      if (follow !== true) return;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        if (at < this.facts.length || isOver()) return resolve();
        this.#waiting.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      });
    }
  }
}
