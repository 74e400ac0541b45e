/** The agent as a process of its own, and what it uses. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../src/core/logger.ts';
import { readCutState } from '../src/tail/cut-log.ts';
import { nodeJournalStore } from '../src/tail/journal-store.ts';
import { metricIn } from '../test/scenario/exposition.ts';

export const projectRoot = join(import.meta.dirname, '..');
const reporter = join(import.meta.dirname, 'report-usage.ts');
const usageFile = 'usage.json';
const source = 'bench';

export interface AgentPlan {
  /** Where its config, state and report go. */
  directory: string;
  /** Files to follow. */
  include: readonly string[];
  /** host:port of Kafka; without it the agent ships to a local log in `transport` below its directory. */
  broker?: string;
  topicPrefix?: string;
  /** `src/main.ts`, or `dist/main.js` of a build. */
  main?: string;
  args?: readonly string[];
  /** `source.redact`; absent: the default. */
  redact?: string;
  /** Of the config's `agent`; by default no ceiling that would slow it down. */
  limits?: object;
  nodeArgs?: readonly string[];
}

export interface Usage {
  cpuSeconds: number;
  userSeconds: number;
  systemSeconds: number;
  /** The most that was resident. */
  rssBytesMax: number;
  wallSeconds: number;
}

export class AgentProcess {
  readonly child: ChildProcess;
  readonly #directory: string;
  readonly #startedAt = performance.now();
  #log = '';

  private constructor(child: ChildProcess, directory: string) {
    this.child = child;
    this.#directory = directory;
    const take = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString()).slice(-20_000);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
  }

  static async start(plan: AgentPlan): Promise<AgentProcess> {
    const directory = await mkdtemp(join(plan.directory, 'agent-'));
    const config = join(directory, 'caboose.yaml');
    // A JSON text is a YAML text.
    await writeFile(config, JSON.stringify(configOf(plan, directory)));
    const main = join(projectRoot, plan.main ?? 'src/main.ts');
    const args = ['--import', reporter, ...(plan.nodeArgs ?? []), main, 'agent', '--config', config];
    const child = spawn(process.execPath, [...args, ...(plan.args ?? [])], {
      cwd: directory,
      env: { ...process.env, CABOOSE_BENCH_USAGE: join(directory, usageFile) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new AgentProcess(child, directory);
  }

  /** Of the local log, if it ships to one. */
  get transportDirectory(): string {
    return join(this.#directory, 'transport');
  }

  /** Resolves with ms since its start when its log has the text. */
  async logged(text: string, timeoutMs = 30_000): Promise<number> {
    while (!this.#log.includes(text)) {
      if (this.child.exitCode !== null || this.#sinceStartMs() > timeoutMs)
        throw new Error(`the agent did not say "${text}":\n${this.#log}`);
      await sleep(1);
    }
    return this.#sinceStartMs();
  }

  /** Its own metrics at this moment, each summed over its labels. The agent must have said where its HTTP server listens. */
  async metrics<Name extends string>(...names: readonly Name[]): Promise<Record<Name, number>> {
    const url = /"url":"([^"]+)"/.exec(this.#log)?.[1];
    const exposition = await (await fetch(`${url}/metrics`)).text();
    const values = names.map((name): [Name, number] => {
      const value = metricIn(exposition, name);
      if (value === null) throw new Error(`the agent has no metric ${name}`);
      return [name, value];
    });
    return Object.fromEntries(values) as Record<Name, number>;
  }

  /** Waits for its end; throws with its log when it failed. */
  async ended(): Promise<Usage> {
    if (this.child.exitCode === null) await once(this.child, 'exit');
    const wallSeconds = this.#sinceStartMs() / 1000;
    if (this.child.exitCode !== 0)
      throw new Error(`the agent ended with ${this.child.exitCode}:\n${this.#log}`);
    const usage = JSON.parse(
      await readFile(join(this.#directory, usageFile), 'utf8'),
    ) as NodeJS.ResourceUsage;
    const userSeconds = usage.userCPUTime / 1e6;
    const systemSeconds = usage.systemCPUTime / 1e6;
    return {
      cpuSeconds: userSeconds + systemSeconds,
      userSeconds,
      systemSeconds,
      rssBytesMax: usage.maxRSS * 1024,
      wallSeconds,
    };
  }

  /** Bytes that it has shipped, by its own state: a figure counts only when the work was done. */
  async ackedBytes(): Promise<number> {
    const store = nodeJournalStore(join(this.#directory, 'state'));
    const state = await readCutState({ store, source, logger: silentLogger });
    return [...state.streams.values()].reduce((sum, stream) => sum + stream.acked, 0);
  }

  async stop(): Promise<Usage> {
    this.child.kill('SIGTERM');
    return await this.ended();
  }

  #sinceStartMs(): number {
    return performance.now() - this.#startedAt;
  }
}

/** CPU of the whole process (counted in ticks of 10 ms) , how often its main thread went to sleep, and the most that was resident. */
export async function usedBy(
  pid: number,
): Promise<{ cpuSeconds: number; switches: number; rssBytesMax: number }> {
  // In ns, where /proc/PID/stat has ticks of 10 ms: too coarse for an agent that is idle.
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (thread) => await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')),
  );
  const cpuSeconds = times.reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e9, 0);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const switches = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? NaN);
  const rssBytesMax = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * 1024;
  return { cpuSeconds, switches, rssBytesMax };
}

function configOf(
  { include, broker, topicPrefix, redact, limits = { cpuMax: 64 } }: AgentPlan,
  directory: string,
): object {
  const local = { dir: join(directory, 'transport') };
  return {
    source: { id: source, run: 'bench', include, ...(redact !== undefined && { redact }) },
    transport: broker === undefined ? { local } : { kafka: { brokers: [broker], topicPrefix } },
    state: { dir: join(directory, 'state') },
    http: { listen: '127.0.0.1:0' },
    agent: limits,
  };
}
