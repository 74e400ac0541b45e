import type { Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { Budget } from '../../src/tail/budget.ts';
import { CutLog } from '../../src/tail/cut-log.ts';
import type { StreamRecord } from '../../src/tail/cut-state.ts';
import type { Patterns } from '../../src/tail/patterns.ts';
import { Spool } from '../../src/tail/spool.ts';
import { Tail } from '../../src/tail/tail.ts';
import type { Watcher } from '../../src/tail/watcher.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { redactor } from '../tail/redactors.ts';
import type { Ledger, Read } from './ledger.ts';
import type { Inode, ModelFileSystem } from './model-file-system.ts';
import type { ModelJournalStore } from './model-journal-store.ts';
import type { ModelTransport } from './model-transport.ts';
import { ModelView } from './model-view.ts';
import type { Mutation } from './mutations.ts';
import type { Settings } from './program.ts';
import { Life } from './scheduler.ts';
import { isState } from './states.ts';
import type { Scheduler } from './scheduler.ts';

export interface AgentOptions {
  number: number;
  settings: Settings;
  patterns: Patterns;
  scheduler: Scheduler;
  fs: ModelFileSystem;
  store: ModelJournalStore;
  spoolStore: ModelJournalStore;
  transport: ModelTransport;
  ledger: Ledger;
  logger: Logger;
  onDescriptors: () => void;
  /** It was decided that the stream ends there, and that nothing is missing. */
  onFinal: (stream: string, end: number) => void;
  mutation?: Mutation;
}

/** No ceiling, and segments that are small enough for a short program to fill many. */
class SmallReads extends Budget {
  readonly #bytes: number;

  constructor(clock: Clock, bytes: number) {
    super({ cpuMax: null, bytesPerSecondMax: null, clock, cpuSeconds: () => 0 });
    this.#bytes = bytes;
  }

  override get bytesAtOnce(): number {
    return this.#bytes;
  }
}

/** SIGTERM gives so long to ship what is there, and so long to close what is open. */
const stopMs = 10_000;
const stopLateMs = 2_000;

/** Shared: making them costs more than a run. */
const metrics = createMetrics();

/** The real tail with its real cut log, for one life, wired to the models. */
export class Agent {
  readonly life: Life;
  readonly #options: AgentOptions;
  readonly #view: ModelView;
  #tail: Tail | null = null;
  #cutLog: CutLog | null = null;
  isStopping = false;
  #listener: ((kind: 'changed' | 'appeared', path: string) => void) | null = null;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.life = new Life(options.number, options.scheduler, options.settings.yieldShare);
    this.life.onEndless = () =>
      options.ledger.violate('endless', `life ${options.number} does not come to rest`);
    this.#view = new ModelView(options.fs, this.life);
    this.#view.onDescriptors = options.onDescriptors;
  }

  start(): void {
    this.#begin().catch((error: unknown) => {
      this.#options.ledger.violate('start', String(error));
    });
  }

  /** As after kill -9. */
  kill(): void {
    this.life.dead = true;
    this.#view.closeAll();
  }

  /** As after SIGTERM; `done` is called when nothing of it is left. */
  stop(done: () => void): void {
    this.isStopping = true;
    const { scheduler, ledger } = this.#options;
    const deadline = new AbortController();
    scheduler.after(stopMs, () => deadline.abort());
    scheduler.after(stopMs + stopLateMs, () => {
      if (!this.life.dead) ledger.violate('stop', `it goes on ${stopLateMs} ms after its deadline`);
    });
    const tail = this.#tail;
    if (tail === null) done();
    else
      tail.drain(deadline.signal).then(
        () => scheduler.after(0, done),
        (error: unknown) => ledger.violate('stop', String(error)),
      );
  }

  /** Something has changed, of which the system tells, late or not at all. */
  wake(kind: 'changed' | 'appeared', path: string, share: number): void {
    const { scheduler } = this.#options;
    const { random } = scheduler;
    if (this.#listener === null || !random.chance(share)) return;
    const told = random.chance(0.1) ? { kind: 'appeared' as const, path: '/logs' } : { kind, path };
    scheduler.after(random.below(100), () => {
      if (!this.life.dead) this.#listener?.(told.kind, told.path);
    });
  }

  /** Decisions are not durable at the moment. */
  get cutLogFailed(): boolean {
    return this.#cutLog !== null && this.#cutLog.failure !== null;
  }

  get openFiles(): number {
    return this.#view.openFiles;
  }

  heldFiles(): Iterable<Inode> {
    return this.#view.heldFiles();
  }

  lag(): { bytes: number; openFiles: number } {
    return this.#tail?.lag() ?? { bytes: 0, openFiles: 0 };
  }

  /** What is cut from the spool is of the same file as the cut before, unless another one, of which nothing was read, has taken the stream over. */
  #spooledAnew(record: StreamRecord): Read | null {
    const before = this.#options.ledger.epochOf(record.id);
    return before && String(before.inode) !== record.ino ? this.#view.spooledRead(record) : null;
  }

  async #begin(): Promise<void> {
    const { settings, store, transport, logger, ledger, patterns, scheduler, mutation } = this.#options;
    const { life } = this;
    const journal = store.view(life);
    const cutLog = await CutLog.open({
      store: mutation?.store?.(journal) ?? journal,
      source: 's',
      logger,
      growthBytesMax: 4000,
    });
    const cut = cutLog.cut.bind(cutLog);
    cutLog.cut = (state, made) => {
      const { record } = state;
      if (!record.snapshot) ledger.cut(record.id, made, this.#view.readOf(made) ?? this.#spooledAnew(record));
      if (made.final && made.gap === null) this.#options.onFinal(state.record.id, made.end);
      cut(state, made);
    };
    const register = cutLog.register.bind(cutLog);
    cutLog.register = (record, observed) => {
      if (!record.snapshot) ledger.begin(record.id, this.#view.lastRead ?? this.#view.spooledRead(record));
      return register(record, observed);
    };
    mutation?.cutLog?.(cutLog);
    this.#cutLog = cutLog;
    const publisher = transport.publisher(life);
    const watcher: Watcher = {
      start: (listener) => void (this.#listener = listener),
      follow: () => undefined,
      close: async () => void (this.#listener = null),
    };
    this.#tail = new Tail({
      source: 's',
      host: 'h',
      patterns,
      isSnapshot: isState,
      laneOf: (path) => (path.includes('err') ? 'fast' : 'bulk'),
      originOf: () => ({ run: 'r', attempt: 0, rank: null, labels: {} }),
      publisher: mutation?.publisher?.(publisher) ?? publisher,
      cutLog,
      redactor: redactor({ metrics }),
      spool: new Spool({
        store: this.#options.spoolStore.spool(life, () => this.#view.noteRead(null)),
        source: 's',
        bytesMax: settings.spoolBytesMax,
        clock: life,
        logger,
        metrics,
      }),
      fs: mutation?.fs?.(this.#view) ?? this.#view,
      watcher,
      budget: new SmallReads(life, settings.segmentBytesMax),
      clock: mutation?.clock?.(life) ?? life,
      logger,
      metrics,
      random: () => scheduler.random.next(),
      pollIntervalMs: settings.pollIntervalMs,
      inFlightBytesMax: settings.inFlightBytesMax,
      openFilesMax: settings.openFilesMax,
    });
    await this.#tail.start();
  }
}
