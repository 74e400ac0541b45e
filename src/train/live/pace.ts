/** When something was last heard of a rank's steps, and how often it is, by when its agent has read them. */

const gapsMax = 8;
/** What was read in one go says nothing of the time between. */
const gapMsMin = 50;

export class Pace {
  /** ms since epoch: when the agent read the last step. */
  observed = -Infinity;
  /** Monotonic ms: when it was taken in. */
  takenAt = -Infinity;
  readonly #gaps: number[] = [];

  note(observed: number, takenAt: number): void {
    const gap = observed - this.observed;
    if (gap < 0) return;
    this.takenAt = takenAt;
    if (gap < gapMsMin) return;
    if (Number.isFinite(gap)) this.#gaps.push(gap);
    if (this.#gaps.length > gapsMax) this.#gaps.shift();
    this.observed = observed;
  }

  /** The longest of the last times between two steps; 0 while it is not known. */
  get intervalMs(): number {
    return Math.max(0, ...this.#gaps);
  }
}
