/**
 * All runs that are under way, as the leader sees them: takes facts as they come, and looks at a run when something new is known of it, or when
 * a cause that was found may have stood long enough.
 *
 * Bounded: `runsMax` runs, the one that was silent the longest goes first; a run that was silent for `endedAfterMs` goes. A look at a run takes
 * at most a twentieth of the time: not sooner than a second, or twenty times what the last look took, after the last one.
 */
import type { Clock } from '../../core/clock.ts';
import type { Fact } from '../../core/fact.ts';
import type { Incident } from '../../core/incident.ts';
import { IncidentsOfRun } from './incidents-of-run.ts';
import type { IncidentRules } from './incidents-of-run.ts';
import { RunFacts } from './run-facts.ts';

export interface RunKeeperOptions extends IncidentRules {
  runsMax: number;
  /** ms since epoch: the facts of all runs since then are going to be taken. */
  heldSince: number;
  /** Told of each run that had to go for another one. */
  onEvicted: () => void;
  clock: Clock;
}

interface KeptRun {
  facts: RunFacts;
  incidents: IncidentsOfRun;
  isDirty: boolean;
  /** Monotonic ms. */
  dueAt: number;
}

const lookIntervalMs = 1_000;
const restOfLook = 20;
/** How often it is looked whether runs have ended. */
const sweepIntervalMs = 60_000;

export class RunKeeper {
  readonly #options: RunKeeperOptions;
  /** The one that was heard of last comes last. */
  readonly #runs = new Map<string, KeptRun>();
  #sweptAt = -Infinity;
  /** Some run was let go: facts of it that come now are not all of them. */
  #hasEvicted = false;

  constructor(options: RunKeeperOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** Observations that there was no room for. */
  get dropped(): number {
    return [...this.#runs.values()].reduce((sum, { facts }) => sum + facts.dropped, 0);
  }

  hasFinished(run: string, attempt: number): boolean {
    return this.#runs.get(run)?.facts.hasFinished(attempt) ?? false;
  }

  /** The run is looked at again: what was found could not be stored. */
  lookAgain(run: string): void {
    const kept = this.#runs.get(run);
    if (kept !== undefined) kept.isDirty = true;
  }

  /** How many were new. Facts of runs that ended long ago are left out. `isNews`: they come as they are told, not from the past. */
  take(facts: readonly Fact[], isNews: boolean): number {
    const { clock, endedAfterMs } = this.#options;
    const at = clock.monotonic();
    const now = clock.now();
    const oldest = now - endedAfterMs;
    let taken = 0;
    for (const fact of facts) {
      if ((fact.openAt ?? fact.observed) < oldest) continue;
      const kept = this.#of(fact.run);
      if (!kept.facts.take(fact, at, isNews ? now : null)) continue;
      kept.isDirty = true;
      taken += 1;
    }
    return taken;
  }

  /** While nothing could be heard, nothing has stood. */
  startAgain(): void {
    for (const { incidents } of this.#runs.values()) incidents.startAgain(this.#options.clock.monotonic());
  }

  /** Looks at each run that is due, one at a time: what is to be stored of it. `knownOf`: what is stored; `open`: runs with open incidents. */
  *looks(knownOf: (run: string) => readonly Incident[], open: Iterable<string>): Generator<Incident[]> {
    const { clock } = this.#options;
    const all = clock.monotonic() - this.#sweptAt >= sweepIntervalMs;
    if (all) yield* this.#sweep(knownOf, open);
    // While one is stored, facts of others come.
    for (const [run, kept] of Array.from(this.#runs)) {
      const at = clock.monotonic();
      if (at < kept.dueAt || !(all || kept.isDirty || kept.incidents.isPending)) continue;
      kept.isDirty = false;
      const changes = kept.incidents.look(kept.facts, { now: clock.now(), at, known: knownOf(run) });
      kept.dueAt = at + Math.max(lookIntervalMs, restOfLook * (clock.monotonic() - at));
      yield changes;
    }
  }

  /** Lets go of runs that have ended, and resolves what is open of those that are not kept. */
  *#sweep(knownOf: (run: string) => readonly Incident[], open: Iterable<string>): Generator<Incident[]> {
    const { clock, endedAfterMs, heldSince } = this.#options;
    const now = clock.now();
    this.#sweptAt = clock.monotonic();
    for (const [run, { facts }] of this.#runs) if (now - facts.heard > endedAfterMs) this.#runs.delete(run);
    for (const run of open)
      if (!this.#runs.has(run)) {
        const look = { now, at: clock.monotonic(), known: knownOf(run) };
        yield new IncidentsOfRun(run, this.#options).look(new RunFacts(heldSince), look);
      }
  }

  #of(run: string): KeptRun {
    const { clock, runsMax, heldSince, onEvicted } = this.#options;
    const known = this.#runs.get(run);
    if (known !== undefined) {
      this.#runs.delete(run);
      this.#runs.set(run, known);
      return known;
    }
    const kept: KeptRun = {
      facts: new RunFacts(this.#hasEvicted ? clock.now() : heldSince),
      incidents: new IncidentsOfRun(run, this.#options),
      isDirty: true,
      dueAt: -Infinity,
    };
    this.#runs.set(run, kept);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= runsMax) break;
      this.#runs.delete(oldest);
      this.#hasEvicted = true;
      onEvicted();
    }
    return kept;
  }
}
