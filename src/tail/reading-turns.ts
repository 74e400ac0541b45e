import { LaneTurns, otherLane, perLane } from '../core/lane-turns.ts';
import type { Lane } from '../core/segment.ts';
import type { FollowedFile } from './followed-file.ts';

/**
 * In which order files are read: the lanes by their turns, and within a lane the file whose last turn is longest ago. A turn is one
 * segment, and it is remembered from round to round, so that a large file that is far behind holds up none of its neighbours.
 */
export class ReadingTurns {
  readonly #laneOf: (file: FollowedFile) => Lane;
  readonly #turns: LaneTurns;
  readonly #lastTurn = new WeakMap<FollowedFile, number>();
  #turn = 0;
  #queues = perLane((): FollowedFile[] => []);

  /** `turnBytes`: most bytes that are read of a file at once. */
  constructor(turnBytes: number, laneOf: (file: FollowedFile) => Lane) {
    this.#turns = new LaneTurns(turnBytes);
    this.#laneOf = laneOf;
  }

  /** Begins a round: these files are due. */
  begin(due: Iterable<FollowedFile>): void {
    this.#queues = perLane(() => []);
    for (const file of due) this.again(file);
    const lastTurn = (file: FollowedFile): number => this.#lastTurn.get(file) ?? 0;
    for (const queue of Object.values(this.#queues)) queue.sort((a, b) => lastTurn(a) - lastTurn(b));
  }

  /**
   * The file that is looked at next, of a lane that has room. Null: the round is over. A lane that the budget holds back (`mayRead`) goes
   * only when it is owed its share by one that is not.
   */
  next(hasRoom: (lane: Lane) => boolean, mayRead: (lane: Lane) => boolean): FollowedFile | null {
    const waiting = perLane((lane) => this.#queues[lane].length > 0 && hasRoom(lane));
    if (!mayRead('fast')) return null;
    const lane = this.#turns.next(waiting);
    if (lane === null || (!waiting[otherLane(lane)] && !mayRead(lane))) return null;
    return this.#queues[lane].shift() ?? null;
  }

  /** The file was looked at, and so many bytes of it were read. */
  took(file: FollowedFile, bytes: number): void {
    const lane = this.#laneOf(file);
    this.#turn += 1;
    if (bytes > 0) this.#lastTurn.set(file, this.#turn);
    this.#turns.took(lane, bytes, this.#queues[otherLane(lane)].length > 0);
  }

  /** It has more: it is at the end of its lane's line. */
  again(file: FollowedFile): void {
    this.#queues[this.#laneOf(file)].push(file);
  }
}
