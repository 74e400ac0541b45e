import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import { Budget } from '../../src/tail/budget.ts';
import { CutLog } from '../../src/tail/cut-log.ts';
import { compilePatterns } from '../../src/tail/patterns.ts';
import { Spool } from '../../src/tail/spool.ts';
import { Tail } from '../../src/tail/tail.ts';
import { noWatcher } from '../../src/tail/watcher.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock, settle } from '../fakes/clock.ts';
import { FakePublisher } from '../fakes/publisher.ts';
import { redactor } from './redactors.ts';
import type { MemoryFiles } from './memory-files.ts';
import { MemoryDirectory } from './memory-store.ts';

const metrics = createMetrics();

/** A tail of which nothing touches the disk: files, cut log and spool are in memory. Thousands of them can be started. */
export class MemoryTail {
  readonly clock = new FakeClock();
  readonly publisher = new FakePublisher();
  readonly errors: string[] = [];
  readonly journal: MemoryDirectory;
  readonly spool: MemoryDirectory;
  readonly #files: MemoryFiles;
  growthBytesMax = 4 * 1024 * 1024;

  constructor(files: MemoryFiles, journal = new MemoryDirectory(), spool = new MemoryDirectory()) {
    this.#files = files;
    this.journal = journal;
    this.spool = spool;
  }

  async open(): Promise<Tail> {
    const { clock, publisher } = this;
    const logger: Logger = { ...silentLogger, error: (_, message) => void this.errors.push(message) };
    const cutLog = await CutLog.open({
      store: this.journal.journalStore,
      source: 's',
      logger,
      growthBytesMax: this.growthBytesMax,
    });
    const store = this.spool.spoolStore;
    return new Tail({
      source: 's',
      patterns: compilePatterns(['*.log*'], [], this.#files.root),
      laneOf: () => 'bulk',
      isSnapshot: () => false,
      originOf: () => ({ run: 'r', attempt: 0, rank: null, labels: {} }),
      publisher,
      cutLog,
      redactor: redactor({ metrics }),
      spool: new Spool({ store, source: 's', bytesMax: 2 ** 30, clock, logger, metrics }),
      fs: this.#files.fs,
      watcher: noWatcher,
      budget: new Budget({ cpuMax: null, bytesPerSecondMax: null, clock }),
      clock,
      logger,
      metrics,
      pollIntervalMs: 250,
      inFlightBytesMax: 8 * 1024 * 1024,
      openFilesMax: 100,
      host: 'h',
    });
  }

  /** Moves time, letting the tail work at each waking. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    for (let left = ms; left > 0; left = end - this.clock.monotonic()) {
      for (let i = 0; i < 100 && this.clock.sleeping === 0; i += 1) await settle();
      await this.clock.advance(Math.min(left, this.clock.nextWakeMs));
    }
    for (let i = 0; i < 100 && this.clock.sleeping === 0; i += 1) await settle();
  }
}
