/**
 * Readiness: a set of named checks, each of which answers "ready" or why not, in words. Liveness is another thing: a
 * process that answers at all is alive, unless a part of it has said that it is stuck for good.
 */
import { errorText } from '../core/errors.ts';

/** Null: ready. Otherwise the reason why not, in words. */
export type HealthCheck = () => string | null | Promise<string | null>;

export interface HealthReport {
  ok: boolean;
  checks: Record<string, { ok: boolean; reason?: string }>;
}

export interface Health {
  addReadiness(name: string, check: HealthCheck): void;
  addLiveness(name: string, check: HealthCheck): void;
  readiness(): Promise<HealthReport>;
  liveness(): Promise<HealthReport>;
}

/** A check that takes longer counts as failed: a probe must be answered. */
const checkTimeoutMs = 1_000;

export function createHealth(): Health {
  const readiness = new Map<string, HealthCheck>();
  const liveness = new Map<string, HealthCheck>();
  return {
    addReadiness: (name, check) => void readiness.set(name, check),
    addLiveness: (name, check) => void liveness.set(name, check),
    readiness: async () => await report(readiness),
    liveness: async () => await report(liveness),
  };
}

async function report(checks: ReadonlyMap<string, HealthCheck>): Promise<HealthReport> {
  const results = await Promise.all(
    [...checks].map(async ([name, check]) => [name, await outcome(check)] as const),
  );
  return { ok: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) };
}

async function outcome(check: HealthCheck): Promise<{ ok: boolean; reason?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${checkTimeoutMs} ms`), checkTimeoutMs);
  });
  try {
    const reason = await Promise.race([check(), late]);
    return reason === null ? { ok: true } : { ok: false, reason };
  } catch (error) {
    return { ok: false, reason: errorText(error) };
  } finally {
    clearTimeout(timer);
  }
}
