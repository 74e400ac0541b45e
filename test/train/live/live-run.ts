import { hash } from 'node:crypto';
import { openFacts, readSegment } from '../../../src/commands/wiring/reading.ts';
import type { Fact } from '../../../src/core/fact.ts';
import type { Incident } from '../../../src/core/incident.ts';
import type { StreamDocument } from '../../../src/core/stream-document.ts';
import { RunKeeper } from '../../../src/train/live/run-keeper.ts';
import type { RunKeeperOptions } from '../../../src/train/live/run-keeper.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

interface Where {
  run?: string;
  rank?: number | null;
  attempt?: number;
  path?: string;
  final?: boolean;
}

const turnMs = 1_000;

/** A run that is under way: what its files say becomes facts as an indexer makes them, and a keeper looks at these once a second. */
export class LiveRun {
  readonly clock: FakeClock;
  /** All facts that were given, as a log of them would hold. */
  readonly facts: Fact[] = [];
  readonly stored = new Map<string, Incident>();
  /** Each change, in order: `class@rank state`. */
  readonly told: string[] = [];
  evicted = 0;
  keeper: RunKeeper;
  readonly #options: Partial<RunKeeperOptions>;
  readonly #documents = new Map<string, StreamDocument>();
  /** Facts of open events, by stream: given after a second of quiet. */
  readonly #open = new Map<string, { facts: Fact[]; at: number }>();

  constructor(options: Partial<RunKeeperOptions> = {}, clock = new FakeClock()) {
    this.#options = options;
    this.clock = clock;
    this.keeper = this.#newKeeper();
  }

  #newKeeper(): RunKeeper {
    return new RunKeeper({
      settleMs: 10_000,
      endedAfterMs: 86_400_000,
      runsMax: 10,
      heldSince: this.clock.now() - 86_400_000,
      onEvicted: () => (this.evicted += 1),
      clock: this.clock,
      ...this.#options,
    });
  }

  /** What its agent reads now of a file. */
  write(text: string, { rank = 0, attempt = 0, run = 'r', final = false, path }: Where = {}): void {
    const file = path ?? `/logs/${attempt}/rank-${rank ?? 'x'}.log`;
    const stream = hash('sha256', `${run} ${file}`, 'hex').slice(0, 32);
    const before = this.#documents.get(stream) ?? null;
    const observed = this.clock.now();
    const start = before?.end ?? 0;
    const segment = segmentOf(text, { start, observed, rank, attempt, run, path: file, stream, final });
    const reading = readSegment(before, carried(segment), { timeZone: 'UTC', now: observed });
    this.#documents.set(stream, reading.document);
    this.give(reading.facts);
    this.#open.set(stream, { facts: openFacts(reading.document, reading.open), at: this.clock.monotonic() });
  }

  give(facts: readonly Fact[]): void {
    this.facts.push(...facts);
    this.keeper.take(facts, true);
  }

  /** Time goes by, second by second. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += turnMs) {
      await this.clock.advance(Math.min(turnMs, ms - passed));
      this.turn();
    }
  }

  turn(): void {
    for (const [stream, { facts, at }] of this.#open)
      if (this.clock.monotonic() - at >= 1_000) {
        this.#open.delete(stream);
        this.give(facts);
      }
    const open = [...this.stored.values()].filter(({ resolved }) => resolved === null);
    const knownOf = (run: string) => [...this.stored.values()].filter((incident) => incident.run === run);
    for (const changes of this.keeper.looks(knownOf, new Set(open.map(({ run }) => run))))
      for (const incident of changes) {
        const { id, class: name, rank, resolved, resolution } = incident;
        const state =
          resolved !== null ? resolution : this.stored.get(id)?.resolved === null ? 'updated' : 'opened';
        this.told.push(`${name}@${rank} ${state}`);
        this.stored.set(id, structuredClone(incident));
      }
  }

  /** Another leader: knows what is stored, and reads the log of facts again. */
  takeOver(since = 0): void {
    this.keeper = this.#newKeeper();
    this.keeper.take(this.facts.slice(since), false);
  }

  get open(): string[] {
    const open = [...this.stored.values()].filter(({ resolved }) => resolved === null);
    return open.map((incident) => `${incident.class}@${incident.rank}`);
  }
}

/** `step=1 loss=…`, as a logger writes it that tells no time. */
export function step(number: number, loss = '1.5'): string {
  return `step=${number} loss=${loss}\n`;
}

export function uncaught(exception: string): string {
  return `Traceback (most recent call last):\n  File "/w/train.py", line 8, in <module>\n    main()\n${exception}\n`;
}

export const outOfMemory =
  'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 3 has a total capacity of 79.15 GiB of which 1.2 GiB is free.';

export function timedOut(rank: number): string {
  return `[rank${rank}]:[E1123 04:12:33.408271999 ProcessGroupNCCL.cpp:688] [Rank ${rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600087 milliseconds before timing out.\n`;
}
