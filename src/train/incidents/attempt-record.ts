/**
 * What is remembered of one attempt of a run, to tell why it failed: when each rank last made a step, and what was observed, once a
 * rank, stream and kind, with how often. Filled from facts in any order of the streams, and from those of one stream in their order;
 * the same fact twice changes nothing but a count. Bounded: what is over a bound is counted in `dropped`.
 */
import type { Fact, FactBase, ObservationBody, PointFact } from '../../core/fact.ts';

export type Observation = FactBase & ObservationBody;

/** Observations of one rank, stream and kind. */
export interface Kept {
  /** Who wrote it; null where nobody is named. */
  rank: number | null;
  first: Observation;
  last: Observation;
  count: number;
}

/** A step that a rank made, by what its stream says. */
interface Step {
  step: number;
  /** Where in the stream. */
  start: number;
  time: number;
  kind: 'point' | 'progress';
}

export interface StreamRecord {
  /** The latest steps, each later than the one before. */
  steps: Step[];
  /** Offsets of the last loss and gradient norm that were numbers, the loss not 0; -1: none. */
  lossAt: number;
  normAt: number;
  /** Before the event that stated `lossAt`; and that event. */
  lossBefore: number;
  lossEvent: string | null;
  /** The event in which Hugging Face's Trainer sums up: its `train_loss` is a mean over the run. */
  summary: string | null;
  firstTime: number;
  lastTime: number;
}

export interface RankRecord {
  streams: Map<string, StreamRecord>;
}

const stepsMax = 4;
const streamsMax = 64;
const ranksMax = 65_536;
const keptMax = 8_192;

export class AttemptRecord {
  readonly attempt: number;
  readonly ranks = new Map<number | null, RankRecord>();
  readonly kept = new Map<string, Kept>();
  dropped = 0;

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  take(fact: Fact): void {
    if (fact.kind === 'observation') this.#observe(fact);
    else if (fact.kind !== 'lifecycle') this.#advance(fact);
    else if (fact.state === 'started') this.#rank(fact.rank);
  }

  #advance(fact: Fact): void {
    if (fact.kind !== 'point' && fact.kind !== 'progress') return;
    const stream = this.#stream(fact);
    if (stream === null) return;
    stream.firstTime = Math.min(stream.firstTime, fact.time);
    stream.lastTime = Math.max(stream.lastTime, fact.time);
    if (fact.kind === 'point') noteNumber(fact, stream);
    const { step, start, time, kind } = fact;
    const last = stream.steps.at(-1);
    if (step === null || (last !== undefined && step === last.step)) return;
    if (last !== undefined && start <= last.start) return;
    stream.steps.push({ step, start, time, kind });
    if (stream.steps.length > stepsMax) stream.steps.shift();
  }

  #observe(fact: Observation): void {
    const rank = fact.rank ?? fact.details?.writer ?? null;
    if (fact.rank !== null) this.#rank(rank);
    const key = [
      rank,
      fact.details?.ranks,
      fact.class,
      fact.role,
      normalized(fact.message),
      fact.stream,
    ].join('|');
    const known = this.kept.get(key);
    if (known !== undefined) {
      known.count += 1;
      if (fact.start < known.first.start) known.first = fact;
      if (fact.start > known.last.start) known.last = fact;
    } else if (this.kept.size < keptMax) this.kept.set(key, { rank, first: fact, last: fact, count: 1 });
    else this.dropped += 1;
  }

  #rank(rank: number | null): RankRecord | null {
    const known = this.ranks.get(rank);
    if (known !== undefined) return known;
    if (this.ranks.size >= ranksMax) return null;
    const record: RankRecord = { streams: new Map() };
    this.ranks.set(rank, record);
    return record;
  }

  #stream({ rank, stream }: Fact): StreamRecord | null {
    const record = this.#rank(rank);
    if (record === null) return null;
    const known = record.streams.get(stream);
    if (known !== undefined) return known;
    if (record.streams.size >= streamsMax) forgetOldest(record.streams);
    const added: StreamRecord = {
      steps: [],
      lossAt: -1,
      normAt: -1,
      lossBefore: -1,
      lossEvent: null,
      summary: null,
      firstTime: Infinity,
      lastTime: -Infinity,
    };
    record.streams.set(stream, added);
    return added;
  }

  /** Another one that knows the same; what it takes is not known to this one. */
  fork(): AttemptRecord {
    return Object.assign(
      new AttemptRecord(this.attempt),
      structuredClone(Object.fromEntries(Object.entries(this))),
    );
  }
}

/** A log that is rotated, or a file that is rewritten, is a new stream each time: the one that was silent the longest says least. */
function forgetOldest(streams: Map<string, StreamRecord>): void {
  let oldest: string | null = null;
  let time = Infinity;
  for (const [id, { lastTime }] of streams)
    if (oldest === null || lastTime < time) {
      oldest = id;
      time = lastTime;
    }
  if (oldest !== null) streams.delete(oldest);
}

function noteNumber({ name, canonical, value, event, start }: PointFact, stream: StreamRecord): void {
  if (!Number.isFinite(value)) return;
  if (name === 'train_runtime') {
    stream.summary = event;
    if (stream.lossEvent === event) stream.lossAt = stream.lossBefore;
  } else if (canonical === 'grad_norm') {
    stream.normAt = Math.max(stream.normAt, start);
  } else if (canonical === 'loss' && value !== 0 && event !== stream.summary) {
    if (event !== stream.lossEvent) stream.lossBefore = stream.lossAt;
    stream.lossEvent = event;
    stream.lossAt = Math.max(stream.lossAt, start);
  }
}

/** One order of all observations, also of those at the same time. */
export function compare(a: Observation, b: Observation): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.start - b.start || a.end - b.end;
}

/** The same for all ranks that say the same: numbers and addresses do not count. */
export function normalized(message: string): string {
  return message.replaceAll(/0x[\da-f]+|\d+(?:\.\d+)?/gi, '#').slice(0, 200);
}
