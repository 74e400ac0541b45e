/**
 * Readiness: a set of named checks, each of which answers "ready" or why not, in words: whether this process can do its work now.
 * It is told as it is, without a grace period: whoever probes has a threshold of its own. An outage of a server makes a part not ready,
 * never not alive.
 *
 * Liveness is another thing: a process that answers at all is alive, unless a part of it has said that only a restart helps.
 */
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';

/** Null: ready. Otherwise the reason why not, in words. */
export type HealthCheck = () => string | null | Promise<string | null>;

export interface HealthReport {
  ok: boolean;
  checks: Record<string, PartReport>;
}

export interface PartReport {
  ok: boolean;
  reason?: string;
  /** Since it was first seen like this; only of what is not ready. */
  forSeconds?: number;
}

export interface Health {
  addReadiness(name: string, check: HealthCheck): void;
  addLiveness(name: string, check: HealthCheck): void;
  readiness(): Promise<HealthReport>;
  liveness(): Promise<HealthReport>;
}

/** A check that takes longer counts as failed: a probe must be answered. */
const checkTimeoutMs = 1_000;

export function createHealth(clock: Pick<Clock, 'monotonic'>): Health {
  const readiness = new Checks(clock);
  const liveness = new Checks(clock);
  return {
    addReadiness: (name, check) => readiness.add(name, check),
    addLiveness: (name, check) => liveness.add(name, check),
    readiness: async () => await readiness.report(),
    liveness: async () => await liveness.report(),
  };
}

/** One line a part, what is not ready first: for people. */
export function healthText({ ok, checks }: HealthReport): string {
  const parts = Object.entries(checks).sort(([, a], [, b]) => Number(a.ok) - Number(b.ok));
  const lines = parts.map(([name, { ok: fine, reason, forSeconds = 0 }]) =>
    fine ? `ok      ${name}` : `not ok  ${name}: ${reason ?? 'no reason given'} (for ${forSeconds} s)`,
  );
  return `${[ok ? 'ok' : 'not ok', ...lines].join('\n')}\n`;
}

class Checks {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #checks = new Map<string, HealthCheck>();
  /** Monotonic ms at which a check was first seen to fail; gone when it is well again. */
  readonly #failingSince = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  add(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  async report(): Promise<HealthReport> {
    const results = await Promise.all(
      [...this.#checks].map(
        async ([name, check]) => [name, this.#dated(name, await outcome(check))] as const,
      ),
    );
    return { ok: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) };
  }

  #dated(name: string, reason: string | null): PartReport {
    if (reason === null) {
      this.#failingSince.delete(name);
      return { ok: true };
    }
    const now = this.#clock.monotonic();
    const since = this.#failingSince.get(name) ?? now;
    this.#failingSince.set(name, since);
    return { ok: false, reason, forSeconds: Math.round((now - since) / 1000) };
  }
}

async function outcome(check: HealthCheck): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${checkTimeoutMs} ms`), checkTimeoutMs);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return errorText(error);
  } finally {
    clearTimeout(timer);
  }
}
