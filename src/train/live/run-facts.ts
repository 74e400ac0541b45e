/**
 * What is remembered of a run that is under way: its failures, what is told by events that may yet grow, and how fast each rank goes.
 *
 * Facts come at least once. Those of closed events of one stream come in order; those of an event that is open come again as it grows,
 * and are replaced by those of the closed event. The rows of a rewritten file are the same rows in every state of it, whose streams differ:
 * here their stream is the file.
 *
 * Bounded: observations whose ids are remembered, open events, ranks whose pace is known.
 */
import type { Fact } from '../../core/fact.ts';
import { RunFailures } from '../incidents/run-failures.ts';
import type { AttemptVerdict } from '../incidents/judge.ts';
import { Pace } from './pace.ts';

interface OpenEvent {
  stream: string;
  rank: number | null;
  end: number;
  facts: Map<string, Fact>;
}

const idsMax = 16_384;
const openMax = 4_096;
const pacesMax = 65_536;

export class RunFacts {
  readonly #failures = new RunFailures();
  /** Ids of observations, the oldest first. */
  readonly #ids = new Set<string>();
  readonly #open = new Map<string, OpenEvent>();
  /** By attempt and rank. */
  readonly #paces = new Map<string, Pace>();
  /** Attempts that say that they have come to their end. */
  readonly #finished = new Set<number>();
  /** Of a rewritten file: the stream of its last state. */
  readonly #streams = new Map<string, string>();
  /** ms since epoch: what was appended to the log of facts since then is held. */
  readonly heldSince: number;
  /** ms since epoch: when the newest that was told was observed. */
  heard = 0;
  /** How late the newest came, by the clocks of two machines. */
  delayMs = 0;

  constructor(heldSince: number) {
    this.heldSince = heldSince;
  }

  /** `at`: monotonic ms. `now`: ms since epoch, of a fact that comes as it is told; null: it comes from the past. False: it was held already. */
  take(given: Fact, at: number, now: number | null): boolean {
    const fact = this.#placed(given);
    this.#hear(fact, now);
    if (fact.openAt !== undefined) return this.#takeOpen(fact, fact.openAt, at);
    this.#close(fact);
    if (fact.kind === 'observation' && !this.#isNew(fact.id)) return false;
    this.#note(fact, at);
    this.#failures.take([fact]);
    return true;
  }

  /** `now`: ms since epoch. Up to then, or as much before as news come late, what the run has said is known. */
  verdicts(now: number): AttemptVerdict[] {
    const open = [...this.#open.values()].flatMap(({ facts }) => [...facts.values()]);
    return this.#failures.verdicts({ now: now - Math.max(0, this.delayMs), open });
  }

  /** Of a rank that is known, else of all ranks of the attempt. */
  paces(attempt: number, rank: number | null): Pace[] {
    const known = rank === null ? undefined : this.#paces.get(`${attempt}/${rank}`);
    if (known !== undefined) return [known];
    const paces: Pace[] = [];
    for (const [key, pace] of this.#paces) if (key.startsWith(`${attempt}/`)) paces.push(pace);
    return paces;
  }

  hasFinished(attempt: number): boolean {
    return this.#finished.has(attempt);
  }

  /** The stream in which the bytes of a fact are. */
  streamOf({ stream, version }: Pick<Fact, 'stream' | 'version'>): string {
    return version === undefined ? stream : (this.#streams.get(stream) ?? stream);
  }

  /** Observations that were not kept, because there were too many. */
  get dropped(): number {
    return this.#failures.dropped;
  }

  #placed(fact: Fact): Fact {
    if (fact.version === undefined) return fact;
    const stream = `${fact.host ?? ''}:${fact.path}`;
    if (this.#streams.size < openMax || this.#streams.has(stream)) this.#streams.set(stream, fact.stream);
    return { ...fact, stream };
  }

  #takeOpen(fact: Fact, openAt: number, at: number): boolean {
    const { event, stream, rank, end, id } = fact;
    if (this.#ids.has(id)) return false;
    const known = this.#open.get(event);
    if (known !== undefined && (known.end > end || (known.end === end && known.facts.has(id)))) return false;
    const facts = known?.end === end ? known.facts : new Map<string, Fact>();
    // An event is dated by its beginning. That its process lives is known up to its end.
    const isSign = fact.kind === 'point' || fact.kind === 'progress';
    const sign = isSign ? { ...fact, observed: openAt, time: Math.max(fact.time, openAt) } : fact;
    facts.set(id, sign);
    this.#open.delete(event);
    this.#open.set(event, { stream, rank, end, facts });
    if (this.#open.size > openMax) forgetFirst(this.#open.keys(), this.#open);
    this.#note(sign, at);
    return true;
  }

  /** A fact of a closed event: neither that event is open, nor is what stands before it. */
  #close(fact: Fact): void {
    for (const [event, { stream, rank, end }] of this.#open)
      if (event === fact.event || (stream === fact.stream && rank === fact.rank && end <= fact.start))
        this.#open.delete(event);
  }

  #isNew(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > idsMax) forgetFirst(this.#ids.keys(), this.#ids);
    return true;
  }

  /** An event that is closed late is old news: it was told of while it was open. */
  #hear({ observed, openAt = observed }: Fact, now: number | null): void {
    if (openAt <= this.heard) return;
    this.heard = openAt;
    this.delayMs = now === null ? 0 : now - openAt;
  }

  #note(fact: Fact, at: number): void {
    if (fact.kind === 'observation' && fact.class === 'finished') this.#finished.add(fact.attempt);
    if (fact.kind !== 'point' && fact.kind !== 'progress') return;
    const key = `${fact.attempt}/${fact.rank ?? ''}`;
    const known = this.#paces.get(key);
    if (known !== undefined) return known.note(fact.observed, at);
    if (this.#paces.size >= pacesMax) return;
    const pace = new Pace();
    pace.note(fact.observed, at);
    this.#paces.set(key, pace);
  }
}

function forgetFirst<Key>(keys: Iterable<Key>, from: { delete(key: Key): boolean }): void {
  for (const key of keys) {
    from.delete(key);
    return;
  }
}
