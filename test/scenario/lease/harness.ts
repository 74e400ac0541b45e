/** What the lease's scenarios share: candidates over proxies, a log that is kept, candidates in processes of their own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { zookeeperLease } from '../../../src/lease/zookeeper/lease.ts';
import type { ZookeeperLease, ZookeeperLeaseOptions } from '../../../src/lease/zookeeper/lease.ts';
import { Session } from '../../../src/lease/zookeeper/session.ts';
import { children } from '../../../src/lease/zookeeper/operations.ts';
import { parseServers } from '../../../src/lease/zookeeper/address.ts';
import { until } from '../../fakes/clock.ts';

/** Two ticks of the test server are 1,000 ms: the shortest session it grants. */
export const sessionTimeoutMs = 1000;

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}

export function recordingLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields: { ...fields }, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export function freshPath(): string {
  return `/test-${randomUUID()}/lease`;
}

export function leaseAt(
  servers: readonly string[],
  path: string,
  options: Partial<ZookeeperLeaseOptions> = {},
): ZookeeperLease & { log: LogLine[] } {
  const logger = recordingLogger();
  const lease = zookeeperLease({
    servers,
    path,
    sessionTimeoutMs,
    clock: systemClock,
    logger,
    identity: 'test',
    ...options,
  });
  return Object.assign(lease, { log: logger.lines });
}

export async function sessionAt(
  servers: readonly string[],
  auth?: ZookeeperLeaseOptions['auth'],
): Promise<Session> {
  const logger = recordingLogger();
  const options = { servers: parseServers(servers), sessionTimeoutMs, clock: systemClock, logger, auth };
  return Session.open(options, AbortSignal.timeout(10_000));
}

/** How many candidates stand for election under a lease's path. */
export async function candidateCount(server: string, path: string): Promise<number> {
  const session = await sessionAt([server]);
  try {
    return (await children(session, `${path}/election`))?.length ?? 0;
  } finally {
    await session.close();
  }
}

/** A line that a candidate process writes. `at` is its wall clock, in ms since epoch, on the same machine. */
export interface CandidateLine {
  what: 'leads' | 'acts' | 'ended' | 'left';
  token: number;
  at: number;
}

/** A candidate in a process of its own (candidate.ts), so that it can be killed or stopped by a signal. */
export class CandidateProcess {
  readonly lines: CandidateLine[] = [];
  readonly #child: ChildProcess;

  constructor(servers: readonly string[], path: string, timeoutMs: number) {
    const script = join(import.meta.dirname, 'candidate.ts');
    const args = [script, servers.join(','), path, String(timeoutMs)];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (!stdout) throw new Error('the candidate has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as CandidateLine);
    });
  }

  of(what: CandidateLine['what']): CandidateLine[] {
    return this.lines.filter((line) => line.what === what);
  }

  async leads(): Promise<CandidateLine> {
    await until(() => this.of('leads').length > 0, 'the candidate leads');
    return this.of('leads').at(-1) as CandidateLine;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => void this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
