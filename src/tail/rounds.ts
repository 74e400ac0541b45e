import type { Clock } from '../core/clock.ts';
import { perLane } from '../core/lane-turns.ts';
import type { Lane } from '../core/segment.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Budget } from './budget.ts';
import type { Catalog } from './catalog.ts';
import type { CutLog } from './cut-log.ts';
import type { MadeCut } from './cut-state.ts';
import type { Cutter, Ending } from './cutter.ts';
import { canBeRead, offsetOf } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import { ReadingTurns } from './reading-turns.ts';
import type { Sender } from './sender.ts';
import type { Gate, Snapshots } from './snapshots.ts';

/**
 * Rounds of reading. In each the files that may have grown are looked at, in turns, while their lane has room for bytes under way and the
 * budget allows it; what was cut is made durable, and then sent.
 */
export interface RoundsOptions {
  budget: Budget;
  clock: Clock;
  cutLog: CutLog;
  metrics: Metrics;
  laneOf: (path: string) => Lane;
}

/** Who says what there is, cuts it, and sends it. */
export interface RoundsParts {
  catalog: Catalog;
  cutter: Cutter;
  snapshots: Snapshots;
  sender: Sender;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #catalog: Catalog;
  readonly #cutter: Cutter;
  readonly #snapshots: Snapshots;
  readonly #sender: Sender;
  readonly #order: ReadingTurns;

  constructor(options: RoundsOptions, { catalog, cutter, snapshots, sender }: RoundsParts) {
    this.#options = options;
    this.#catalog = catalog;
    this.#cutter = cutter;
    this.#snapshots = snapshots;
    this.#sender = sender;
    this.#order = new ReadingTurns(options.budget.bytesAtOnce, (file) => this.#laneOf(file));
  }

  /** Reads and sends what is there, within room and budget; returns how many bytes were sent. */
  async play(ending: Ending): Promise<number> {
    const { budget } = this.#options;
    const made: MadeCut[] = [];
    let bytes = 0;
    const room = this.#sender.room.copy();
    const ample = perLane((lane) => room.isAmple(lane));
    const hasRoom = (lane: Lane): boolean => ample[lane] && room.left(lane) > 0;
    const mayBegin = perLane((lane) => budget.pauseMs(lane) === 0);
    const mayRead = (lane: Lane): boolean =>
      mayBegin[lane] && (!budget.limitsBytes || budget.pauseMs(lane) === 0);
    const took = (lane: Lane, taken: number): void => {
      bytes += taken;
      room.take(lane, taken);
      budget.spend(lane, taken);
    };
    this.#order.begin(this.#due());
    for (;;) {
      const file = this.#order.next(hasRoom, mayRead);
      if (!file) break;
      const cuts = await this.#cutter.poll(file, ending, budget.bytesAtOnce);
      const taken = cuts.made.reduce((sum, cut) => sum + cut.bytes.length, 0);
      took(this.#laneOf(file), taken);
      this.#order.took(file, taken);
      made.push(...cuts.made);
      if (cuts.more) this.#order.again(file);
    }
    const gate: Gate = { room: (lane) => (hasRoom(lane) && mayRead(lane) ? room.left(lane) : 0), took };
    const states = await this.#snapshots.poll(gate, ending.cutAnywhere);
    await this.ship([...made, ...states]);
    return bytes;
  }

  /** Makes cuts durable, and sends them. */
  async ship(made: readonly MadeCut[]): Promise<void> {
    const { cutLog, metrics } = this.#options;
    if (made.length === 0) {
      await cutLog.flush();
      return;
    }
    await cutLog.commit();
    for (const cut of made) {
      metrics.cutBytes.inc(cut.bytes.length);
      this.#sender.send(cut);
    }
  }

  /** How long the budget holds back at least one lane. */
  get pauseMs(): number {
    return this.#options.budget.pauseMs('bulk');
  }

  /** Monotonic ms: the next look at a file that can be read then. */
  dueAt(now: number): number {
    const { budget } = this.#options;
    const { room } = this.#sender;
    const readableAt = perLane((lane) => (room.isAmple(lane) ? now + budget.pauseMs(lane) : Infinity));
    let dueAt = this.#snapshots.dueAt((lane) => readableAt[lane]);
    for (const file of this.#catalog.files.awake) {
      if (file.nextPollAt === Infinity) this.#catalog.files.awake.delete(file);
      else if (canBeRead(file))
        dueAt = Math.min(dueAt, Math.max(file.nextPollAt, readableAt[this.#laneOf(file)]));
    }
    return dueAt;
  }

  #due(): FollowedFile[] {
    const now = this.#options.clock.monotonic();
    return oneCompressed(
      [...this.#catalog.files.awake].filter((file) => file.nextPollAt <= now && canBeRead(file)),
    );
  }

  #laneOf(file: FollowedFile): Lane {
    return file.stream?.record.lane ?? (file.lane ??= this.#options.laneOf(file.path));
  }
}

/** Compressed files are read one after another: each that is read takes memory. */
function oneCompressed(due: readonly FollowedFile[]): FollowedFile[] {
  const waiting = due.filter(
    (file) => file.compressed !== null && (file.unsent.length > 0 || file.size > offsetOf(file)),
  );
  const next = waiting.find(({ handle }) => handle !== null) ?? waiting[0];
  return due.filter((file) => file === next || !waiting.includes(file));
}
