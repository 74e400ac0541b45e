/**
 * What is remembered of one attempt of a run, to tell why it failed: when each rank last made a step, and what was observed, once a
 * rank, stream and kind, with how often. Filled from facts in any order of the streams, and from those of one stream in their order;
 * the same fact twice changes nothing but a count. Bounded: what is over a bound is counted in `dropped`.
 */
import type { Fact, FactBase, ObservationBody, PointFact } from '../../core/fact.ts';
import { isResource } from '../../core/resources.ts';
import { newStreamWatch, watch } from './stream-watch.ts';
import type { StreamWatch } from './stream-watch.ts';
import { clockOf, timeBy } from './timeline.ts';
import type { Clock } from './timeline.ts';

export type Observation = FactBase & ObservationBody;

/** Observations of one rank, stream and kind. */
export interface Kept {
  /** Who wrote it; null where nobody is named. */
  rank: number | null;
  first: Observation;
  last: Observation;
  count: number;
  /** Of a warning: how often in a row, with nothing good between. */
  streak: number;
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
  /** Steps that were skipped since the last sign of a step, and the offset of what told so last. */
  skipped: number;
  skippedAt: number;
  /** Offset of the last sign of steps of which at least half were taken; -1: none. */
  takenAt: number;
  /** Offset of the last step that is lower than the one before it; -1: none. */
  backAt: number;
}

export interface RankRecord {
  streams: Map<string, StreamRecord>;
}

const stepsMax = 4;
const streamsMax = 64;
const ranksMax = 65_536;
const keptMax = 8_192;
const scaleSearchMax = 32;
const watchedMax = 4_096;
const namedMax = 64;

export class AttemptRecord {
  readonly attempt: number;
  readonly ranks = new Map<number | null, RankRecord>();
  readonly kept = new Map<string, Kept>();
  /** By rank and stream. */
  readonly watched = new Map<string, StreamWatch>();
  dropped = 0;
  /** Facts of one stream mostly come together. */
  #current: { rank: number | null; id: string; watch: StreamWatch } | null = null;
  /** The earliest fact, by each clock. */
  readonly started: Record<Clock, FactBase | null> = { own: null, observed: null };

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  take(fact: Fact): void {
    this.#noteStart(fact);
    this.#watch(fact);
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
    if (stream.skipped === 0 || (last !== undefined && stream.skipped * 2 < step - last.step))
      stream.takenAt = start;
    stream.skipped = 0;
    if (last !== undefined && step < last.step) stream.backAt = start;
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
    const stream = fact.role === 'warning' ? this.#streamBeside(fact) : null;
    if (fact.class === 'overflow' && stream !== null) noteSkipped(fact, stream);
    if (known !== undefined) {
      known.count += 1;
      if (fact.start > known.last.start)
        known.streak = wentWellSince(known.last, stream) ? streakStart(fact, stream) : known.streak + 1;
      if (fact.start < known.first.start) known.first = fact;
      if (fact.start > known.last.start) known.last = fact;
    } else if (this.kept.size < keptMax)
      this.kept.set(key, { rank, first: fact, last: fact, count: 1, streak: streakStart(fact, stream) });
    else this.dropped += 1;
  }

  #noteStart(fact: Fact): void {
    if (fact.kind === 'point' && isResource(fact)) return;
    // What a machine's log tells may be older than the run.
    if (fact.kind === 'observation' && fact.rank === null) return;
    const { started } = this;
    if (isEarlier(fact, started.observed, 'observed')) started.observed = fact;
    if (clockOf(fact) === 'own' && isEarlier(fact, started.own, 'own')) started.own = fact;
  }

  #watch(fact: Fact): void {
    if (fact.kind === 'point' && isResource(fact)) return;
    if (this.#current?.rank !== fact.rank || this.#current.id !== fact.stream)
      this.#current = { rank: fact.rank, id: fact.stream, watch: this.#watchOf(fact) };
    watch(this.#current.watch, fact);
  }

  #watchOf(fact: Fact): StreamWatch {
    const key = `${fact.rank} ${fact.stream}`;
    const known = this.watched.get(key);
    if (known !== undefined) return known;
    if (this.watched.size >= watchedMax) forgetQuietest(this.watched, ({ lastObserved }) => lastObserved);
    const created = newStreamWatch(fact);
    this.watched.set(key, created);
    return created;
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
    if (record.streams.size >= streamsMax) forgetQuietest(record.streams, ({ lastTime }) => lastTime);
    const added: StreamRecord = {
      steps: [],
      lossAt: -1,
      normAt: -1,
      lossBefore: -1,
      lossEvent: null,
      summary: null,
      firstTime: Infinity,
      lastTime: -Infinity,
      skipped: 0,
      skippedAt: -1,
      takenAt: -1,
      backAt: -1,
    };
    record.streams.set(stream, added);
    return added;
  }

  /** Of a warning: where its steps are told. Of lines of one process not all need to name its rank. */
  #streamBeside(fact: Observation): StreamRecord | null {
    const own = this.#stream(fact);
    if (own === null || own.steps.length > 0 || this.ranks.size > namedMax) return own;
    for (const [rank, { streams }] of this.ranks) {
      const other = fact.rank === null || rank === null ? streams.get(fact.stream) : undefined;
      if (other !== undefined && other.steps.length > 0) return other;
    }
    return own;
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
function forgetQuietest<Stream>(streams: Map<string, Stream>, heardOf: (stream: Stream) => number): void {
  let quietest: string | null = null;
  let heard = Infinity;
  for (const [key, stream] of streams)
    if (quietest === null || heardOf(stream) < heard) {
      quietest = key;
      heard = heardOf(stream);
    }
  if (quietest !== null) streams.delete(quietest);
}

function isEarlier(fact: FactBase, known: FactBase | null, clock: Clock): boolean {
  if (known === null) return true;
  const by = timeBy(clock, fact) - timeBy(clock, known);
  return by < 0 || (by === 0 && fact.id < known.id);
}

function noteSkipped({ start, details }: Observation, stream: StreamRecord): void {
  if (start <= stream.skippedAt) return;
  stream.skippedAt = start;
  stream.skipped += details?.skipped ?? 1;
}

function wentWellSince({ class: name, start }: Observation, stream: StreamRecord | null): boolean {
  if (stream === null) return false;
  return name === 'overflow' ? stream.takenAt > start : stream.normAt > start;
}

/** Before the first step that is taken, the loss scale is searched for: from 2^32 down, one step after the other. */
function streakStart({ class: name }: Observation, stream: StreamRecord | null): number {
  return name === 'overflow' && (stream?.takenAt ?? -1) < 0 ? 1 - scaleSearchMax : 1;
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
