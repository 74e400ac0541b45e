import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import { RuleBook } from '../../src/core/redaction/rule-book.ts';
import type { RedactionPlace } from '../../src/core/redaction/rule-book.ts';
import { Budget } from '../../src/tail/budget.ts';
import type { BudgetOptions } from '../../src/tail/budget.ts';
import { CutLog } from '../../src/tail/cut-log.ts';
import { nodeFileSystem } from '../../src/tail/file-system.ts';
import type { FileSystem, OpenFile } from '../../src/tail/file-system.ts';
import { nodeJournalStore } from '../../src/tail/journal-store.ts';
import type { JournalStore } from '../../src/tail/journal-store.ts';
import { compilePatterns } from '../../src/tail/patterns.ts';
import { nodeSpoolStore } from '../../src/tail/spool-store.ts';
import type { SpoolStore } from '../../src/tail/spool-store.ts';
import { Spool } from '../../src/tail/spool.ts';
import { Tail } from '../../src/tail/tail.ts';
import { noWatcher } from '../../src/tail/watcher.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock, settle, until } from '../fakes/clock.ts';
import { FakePublisher } from '../fakes/publisher.ts';
import { redactor } from './redactors.ts';
import { TrackedFiles } from './tracked.ts';

/** A directory of real files, a tail over it, and a publisher and a clock that the test holds in its hands. */
export class TailHarness {
  clock = new FakeClock();
  readonly logs: string;
  readonly #base: string;
  publisher = new FakePublisher();
  warnings: { fields: object; message: string }[] = [];
  /** Of the next tail. */
  limits: Partial<BudgetOptions> = {};
  metrics = createMetrics();
  openFilesMax = 100;
  /** Of streams that begin. */
  topicPrefix: string | undefined = undefined;
  spoolBytesMax = 64 * 1024 * 1024;
  /** Of the next tail. */
  isTold: (path: string) => boolean = () => false;
  /** Of the next tail. */
  redact: RedactionPlace = 'source';
  redactPatterns: readonly string[] = [];
  #tail: Tail | null = null;

  readonly #files = new TrackedFiles();

  readonly fs: FileSystem = {
    ...nodeFileSystem,
    open: async (path) => {
      const file = await nodeFileSystem.open(path);
      return file && this.#files.add(file);
    },
  };

  get #store(): JournalStore {
    const store = nodeJournalStore(this.state);
    return { ...store, append: async (name, length) => this.#files.add(await store.append(name, length)) };
  }

  get #spoolStore(): SpoolStore {
    const store = nodeSpoolStore(join(this.state, 'spool'));
    return {
      ...store,
      append: async (name, length) => this.#files.add(await store.append(name, length)),
      open: async (name) => {
        const file = await store.open(name);
        return file && this.#files.add(file);
      },
    };
  }

  private constructor(base: string) {
    this.#base = base;
    this.logs = join(base, 'logs');
  }

  static async create(): Promise<TailHarness> {
    const base = await mkdtemp(join(tmpdir(), 'caboose-tail-'));
    return new TailHarness(base);
  }

  /** One whose tail has shipped this text of `a.log`, and follows it. */
  static async following(text: string): Promise<TailHarness> {
    const harness = await TailHarness.create();
    await mkdir(harness.logs, { recursive: true });
    await writeFile(harness.path('a.log'), text);
    await harness.start();
    await harness.pass(1000);
    return harness;
  }

  /** Of files that are opened from now on: called before each read, which it may make fail. */
  beforeReads(hook: () => Promise<void> | void): void {
    const { open } = this.fs;
    this.fs.open = async (path) => {
      const file = await open(path);
      const read: OpenFile['read'] = async (...where) => {
        await hook();
        return (await file?.read(...where)) ?? 0;
      };
      return (
        file && { read, stat: () => file.stat(), realPath: () => file.realPath(), close: () => file.close() }
      );
    };
  }

  path(name: string): string {
    return join(this.logs, name);
  }

  get state(): string {
    return join(this.#base, 'state');
  }

  /** As the agent makes it. */
  #ruleBook(cutLog: CutLog): RuleBook {
    const book = new RuleBook(this.redactPatterns, cutLog.patterns);
    if (this.redactPatterns.length > 0) cutLog.keepPatterns(book.current.version, this.redactPatterns);
    return book;
  }

  async tail(include = ['**/*.log*']): Promise<Tail> {
    const { clock } = this;
    const logger: Logger = {
      ...silentLogger,
      warn: (fields, message) => void this.warnings.push({ fields, message }),
      error: (fields, message) => void this.warnings.push({ fields, message }),
    };
    const metrics = (this.metrics = createMetrics());
    const cutLog = await CutLog.open({ store: this.#store, source: 's', logger });
    this.#tail = new Tail({
      source: 's',
      patterns: compilePatterns(include, [], this.logs),
      laneOf: (path) => (path.includes('stderr') ? 'fast' : 'bulk'),
      isSnapshot: (path) => /state\.json$|metrics\.csv$/.test(path),
      originOf: () => ({
        run: 'r',
        attempt: 0,
        rank: null,
        labels: {},
        ...(this.topicPrefix !== undefined && { topicPrefix: this.topicPrefix }),
      }),
      publisher: this.publisher,
      cutLog,
      redactor: redactor({ place: this.redact, book: this.#ruleBook(cutLog), logger, metrics }),
      spool: new Spool({
        store: this.#spoolStore,
        source: 's',
        bytesMax: this.spoolBytesMax,
        clock,
        logger,
        metrics,
      }),
      fs: this.fs,
      isTold: this.isTold,
      watcher: noWatcher,
      budget: new Budget({ cpuMax: null, bytesPerSecondMax: null, clock, ...this.limits }),
      clock,
      logger,
      metrics,
      pollIntervalMs: 250,
      inFlightBytesMax: 8 * 1024 * 1024,
      openFilesMax: this.openFilesMax,
      host: 'h',
    });
    return this.#tail;
  }

  /** Starts following, and looks once. */
  async start(include?: string[]): Promise<Tail> {
    const tail = await this.tail(include);
    await tail.start();
    await this.idle();
    return tail;
  }

  /** Lets the tail work until it waits for time to pass. */
  async idle(): Promise<void> {
    await until(
      async () => {
        for (let i = 0; i < 100 && this.clock.sleeping === 0; i += 1) await settle();
        return this.clock.sleeping > 0;
      },
      'the tail rests',
      30_000,
    );
  }

  /** Lets the tail work until it waits for something else than time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 100; i += 1) await settle();
  }

  /** Moves time from one sleeper's waking to the next, letting the tail work after each. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    for (let left = ms; left > 0; left = end - this.clock.monotonic()) {
      await this.clock.advance(Math.min(left, this.clock.nextWakeMs));
      await this.idle();
    }
  }

  /** As after kill -9: nothing is flushed, nothing is drained; the next tail starts from the disk. */
  crash(): void {
    this.#tail = null;
    // The old tail sleeps on the old clock for ever.
    this.clock = new FakeClock(this.clock.now());
    this.publisher = Object.assign(new FakePublisher(), { published: this.publisher.published });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const aborted = AbortSignal.abort();
    await this.#tail?.drain(aborted);
    await this.#files.closeAll();
    await rm(this.#base, { recursive: true, force: true });
  }
}
