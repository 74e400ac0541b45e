import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import { takeIn } from '../../src/events/take-in.ts';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import type { Lane, Segment } from '../../src/core/segment.ts';
import { compilePatterns } from '../../src/tail/patterns.ts';
import { Agent } from './agent.ts';
import type { Mutation } from './mutations.ts';
import { Ledger, about } from './ledger.ts';
import type { Violation } from './ledger.ts';
import { ModelFileSystem } from './model-file-system.ts';
import { ModelJournalStore } from './model-journal-store.ts';
import { ModelTransport } from './model-transport.ts';
import { holdsRecords, openFilesAmple, programOf } from './program.ts';
import type { Fault, Program } from './program.ts';
import { Random } from './random.ts';
import { Readability } from './readability.ts';
import { Scheduler } from './scheduler.ts';
import { States, stateLog } from './states.ts';
import { judge, seenBytes, tornRecordMs } from './verdict.ts';
import type { Fates } from './verdict.ts';
import { Writers } from './writers.ts';

/**
 * One run: the real tail, cut log and sender of the agent against models of everything around them, under a program of writers and
 * faults. The seed decides all of it: the program, the order of events, where a write is torn.
 *
 * 1. The program runs. The agent is crashed and started again on what the model of its disk has kept.
 * 2. Faults end, the writers are quiet, time passes until the agent has caught up.
 * 3. The ledger must balance: see ledger.ts and verdict.ts.
 */
export interface Outcome {
  seed: number;
  program: Program;
  violations: readonly Violation[];
  /** Bytes by what became of them. */
  fates: Fates;
  bytesWritten: number;
  streams: number;
  lives: number;
  /** What happened, a line each; empty unless asked for. */
  trace: readonly string[];
}

export interface SimulationOptions {
  /** Another program than the seed's own: a part of it, to shrink a failure. */
  program?: Program;
  traced?: boolean;
  /** A defect that the run should find. */
  mutation?: Mutation;
}

const patterns = compilePatterns(['/logs/**/*.log*'], [], '/');
/** Faults are over after the program's end, and this long the agent has time. */
const catchUpMs = 32_000;
const restMs = 4_000;
/** A look of a walk into a file takes less. */
const lookMs = 30;
const looksMax = 10;
/** An agent that has nothing to do wakes up so often at most. */
const sleepsMaxASecond = 20;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  return await new Simulation(seed, options).run();
}

class Simulation {
  readonly #seed: number;
  readonly #program: Program;
  readonly #options: SimulationOptions;
  readonly #scheduler: Scheduler;
  readonly #fs: ModelFileSystem;
  readonly #store = new ModelJournalStore();
  readonly #spoolStore = new ModelJournalStore();
  readonly #transport: ModelTransport;
  readonly #writers: Writers;
  readonly #states: States;
  readonly #readability: Readability;
  readonly #ledger = new Ledger();
  readonly #documents = new Map<string, StreamDocument>();
  readonly #lifeEnds: number[] = [];
  readonly #lifeStops: number[] = [];
  readonly #trace: string[] = [];
  #agent: Agent | null = null;
  /** Faults of the transport that are going on. */
  #impediments = 0;
  /** When there were any. */
  readonly #impeded: { from: number; to: number }[] = [];
  #faultsOver = false;

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#program = options.program ?? programOf(seed);
    const { settings, paths } = this.#program;
    const random = new Random(seed ^ 0x5eed);
    this.#scheduler = new Scheduler(random);
    this.#fs = new ModelFileSystem(this.#scheduler, settings);
    this.#transport = new ModelTransport(this.#scheduler);
    this.#transport.duplicateShare = settings.duplicateShare;
    this.#writers = new Writers(this.#fs, random.fork(), paths);
    this.#states = new States(this.#fs, new Random(seed ^ 0x57a7e5), this.#ledger);
    this.#readability = new Readability(this.#fs, patterns);
    this.#connect();
  }

  async run(): Promise<Outcome> {
    const { operations, faults, settings } = this.#program;
    const end = Math.max(0, ...operations.map(({ at }) => at), ...faults.map(({ at, forMs }) => at + forMs));
    this.#fs.makeDirectory('/logs');
    for (const operation of operations) {
      this.#scheduler.after(operation.at, () => {
        this.#note(() => JSON.stringify(operation));
        if (operation.do === 'state') this.#states.perform(operation);
        else this.#writers.perform(operation);
        this.#update();
      });
    }
    for (const fault of faults) this.#scheduler.after(fault.at, () => this.#fault(fault));
    this.#scheduler.after(settings.startAt, () => this.#start());
    await this.#scheduler.run(end + 1);
    this.#faultsOver = true;
    const waitMs = this.#program.paths.some(holdsRecords) ? tornRecordMs : 0;
    await this.#scheduler.run(end + catchUpMs + waitMs);
    await this.#checkRest();
    return this.#outcome();
  }

  #outcome(): Outcome {
    const lives = {
      endOf: (life: number) => this.#lifeEnds[life] ?? Infinity,
      stopOf: (life: number) => this.#lifeStops[life] ?? Infinity,
      unimpededMsAfter: (life: number, at: number) => {
        const end = this.#lifeEnds[life] ?? Infinity;
        const impededMs = ({ from, to }: { from: number; to: number }) =>
          Math.max(0, Math.min(to, end) - Math.max(from, at));
        return this.#impeded.reduce((ms, interval) => ms - impededMs(interval), end - at);
      },
    };
    const { settings, faults } = this.#program;
    this.#ledger.closesFiles = settings.openFilesMax < openFilesAmple;
    this.#ledger.descriptorsRanOutAt = Math.min(
      Infinity,
      ...faults.filter(({ kind }) => kind === 'openFiles').map(({ at }) => at),
    );
    const epochs = this.#fs.epochs.filter(({ log }) => log !== stateLog);
    const fates = judge(epochs, this.#ledger, lives, this.#scheduler.now);
    this.#states.judge();
    return {
      seed: this.#seed,
      program: this.#program,
      violations: this.#ledger.violations,
      fates,
      bytesWritten: this.#writers.bytesWritten + this.#states.bytesWritten,
      streams: this.#ledger.streams.size,
      lives: this.#lifeEnds.length,
      trace: this.#trace,
    };
  }

  #connect(): void {
    const { settings } = this.#program;
    let largestBytes = settings.segmentBytesMax;
    this.#fs.onChange = (kind, path) => this.#agent?.wake(kind, path, settings.wakeShare);
    this.#transport.onHandedOver = (segment) => {
      this.#note(() => `handed over ${about(segment)}`);
      // What stands for cuts of which the decision was lost is as large as a segment can be, which the program's are not.
      if (this.#ledger.atLeastOnce) largestBytes = Math.max(largestBytes, segment.bytes.length);
      // A read may go beyond what is left of a lane's room by less than a segment.
      const bound = settings.inFlightBytesMax + 2 * largestBytes;
      const bytes = this.#transport.bytesUnderWay + segment.bytes.length;
      if (bytes > bound) this.#ledger.violate('bound', `${bytes} bytes are under way, more than ${bound}`);
    };
    this.#transport.onStored = (segment, lane) => {
      this.#note(() => `stored ${about(segment)}`);
      this.#takeIn(segment, lane);
      if (segment.snapshot) this.#states.take(segment);
      else this.#ledger.take(segment);
    };
  }

  /** The real reader's half of the chain. */
  #takeIn(segment: Segment, lane: Lane): void {
    const before = this.#documents.get(segment.stream) ?? null;
    const { document, letters } = takeIn(before, { lane, partition: 3 }, segment);
    this.#documents.set(segment.stream, document);
    if (this.#ledger.atLeastOnce) return;
    for (const { reason, detail } of letters)
      if (reason === 'conflict') this.#ledger.violate('conflict', `${about(segment)}: ${detail}`);
    if (document.gaps.some(({ reason }) => reason === 'missing'))
      this.#ledger.violate('missing', `${about(segment)} leaves a hole before it`);
  }

  /** At the decision: what is written while the marker waits for the transport follows it. */
  #checkFinal(life: number, stream: string, end: number): void {
    const epoch = this.#ledger.epochOf(stream);
    // A file that was closed to spare descriptors may be seen in passing, by a look that compares it with something.
    if (this.#program.settings.openFilesMax < openFilesAmple) return;
    if (epoch && epoch.seen.life === life && seenBytes(epoch) > end)
      this.#ledger.violate(
        'final',
        `[${end}, ${end}) of ${epoch.name} ${stream.slice(0, 6)}, of which ${seenBytes(epoch)} bytes were seen`,
      );
  }

  #start(): void {
    const { settings } = this.#program;
    const number = this.#lifeEnds.push(Infinity) - 1;
    this.#lifeStops.push(Infinity);
    const logger = this.#logger();
    this.#note(() => `the agent starts, life ${number}`);
    this.#agent = new Agent({
      number,
      settings,
      patterns,
      scheduler: this.#scheduler,
      fs: this.#fs,
      store: this.#store,
      spoolStore: this.#spoolStore,
      transport: this.#transport,
      ledger: this.#ledger,
      logger,
      onDescriptors: () => this.#update(),
      onFinal: (stream, end) => this.#checkFinal(number, stream, end),
      ...(this.#options.mutation ? { mutation: this.#options.mutation } : {}),
    });
    this.#agent.start();
    this.#update();
  }

  #fault(fault: Fault): void {
    if (this.#faultsOver) return;
    this.#note(() => JSON.stringify(fault));
    const undo = this.#begin(fault);
    this.#update();
    this.#scheduler.after(fault.forMs, () => {
      this.#note(() => `over: ${fault.kind}`);
      undo();
      this.#update();
    });
  }

  /** Returns what ends it. */
  #begin(fault: Fault): () => void {
    const fs = this.#fs;
    switch (fault.kind) {
      case 'crash':
      case 'machine':
        return this.#crash(fault.kind === 'machine');
      case 'stop':
        return this.#stop();
      case 'away':
      case 'refuses':
      case 'holdsAcks':
        return this.#impede(fault.kind);
      case 'diskFull':
        return this.#fill();
      case 'openFiles':
        fs.openFailure = 'EMFILE';
        return () => void (fs.openFailure = null);
      case 'permission':
        return this.#forbid(fault.path);
      case 'error': {
        const inode = fs.fileAt(fault.path);
        if (inode) inode.failure = fault.code;
        return () => void (inode && (inode.failure = null));
      }
      case 'clock':
        this.#scheduler.wallStart += fault.jumpMs;
        return () => undefined;
    }
  }

  #fill(): () => void {
    for (const store of [this.#store, this.#spoolStore]) store.full = true;
    return () => {
      for (const store of [this.#store, this.#spoolStore]) store.full = false;
    };
  }

  #impede(kind: 'away' | 'refuses' | 'holdsAcks'): () => void {
    this.#transport[kind] = true;
    this.#impediments += 1;
    const { now } = this.#scheduler;
    if (this.#impediments === 1) this.#impeded.push({ from: now, to: now });
    return () => {
      this.#transport[kind] = false;
      this.#transport.resume();
      // A sender that was refused tries again after a pause that has doubled meanwhile.
      this.#scheduler.after(kind === 'refuses' ? 9000 : 0, () => {
        this.#impediments -= 1;
        const last = this.#impeded.at(-1);
        if (last) last.to = this.#scheduler.now;
        this.#update();
      });
    };
  }

  #forbid(path: string): () => void {
    const node = this.#fs.nodes.get(path);
    if (node?.kind === 'directory') {
      node.readable = false;
      return () => void (node.readable = true);
    }
    if (node?.kind !== 'file') return () => undefined;
    node.inode.readable = false;
    return () => void (node.inode.readable = true);
  }

  #crash(machine: boolean): () => void {
    const agent = this.#agent;
    if (!agent) return () => undefined;
    this.#agent = null;
    if (agent.cutLogFailed) this.#ledger.atLeastOnce = true;
    const { number } = agent.life;
    this.#lifeEnds[number] = this.#scheduler.now;
    this.#lifeStops[number] = Math.min(this.#lifeStops[number] ?? Infinity, this.#scheduler.now);
    agent.kill();
    for (const store of [this.#store, this.#spoolStore]) store.crash(machine, this.#scheduler.random);
    this.#transport.crash(agent.life);
    return () => this.#start();
  }

  /** The second signal to stop ends the process at once, as main.ts does. */
  #stop(): () => void {
    const agent = this.#agent;
    if (!agent) return () => undefined;
    if (agent.isStopping) return this.#crash(false);
    this.#lifeStops[agent.life.number] = this.#scheduler.now;
    agent.stop(() => {
      if (this.#agent !== agent) return;
      this.#crash(false);
      this.#scheduler.after(500, () => this.#start());
      this.#update();
    });
    return () => undefined;
  }

  /** Everything is shipped, and the agent has nothing to do. */
  async #checkRest(): Promise<void> {
    const agent = this.#agent;
    if (!agent) return this.#ledger.violate('rest', 'no agent runs at the end');
    const { steps, sleeps } = agent.life;
    await this.#scheduler.run(this.#scheduler.now + restMs);
    const lag = agent.lag();
    if (lag.bytes > 0) this.#ledger.violate('lag', `${lag.bytes} bytes wait at the end`);
    if (this.#transport.bytesUnderWay > 0)
      this.#ledger.violate('ack', `${this.#transport.bytesUnderWay} bytes are under way at the end`);
    const taken = agent.life.steps - steps;
    const allowed = (restMs / 1000) * (20 + 8 * this.#fs.nodes.size);
    if (taken > allowed) this.#ledger.violate('rest', `${taken} system calls in ${restMs} ms of quiet`);
    const slept = agent.life.sleeps - sleeps;
    if (slept > (restMs / 1000) * sleepsMaxASecond)
      this.#ledger.violate('rest', `woke ${slept} times in ${restMs} ms of quiet`);
    await this.#checkDescriptors(agent);
  }

  /** All that are open are those of followed files, but for one that a walk may be looking into at this moment. */
  async #checkDescriptors(agent: Agent): Promise<void> {
    const isLeaking = () => agent.openFiles !== agent.lag().openFiles;
    for (let looks = 0; looks < looksMax && isLeaking(); looks += 1)
      await this.#scheduler.run(this.#scheduler.now + lookMs);
    if (isLeaking())
      this.#ledger.violate(
        'leak',
        `${agent.openFiles} descriptors are open, ${agent.lag().openFiles} of them known`,
      );
  }

  #update(): void {
    const agent = this.#agent;
    const surroundings = { alive: agent !== null, transport: this.#impediments === 0 };
    this.#readability.update(this.#scheduler.now, surroundings, agent?.heldFiles() ?? []);
  }

  #logger(): Logger {
    const tell = (level: string) => (fields: object, message: string) => {
      this.#note(() => `${level}: ${message} ${JSON.stringify(fields)}`);
    };
    return {
      ...(this.#options.traced
        ? { debug: tell('debug'), info: tell('info'), warn: tell('warn') }
        : silentLogger),
      error: (fields, message) => {
        tell('error')(fields, message);
        const reason = 'reason' in fields ? String(fields.reason) : '';
        if (message === 'a round of the tail failed' && !/^(EIO|ESTALE|EACCES|EMFILE)/.test(reason))
          this.#ledger.violate('round', reason);
      },
    };
  }

  #note(line: () => string): void {
    if (!this.#options.traced) return;
    this.#trace.push(`${this.#scheduler.now.toFixed(0).padStart(7)} ${line()}`);
  }
}
