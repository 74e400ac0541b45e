/**
 * What an event says about training. One reader per framework or format, in a list; the first that matches reads the
 * event. Deterministic: a function of the event and of the stream's context, which is plain JSON and bounded.
 *
 * Failure rule: an event that no reader knows has no facts; a reader never throws.
 */
import type { LogEvent } from '../core/event.ts';
import type { Fact, FactBody } from '../core/fact.ts';
import { holdsResources } from '../core/resources.ts';
import type { Origin } from '../core/segment.ts';
import { iterationLineReader } from './iteration-lines.ts';
import { kerasReader } from './keras.ts';
import { megatronReader } from './megatron.ts';
import { mlflowReader } from './mlflow.ts';
import { printedDictReader } from './printed-dict.ts';
import { readObservations } from './observations/read-observations.ts';
import { progressBarReader } from './progress-bar.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { recordReader, rowReader } from './records.ts';
import { resourceReader } from './resources.ts';
import { countRestarts } from './restarts.ts';
import { statementReader } from './statements.ts';
import { tensorboardReader } from './tensorboard.ts';
import { trainerStateReader } from './trainer-state.ts';
import { wandbReader, wandbSummaryReader } from './wandb.ts';

/** Known by the stream's origin. */
const streamReaders: readonly FactReader[] = [resourceReader, mlflowReader, wandbSummaryReader];
/** Known by the event; more specific ones first. */
const eventReaders: readonly FactReader[] = [
  kerasReader,
  progressBarReader,
  trainerStateReader,
  tensorboardReader,
  wandbReader,
  rowReader,
  recordReader,
  printedDictReader,
  megatronReader,
  iterationLineReader,
  statementReader,
];

/** Longer messages are no statements of a trainer. */
const lineMax = 64 * 1024;

/**
 * The facts of a closed event, and `context.train` as it is after it. Give each stream's events in their order; open ones
 * are not read. `context` is not changed.
 */
export function readFacts(
  event: LogEvent,
  context: Record<string, unknown>,
): { facts: Fact[]; context: Record<string, unknown> } {
  const before: TrainContext = context;
  const after: TrainContext & Record<string, unknown> = { ...before, failures: { ...before.failures } };
  const bodies = readBodies(event, after);
  const observed = holdsResources(event.origin) ? [] : readObservations(event, bodies, after.failures ?? {});
  if (!holdsResources(event.origin)) {
    const restarts = countRestarts(event, bodies, observed, before.restarts);
    if (restarts !== undefined) after.restarts = restarts;
  }
  const all = observed.length === 0 ? bodies : [...bodies, ...observed];
  return { facts: all.length === 0 ? noFacts : factsOf(event, all), context: after };
}

function readBodies(event: LogEvent, context: TrainContext): readonly FactBody[] {
  if (event.part > 0 || event.kind === 'traceback') return noBodies;
  const readable = { event, line: firstLine(event.message) };
  const reader = readersOf(event.origin).find((reader) => reader.matches(readable));
  return reader === undefined ? noBodies : reader.read(readable, context);
}

/** The events of a stream share their origin, and come one after the other: it is asked once for many of them. */
let lastStream: { origin: Origin; readers: readonly FactReader[] } | undefined;

function readersOf(origin: Origin): readonly FactReader[] {
  if (lastStream?.origin !== origin) {
    const own = streamReaders.find((reader) => reader.ofStream?.(origin));
    lastStream = { origin, readers: own === undefined ? eventReaders : [own] };
  }
  return lastStream.readers;
}

const noBodies: readonly FactBody[] = [];
const noFacts: Fact[] = [];

/** Gives the bodies their ids: the event's, a dash, the ordinal. */
export function factsOf(event: LogEvent, bodies: readonly FactBody[]): Fact[] {
  const { run, attempt, host, path } = event.origin;
  return bodies.map((body, ordinal) => ({
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
    time: event.time,
    observed: event.observed,
    ...(event.version !== undefined && { version: event.version }),
    ...body,
  }));
}

function firstLine(message: string): string {
  const end = message.indexOf('\n');
  const line = end < 0 ? message : message.slice(0, end);
  return line.length > lineMax ? line.slice(0, lineMax) : line;
}
