/**
 * The members of one consumer group within this process share the lanes: each lane belongs to one member. When a member comes or
 * goes, the lanes are dealt anew; a lane that moves is revoked from its old owner and starts again at its committed position.
 * Another process that consumes as the same group waits until this one is gone (a lock file), and then takes over.
 */
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { Lane } from '../../core/segment.ts';
import { ProcessLock } from '../../core/process-lock.ts';
import { GroupPositions } from './group-positions.ts';
import type { WakeUp } from '../wake-up.ts';

/** One lane in one member's hands. */
export interface Assignment {
  lane: Lane;
  /** Grows with every assignment of this process. */
  number: number;
  revoked: AbortController;
}

const lockRetryMs = 500;

export class ConsumerGroup {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #wakeUp: WakeUp;
  readonly #members: symbol[] = [];
  readonly #assignments = new Map<Lane, Assignment & { member: symbol }>();
  #assigned = 0;
  #lock: ProcessLock | null = null;
  #positions: GroupPositions | null = null;
  #opening: Promise<GroupPositions | null> | null = null;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: { dir: string; group: string; clock: Clock; logger: Logger; wakeUp: WakeUp }) {
    this.#dir = join(options.dir, 'groups', options.group);
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#wakeUp = options.wakeUp;
  }

  /** The group's positions, as soon as no other process consumes as this group; null when the signal aborts first. */
  async join(member: symbol, signal: AbortSignal): Promise<GroupPositions | null> {
    this.#opening ??= this.#open(signal).finally(() => (this.#opening = null));
    const positions = this.#positions ?? (await this.#opening);
    if (positions === null || signal.aborted) {
      this.#closeIfEmpty();
      return null;
    }
    this.#members.push(member);
    this.#deal();
    return positions;
  }

  /** Members that are still there lose their lanes; their positions are on disk and the group is free when it resolves. */
  async close(): Promise<void> {
    this.#members.length = 0;
    this.#deal();
    this.#closeIfEmpty();
    await this.#closing;
  }

  leave(member: symbol): void {
    const index = this.#members.indexOf(member);
    if (index < 0) return;
    this.#members.splice(index, 1);
    this.#deal();
    this.#closeIfEmpty();
  }

  assignmentsOf(member: symbol): Assignment[] {
    return [...this.#assignments.values()].filter((assignment) => assignment.member === member);
  }

  async #open(signal: AbortSignal): Promise<GroupPositions | null> {
    await this.#closing;
    for (let told = false; !signal.aborted; told = true) {
      try {
        this.#lock ??= ProcessLock.acquire(join(this.#dir, 'lock'), 'consumer group');
        this.#positions ??= await GroupPositions.load(this.#dir, this.#logger);
        return this.#positions;
      } catch (error) {
        if (!(error instanceof CabooseError && error.code === 'LOCKED')) throw error;
        if (!told)
          this.#logger.info({ reason: error.message }, 'another process consumes as this group, standing by');
        await this.#clock.sleep(lockRetryMs, signal);
      }
    }
    return null;
  }

  #closeIfEmpty(): void {
    if (this.#members.length > 0) return;
    const lock = this.#lock;
    const positions = this.#positions;
    this.#lock = null;
    this.#positions = null;
    // Whoever takes over must not find its positions overwritten by a write of ours that is under way.
    this.#closing = this.#closing.then(async () => {
      await positions?.close();
      lock?.release();
    });
  }

  #deal(): void {
    for (const [i, lane] of lanes.entries()) {
      const owner = this.#members[i % Math.max(1, this.#members.length)];
      const current = this.#assignments.get(lane);
      if (current?.member === owner) continue;
      current?.revoked.abort();
      this.#assignments.delete(lane);
      if (owner === undefined) continue;
      this.#assigned += 1;
      this.#assignments.set(lane, {
        lane,
        member: owner,
        number: this.#assigned,
        revoked: new AbortController(),
      });
    }
    this.#wakeUp.notify();
  }
}
