/**
 * From what the rules find in a run, look after look, to its incidents. An attempt has one incident for its first cause; its other failures are
 * told in it (`also`), what follows from it is its `echo`. Each warning of the rules is an incident of its own.
 *
 *   found ──stands long enough (settling.ts)──▶ opened ──more is known──▶ opened, the same id with more in it
 *     │                                          │
 *     └─ not found any more: forgotten           ├─ another first cause stands ──▶ resolved: superseded, the other one opened
 *                                                ├─ not found any more ─────────▶ resolved: recovered; opened again if it comes back
 *                                                ├─ a later attempt has begun ──▶ resolved: restarted
 *                                                └─ nothing heard for long ─────▶ resolved: ended
 *
 * An incident keeps its id, the hash of its first evidence as it was when it was opened: it is found again, by whoever leads, by id, by shared
 * evidence, or by its rank. What was stored of a time of which no facts are held is left as it is, until it is old.
 */
import type { Incident, Resolution } from '../../core/incident.ts';
import { describeCause, foundIn, idOf, isSame, matches } from './describe-cause.ts';
import type { FoundCause } from './describe-cause.ts';
import type { RunFacts } from './run-facts.ts';
import { patienceMsMax, settlesAt } from './settling.ts';

export interface IncidentRules {
  /** How long a cause has to stand, at least. */
  settleMs: number;
  /** An incident of a run that was silent for so long is resolved: it has ended. */
  endedAfterMs: number;
}

export interface Look {
  /** ms since epoch */
  now: number;
  /** Monotonic ms. */
  at: number;
  /** What is stored of the run, resolved ones included. */
  known: readonly Incident[];
}

/** What one look has found, by attempt: roots that were opened, and those that do not stand long enough. */
interface Roots {
  latest: number;
  attempts: ReadonlySet<number>;
  opened: Map<number, string>;
  waiting: Set<number>;
}

export class IncidentsOfRun {
  readonly #run: string;
  readonly #rules: IncidentRules;
  /** Monotonic ms: since when a cause has been found that is not opened, by what it is. */
  #since = new Map<string, number>();

  constructor(run: string, rules: IncidentRules) {
    this.#run = run;
    this.#rules = rules;
  }

  /** Whether time alone may open an incident. */
  get isPending(): boolean {
    return this.#since.size > 0;
  }

  /** While nothing could be heard, no cause has stood. */
  startAgain(at: number): void {
    for (const key of this.#since.keys()) this.#since.set(key, at);
  }

  /** What is to be stored: the incidents that are new or changed, each as it is now. */
  look(facts: RunFacts, look: Look): Incident[] {
    const verdicts = facts.verdicts(look.now);
    const roots: Roots = {
      latest: verdicts.at(-1)?.attempt ?? 0,
      attempts: new Set(verdicts.map(({ attempt }) => attempt)),
      opened: new Map(),
      waiting: new Set(),
    };
    const found = verdicts.flatMap(foundIn);
    const matched = matches(this.#run, found, look.known);
    const free = new Set(look.known);
    const since = this.#since;
    this.#since = new Map();
    const changes: Incident[] = [];
    for (const each of found) {
      const known = matched.get(each) ?? null;
      if (known !== null) free.delete(known);
      if (known?.resolution === 'restarted' || known?.resolution === 'ended') continue;
      const isOpen = known?.resolved === null;
      if (!isOpen && !this.#stands(each, facts, since, look.at)) {
        if (each.cause.role === 'root') roots.waiting.add(each.attempt);
        continue;
      }
      const incident = this.#incident(each, known, facts, look.now);
      const resolution = this.#overAs(incident, roots, facts, look.now);
      const next = resolution === null ? incident : { ...incident, resolved: look.now, resolution };
      if (known === null || !isSame(known, next)) changes.push(next);
      if (!isOpen && next.role === 'root') roots.opened.set(next.attempt, next.id);
    }
    for (const known of free) {
      if (known.resolved !== null) continue;
      const resolution = this.#overAs(known, roots, facts, look.now) ?? lostAs(known, roots, facts);
      if (resolution === null) continue;
      const by = resolution === 'superseded' ? { supersededBy: roots.opened.get(known.attempt) ?? '' } : {};
      changes.push({ ...known, resolved: look.now, resolution, ...by });
    }
    return changes;
  }

  #stands(found: FoundCause, facts: RunFacts, since: ReadonlyMap<string, number>, at: number): boolean {
    const { attempt, cause } = found;
    const key = [attempt, cause.role, cause.class, cause.role === 'root' ? '' : cause.rank].join(' ');
    const from = since.get(key) ?? at;
    if (at >= settlesAt(cause, from, facts, this.#rules.settleMs)) return true;
    this.#since.set(key, from);
    return false;
  }

  #incident(found: FoundCause, known: Incident | null, facts: RunFacts, now: number): Incident {
    return {
      id: known?.id ?? idOf(this.#run, found),
      run: this.#run,
      ...describeCause(found, (fact) => facts.streamOf(fact)),
      opened: known === null || known.resolved !== null ? now : known.opened,
      resolved: null,
      ...(known?.told !== undefined && { told: known.told }),
    };
  }

  /** Whatever is found. */
  #overAs({ attempt, opened }: Incident, { latest }: Roots, facts: RunFacts, now: number): Resolution | null {
    if (attempt < latest) return 'restarted';
    return now - Math.max(facts.heard, opened) > this.#rules.endedAfterMs ? 'ended' : null;
  }
}

/** It is not found any more. */
function lostAs({ attempt, role, opened }: Incident, roots: Roots, facts: RunFacts): Resolution | null {
  if (role === 'root' && roots.opened.has(attempt)) return 'superseded';
  if (role === 'root' && roots.waiting.has(attempt)) return null;
  return roots.attempts.has(attempt) && facts.heldSince + patienceMsMax < opened ? 'recovered' : null;
}
