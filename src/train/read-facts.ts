/**
 * What an event says about training. One reader per framework or format, in a list (readers.ts); the first that matches reads
 * the event. Deterministic: a function of the event and of the stream's context, which is plain JSON and bounded.
 *
 * Failure rule: an event that no reader knows has no facts; a reader never throws.
 */
import type { LogEvent } from '../core/event.ts';
import type { Fact, FactBase, FactBody, PointBody } from '../core/fact.ts';
import { withoutLauncherPrefixes } from '../core/launcher-prefix.ts';
import { withoutPassedOn } from '../core/passed-on.ts';
import { holdsResources } from '../core/resources.ts';
import { LineShapes, shapedMax } from './line-shapes.ts';
import { ask, readFound, readableLine, traitsIn } from './line-traits.ts';
import type { LineTraits } from './line-traits.ts';
import { withBareNumbers } from './numbers.ts';
import { readObservations } from './observations/read-observations.ts';
import type { FactReader, ReadableEvent, TrainContext } from './reader.ts';
import { readerOf, readersOf } from './readers.ts';
import { wordsOf } from './records.ts';
import { copyRestarts, countRestarts } from './restarts.ts';

const lines = new LineShapes((line) => traitsIn(line, readersOf.line));

/** Longer messages are no statements of a trainer. */
const lineMax = 64 * 1024;

type Context = TrainContext & Record<string, unknown>;

/**
 * The facts of a closed event, and `context.train` as it is after it. Give each stream's events in their order; open ones
 * are not read. `context` is not changed. `own`: readers that are asked before those of known formats.
 */
export function readFacts(
  event: LogEvent,
  context: Record<string, unknown>,
  own: readonly FactReader[] = [],
): { facts: Fact[]; context: Record<string, unknown> } {
  const stream = new StreamFacts(context, own);
  return { facts: stream.read(event), context: stream.context };
}

/** The facts of a stream's closed events, which are read one after the other, as `readFacts` does it: with one copy of the context for all. */
export class StreamFacts {
  readonly #own: readonly FactReader[];
  #context: Context;
  #isCopied = false;

  constructor(context: Record<string, unknown> = {}, own: readonly FactReader[] = []) {
    this.#context = context;
    this.#own = own;
  }

  /** `context.train` as it is after the events so far. The next one changes it. */
  get context(): Record<string, unknown> {
    return this.#context;
  }

  read(whole: LogEvent): Fact[] {
    const event = withoutPrefixes(whole);
    if (!this.#isCopied) this.#context = copyOf(this.#context);
    this.#isCopied = true;
    const context = this.#context;
    const traits = traitsOf(event);
    const bodies = readBodies(event, traits, context, this.#own);
    if (holdsResources(event.origin)) return factsOf(event, bodies);
    if (event.kind === 'line') noteCounted(bodies, traits, context);
    const observed = readObservations(event, traits?.hints, bodies, (context.failures ??= {}));
    const restarts = countRestarts(event, traits, bodies, observed, context.restarts);
    if (restarts !== undefined) context.restarts = restarts;
    return factsOf(event, observed.length === 0 ? bodies : [...bodies, ...observed]);
  }
}

/** What an evaluation measures that names no step is of the last one that was counted. */
function noteCounted(bodies: readonly FactBody[], traits: LineTraits | null, context: TrainContext): void {
  const namesStep = traits?.namesStep === true;
  if (context.countsSteps === true && !namesStep && traits?.epoch) return;
  for (const body of bodies) {
    if (body.kind !== 'point' || body.step === null || body.canonical === null) continue;
    if (!body.canonical.startsWith('validation_')) {
      context.counted = body.step;
      if (namesStep) context.countsSteps = true;
    }
  }
}

/** Of what is changed in place. */
function copyOf(context: Context): Context {
  const { failures, restarts } = context;
  return {
    ...context,
    failures: { ...failures },
    ...(restarts !== undefined && { restarts: copyRestarts(restarts) }),
  };
}

/** Of an event that is one line of text, no longer than most. */
function traitsOf({ kind, part, message }: LogEvent): LineTraits | null {
  return kind === 'line' && part === 0 && message.length <= shapedMax && !message.includes('\n')
    ? lines.of(message)
    : null;
}

function readBodies(
  event: LogEvent,
  traits: LineTraits | null,
  context: TrainContext,
  own: readonly FactReader[],
): readonly FactBody[] {
  if (event.part > 0 || event.kind === 'traceback') return noBodies;
  const bodies = readWith(event, traits, context, own);
  if (traits !== null || readerOf(event.origin) !== null) return bodies;
  if (event.kind === 'record') return bodies.length > 0 ? bodies : readWords(event, context, own);
  if (event.kind !== 'line') return bodies;
  const below = statingLines(event.message).map((message) => ({ ...event, message }));
  return below.length === 0
    ? bodies
    : [bodies, ...below.map((line) => readWith(line, traitsOf(line), context, own))].flat();
}

/** What a record says in words is read as a line. */
function readWords(event: LogEvent, context: TrainContext, own: readonly FactReader[]): readonly FactBody[] {
  const message = event.fields === undefined ? '' : wordsOf(event.fields);
  if (message === '') return noBodies;
  const said = withoutPrefixes({ ...event, kind: 'line', message });
  return readBodies(said, traitsOf(said), context, own);
}

/**
 * Lines that a space indents, and so belong to the one before them, and are statements of their own: Megatron-LM's and GPT-NeoX's
 * (` iteration …`, ` validation loss at iteration …`), torchvision's (` * Acc@1 …`), Darknet's (` 120: …`).
 */
const statingLine = /\n (?=[a-z]|\* |\d{1,12}: )/;
const statingLinesMax = 64;

function statingLines(message: string): readonly string[] {
  if (!message.includes('\n ') || !statingLine.test(message)) return [];
  return message
    .split('\n', statingLinesMax)
    .slice(1)
    .filter((line) => /^ (?:[a-z]|\* |\d{1,12}: )/.test(line));
}

function readWith(
  event: LogEvent,
  traits: LineTraits | null,
  context: TrainContext,
  own: readonly FactReader[],
): readonly FactBody[] {
  const readable = readableOf(event, traits);
  const ownReader = own.find((each) => each.matches(readable));
  if (ownReader !== undefined) return ownReader.read(readable, context) ?? noBodies;
  const reader = readerOf(event.origin);
  if (reader !== null) return reader.read(readable);
  const known = traits?.wrapsNumbers === true ? lines.of(readable.line) : traits;
  for (const each of known?.asked ?? readersOf[event.kind]) {
    const bodies = ask(each, readable, context);
    if (bodies !== null) return bodies;
  }
  return known?.found ? readFound(known.found, readable, context) : noBodies;
}

/** What every reader is asked about. */
export function readableOf(event: LogEvent, traits: LineTraits | null = null): ReadableEvent {
  if (traits?.wrapsNumbers === false) {
    const { namesStep, namesRound } = traits;
    return { event, line: event.message, namesStep, namesRound };
  }
  const line = withBareNumbers(firstLine(event.message));
  return {
    event,
    ...(event.kind === 'line' ? readableLine(line) : { line, namesStep: false, namesRound: false }),
  };
}

/** The event as its process wrote it. */
export function withoutPrefixes(event: LogEvent): LogEvent {
  if (event.kind === 'record') return event;
  const { rank } = event;
  const bare = withoutPassedOn(withoutLauncherPrefixes(event.message, rank));
  const message = bare === event.message ? bare : withoutLauncherPrefixes(bare, rank);
  return message === event.message ? event : { ...event, message };
}

const noBodies: readonly FactBody[] = [];

/** Gives the bodies their ids: the event's, a dash, the ordinal. */
function factsOf(event: LogEvent, bodies: readonly FactBody[]): Fact[] {
  return bodies.map((body, ordinal) =>
    body.kind === 'point' ? pointFact(event, ordinal, body) : { ...baseOf(event, ordinal), ...body },
  );
}

function baseOf(event: LogEvent, ordinal: number): FactBase {
  const { id, rank, stream, start, end, time, observed, version } = event;
  const { run, attempt, host, path } = event.origin;
  const fact = `${id}-${ordinal}`;
  const base = { id: fact, event: id, run, attempt, rank, host, stream, path, start, end, time, observed };
  return version === undefined ? base : { ...base, version };
}

/** Most facts are points: made at once, not out of their parts. */
function pointFact(event: LogEvent, ordinal: number, body: PointBody): Fact {
  const { run, attempt, host, path } = event.origin;
  const fact: Fact = {
    id: `${event.id}-${ordinal}`,
    event: event.id,
    run,
    attempt,
    rank: event.rank,
    host,
    stream: event.stream,
    path,
    start: event.start,
    end: event.end,
    time: body.time ?? event.time,
    observed: event.observed,
    kind: 'point',
    step: body.step,
    name: body.name,
    canonical: body.canonical,
    value: body.value,
  };
  if (body.total !== undefined) fact.total = body.total;
  if (body.decimals !== undefined) fact.decimals = body.decimals;
  if (body.restart !== undefined) fact.restart = body.restart;
  if (event.version !== undefined) fact.version = event.version;
  return fact;
}

function firstLine(message: string): string {
  const end = message.indexOf('\n');
  const line = end < 0 ? message : message.slice(0, end);
  return line.length > lineMax ? line.slice(0, lineMax) : line;
}
