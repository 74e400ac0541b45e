/**
 * What one scenario has for itself: a directory, names of topics, indices and nodes that nobody else uses, agents and indexers as
 * processes, and a load. `begin` resolves when lines arrive in the index; then the scenario does its harm; `settle` ends the load, heals
 * everything, waits for the rest to arrive, and judges.
 */
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import { tcpProxy } from '../../fakes/tcp-proxy.ts';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';
import { CabooseProcess } from '../../scenario/caboose-process.ts';
import { judge } from './judge.ts';
import type { Verdict } from './judge.ts';
import { Load } from './load.ts';
import type { Figure, StageShape } from './scenario.ts';
import type { FaultServers } from './servers.ts';
import { agentConfig, indexerConfig } from './stage-config.ts';
import { mountSmall, unmount } from './small-disk.ts';
import { setShift, shiftedClock } from './shift.ts';
import { Witness } from './witness.ts';

export const usualShape: StageShape = {
  agents: 2,
  indexers: 2,
  linesPerSecond: 2_000,
  rotateEveryMs: 10_000,
  partitions: 4,
  zookeeperSessionMs: 4_000,
  stateBytesMax: null,
  shiftsClock: false,
  config: '',
  main: 'src/main.ts',
};

const startTimeoutMs = 120_000;
const arrivalTimeoutMs = 240_000;

export class Stage {
  readonly id: string;
  readonly servers: FaultServers;
  readonly shape: StageShape;
  readonly witness: Witness;
  readonly dir: string;
  readonly agents: CabooseProcess[] = [];
  readonly indexers: CabooseProcess[] = [];
  /** Links to ZooKeeper, by indexer. */
  readonly leaseLinks: TcpProxy[][] = [];
  readonly #seed: number;
  readonly #extra: string[] = [];
  #load: Load | null = null;

  private constructor(servers: FaultServers, shape: StageShape, id: string, dir: string, seed: number) {
    this.servers = servers;
    this.shape = shape;
    this.id = id;
    this.witness = new Witness(servers, id);
    this.dir = dir;
    this.#seed = seed;
  }

  static async create(
    servers: FaultServers,
    name: string,
    seed: number,
    shape: Partial<StageShape> = {},
  ): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), `caboose-soak-${name}-`));
    const id = `${name}-${Date.now().toString(36)}`;
    const stage = new Stage(servers, { ...usualShape, ...shape }, id, dir, seed);
    const { agents, indexers, stateBytesMax, shiftsClock } = stage.shape;
    if (shiftsClock) setShift(dir, 0);
    try {
      for (let i = 0; i < agents; i += 1) {
        if (stateBytesMax !== null) await mountSmall(stage.stateDir(i), stateBytesMax);
        const config = agentConfig(stage, i);
        stage.agents.push(new CabooseProcess(`agent-${i}`, 'agent', config, dir, stage.#program));
      }
      for (let i = 0; i < indexers; i += 1) await stage.addIndexer();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Appends lines to a file that the first agent follows. They are expected in the index, unless the file is judged apart. */
  async write(file: string, lines: readonly string[], { apart = false } = {}): Promise<string> {
    const path = join(this.logsDir(0), file);
    await appendFile(path, lines.map((line) => `${line}\n`).join(''));
    if (apart) this.witness.apart.push(path);
    else this.#extra.push(...lines);
    return path;
  }

  logsDir(agent: number): string {
    return join(this.dir, 'logs', String(agent));
  }

  stateDir(agent: number): string {
    return join(this.dir, `state-${agent}`);
  }

  get load(): Load {
    if (!this.#load) throw new Error('the load has not begun');
    return this.#load;
  }

  get #program(): { main: string; preload?: string; env?: Record<string, string> } {
    const { main, shiftsClock } = this.shape;
    return { main, ...(shiftsClock && shiftedClock(this.dir)) };
  }

  /** Another indexer, with links of its own to ZooKeeper; not started. */
  async addIndexer(): Promise<CabooseProcess> {
    const i = this.indexers.length;
    const links = await Promise.all(
      this.servers.zookeeperAddresses.map(async (address) => await tcpProxy(address)),
    );
    this.leaseLinks.push(links);
    const config = indexerConfig(
      this,
      links.map(({ address }) => address),
    );
    const indexer = new CabooseProcess(`indexer-${i}`, 'indexer', config, this.dir, this.#program);
    this.indexers.push(indexer);
    return indexer;
  }

  /** `ready`: after the indexers are up and before the first line. */
  async begin(ready: () => Promise<void> = async () => undefined): Promise<void> {
    for (const indexer of this.indexers) indexer.start();
    await until(
      async () => (await this.leaders()).length === 1,
      `one indexer of ${this.id} leads (${this.dir})`,
      startTimeoutMs,
      250,
    );
    await ready();
    for (const agent of this.agents) agent.start();
    const { linesPerSecond, rotateEveryMs } = this.shape;
    const dirs = this.agents.map((_, i) => this.logsDir(i));
    this.#load = new Load({ dirs, linesPerSecond, rotateEveryMs, seed: this.#seed });
    await until(
      async () => (await this.witness.indexed()) > 0,
      `lines of ${this.id} arrive in the index (${this.dir})`,
      startTimeoutMs,
      250,
    );
  }

  /** Indexers that say that they lead. */
  async leaders(): Promise<CabooseProcess[]> {
    const leading = await Promise.all(
      this.indexers.map(async (indexer) => (await indexer.metric('caboose_leader')) === 1),
    );
    return this.indexers.filter((_, i) => leading[i]);
  }

  async theLeader(): Promise<CabooseProcess> {
    let found: CabooseProcess[] = [];
    await until(
      async () => {
        found = await this.leaders();
        return found.length === 1;
      },
      'one indexer leads',
      startTimeoutMs,
      100,
    );
    return found[0] as CabooseProcess;
  }

  /** The sum of a metric over processes; those that do not answer count as 0. */
  async sum(processes: readonly CabooseProcess[], metric: string): Promise<number> {
    const values = await Promise.all(processes.map(async (one) => await one.metric(metric)));
    return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  }

  /** From now on until the returned function is called: how many of the lines that were written have become events. */
  async flow(): Promise<() => Promise<Figure>> {
    const [indexed, written] = [await this.witness.indexed(), this.load.lines];
    return async () => {
      const [flowed, due] = [(await this.witness.indexed()) - indexed, this.load.lines - written];
      return { name: 'events meanwhile, of the lines written', value: (100 * flowed) / due, unit: '%' };
    };
  }

  /** Ends the load and every fault, waits until all lines are there, and compares. `refused`: events that must be missing. */
  async settle({ refused = 0 }: { refused?: number }): Promise<Verdict> {
    const written = await this.load.end();
    await this.servers.heal();
    for (const link of this.leaseLinks.flat()) await link.pass();
    const expected = written.length + this.#extra.length;
    const deadline = performance.now() + arrivalTimeoutMs;
    while ((await this.witness.indexed()) < expected && performance.now() < deadline) await delay(1000);
    const configs = this.agents.map(({ configFile }) => configFile);
    const found = await this.witness.messages();
    return await judge({ written: [...written, ...this.#extra], found, configs, refused });
  }

  async close(): Promise<void> {
    const processes = [...this.agents, ...this.indexers];
    for (const one of processes) one.signal('SIGCONT');
    await this.#load?.end().catch(() => undefined);
    await Promise.all(processes.map(async (one) => await one.stop()));
    await Promise.all(this.leaseLinks.flat().map(async (link) => await link.close()));
    if (this.shape.stateBytesMax !== null)
      for (let i = 0; i < this.shape.agents; i += 1) await unmount(this.stateDir(i));
    // By name: Elasticsearch refuses to delete by a pattern.
    const indices = (await this.witness.askIndex('GET', `/${this.id}-*/_alias`)) as object;
    for (const index of Object.keys(indices)) await this.witness.askIndex('DELETE', `/${index}`);
  }

  async removeFiles(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
