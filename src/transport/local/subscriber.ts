import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { backoffMs, retry } from '../../core/retry.ts';
import { lanes } from '../../core/segment.ts';
import type { LagReport, SegmentBatch, Subscriber } from '../../core/transport.ts';
import { errorText } from '../../core/errors.ts';
import type { Assignment, ConsumerGroup } from './consumer-group.ts';
import { committedRange } from './group-positions.ts';
import type { GroupPositions } from './group-positions.ts';
import { isEmpty, localPartition, readLane, segmentLog } from './lane-batches.ts';
import type { LaneContent } from './lane-batches.ts';
import { LogReader, countRecords } from './log-reader.ts';
import type { WakeUp } from '../wake-up.ts';

export interface LocalSubscriberOptions {
  dir: string;
  group: ConsumerGroup;
  wakeUp: WakeUp;
  /** How often the files are looked at for what another process has written. */
  pollIntervalMs: number;
  clock: Clock;
  logger: Logger;
}

/** Lag is counted up to here; beyond it is "at least". */
const lagRecordsMax = 100_000;
const releasePause = { initialMs: 200, maxMs: 5000 };

/** A lane that this member owns: where it reads, and whether a batch is out. */
interface OwnedLane {
  assignment: Assignment;
  reader: LogReader;
  outstanding: boolean;
  /** Releases in a row; each lengthens the pause. */
  releases: number;
  /** Monotonic ms before which nothing is handed out. */
  notBefore: number;
}

export class LocalSubscriber implements Subscriber {
  readonly #options: LocalSubscriberOptions;
  readonly #member = Symbol('member');
  #lanes: OwnedLane[] = [];

  constructor(options: LocalSubscriberOptions) {
    this.#options = options;
  }

  async *batches(signal: AbortSignal): AsyncIterable<SegmentBatch> {
    const { group, wakeUp, clock, pollIntervalMs } = this.#options;
    const positions = await group.join(this.#member, signal);
    if (positions === null) return;
    try {
      while (!signal.aborted) {
        const seen = wakeUp.count;
        this.#followAssignments(positions);
        const batch = await this.#nextBatch(positions);
        if (batch) yield batch;
        else await wakeUp.wait(seen, pollIntervalMs, clock, signal);
      }
    } finally {
      group.leave(this.#member);
      this.#lanes = [];
    }
  }

  async lag(): Promise<LagReport[]> {
    const reports: LagReport[] = [];
    for (const { assignment } of this.#lanes) {
      const { lane } = assignment;
      const committed = this.#committed.get(lane) ?? (await this.#committedOnDisk(lane));
      const records = await countRecords(join(this.#options.dir, segmentLog(lane)), committed, lagRecordsMax);
      reports.push({ lane, partition: localPartition, records });
    }
    return reports;
  }

  readonly #committed = new Map<string, number>();

  async #committedOnDisk(lane: 'fast' | 'bulk'): Promise<number> {
    const { min } = await committedRange(join(this.#options.dir, 'groups'), segmentLog(lane));
    return Number.isFinite(min) ? min : 0;
  }

  #followAssignments(positions: GroupPositions): void {
    const now = this.#options.group.assignmentsOf(this.#member);
    this.#lanes = now.map((assignment) => {
      const kept = this.#lanes.find((lane) => lane.assignment === assignment);
      if (kept) return kept;
      const log = segmentLog(assignment.lane);
      this.#committed.set(assignment.lane, positions.get(log));
      const reader = new LogReader(join(this.#options.dir, log), positions.get(log));
      return { assignment, reader, outstanding: false, releases: 0, notBefore: 0 };
    });
  }

  async #nextBatch(positions: GroupPositions): Promise<SegmentBatch | null> {
    // Lanes are listed by urgency: fast before bulk.
    const byUrgency = lanes.flatMap((lane) => this.#lanes.filter((owned) => owned.assignment.lane === lane));
    for (const owned of byUrgency) {
      if (owned.outstanding || this.#options.clock.monotonic() < owned.notBefore) continue;
      const content = await readLane(owned.assignment.lane, owned.reader, (entry) => {
        const { lane } = owned.assignment;
        this.#options.logger.error(
          { lane, position: entry.position, bytes: entry.end - entry.position },
          'records were deleted by retention before they were read',
        );
      });
      if (content === null || owned.assignment.revoked.signal.aborted) continue;
      if (!isEmpty(content)) return this.#batch(owned, content, positions);
    }
    return null;
  }

  #batch(owned: OwnedLane, content: LaneContent, positions: GroupPositions): SegmentBatch {
    const { lane, number, revoked } = owned.assignment;
    owned.outstanding = true;
    const finish = (): boolean => {
      if (!owned.outstanding) return false;
      owned.outstanding = false;
      return !revoked.signal.aborted;
    };
    return {
      lane,
      partition: localPartition,
      segments: content.segments,
      rejected: content.rejected,
      assignment: number,
      revoked: revoked.signal,
      commit: async () => {
        if (!owned.outstanding || revoked.signal.aborted) return;
        await this.#commit(positions, lane, content.end, revoked.signal);
        owned.releases = 0;
        finish();
        this.#options.wakeUp.notify();
      },
      release: (pauseMs = backoffMs(owned.releases, releasePause)) => {
        if (!finish()) return;
        owned.reader.seek(positions.get(segmentLog(lane)));
        owned.notBefore = this.#options.clock.monotonic() + pauseMs;
        owned.releases += 1;
        this.#options.wakeUp.notify();
      },
    };
  }

  /** A full disk is waited out, as long as the lane is ours. */
  async #commit(
    positions: GroupPositions,
    lane: 'fast' | 'bulk',
    position: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { logger, clock } = this.#options;
    await retry(async () => await positions.commit(segmentLog(lane), position), {
      clock,
      signal,
      initialMs: 100,
      maxMs: 5000,
      onFailure: (error, attempt) => {
        if (attempt === 0)
          logger.warn({ lane, error: errorText(error) }, 'consumer position cannot be written, waiting');
      },
    });
    this.#committed.set(lane, position);
  }
}
