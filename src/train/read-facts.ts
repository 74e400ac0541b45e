/**
 * What an event says about training. One reader per framework or format, in a list; the first that matches reads the
 * event. Deterministic: a function of the event and of the stream's context, which is plain JSON and bounded.
 *
 * Failure rule: an event that no reader knows has no facts; a reader never throws.
 */
import { eventKinds } from '../core/event.ts';
import type { EventKind, LogEvent } from '../core/event.ts';
import type { Fact, FactBody } from '../core/fact.ts';
import { withoutLauncherPrefixes } from '../core/launcher-prefix.ts';
import { holdsResources } from '../core/resources.ts';
import type { Origin } from '../core/segment.ts';
import { boxTableReader } from './box-tables.ts';
import { catboostReader } from './catboost.ts';
import { columnTableReader } from './column-tables.ts';
import { epochBatchReader, epochLineReader } from './epoch-lines.ts';
import { episodeReader, epochSummaryReader } from './epoch-summaries.ts';
import { espnetReader } from './espnet.ts';
import { evaluationReader } from './evaluations.ts';
import { icefallReader } from './icefall.ts';
import { indexedLineReader } from './indexed-lines.ts';
import { iterationLineReader } from './iteration-lines.ts';
import { kerasReader } from './keras.ts';
import { keyValueTableReader } from './key-value-table.ts';
import { loggedDictReader } from './logged-dict.ts';
import { marianReader } from './marian.ts';
import { megatronReader } from './megatron.ts';
import { mlflowReader } from './mlflow.ts';
import { withBareNumbers } from './numbers.ts';
import { pipeTableReader } from './pipe-tables.ts';
import { printedDictReader } from './printed-dict.ts';
import { readObservations } from './observations/read-observations.ts';
import { progressBarReader, progressLineReader } from './progress-bar.ts';
import type { FactReader, ReadableEvent, TrainContext } from './reader.ts';
import { recordReader, rowReader, wordsOf } from './records.ts';
import { resourceReader } from './resources.ts';
import { countRestarts } from './restarts.ts';
import { separatedStatementReader } from './separated-statements.ts';
import { sklearnReader } from './sklearn.ts';
import { statementBlockReader } from './statement-blocks.ts';
import { statementReader } from './statements.ts';
import { tensorboardReader } from './tensorboard.ts';
import { trainerStateReader } from './trainer-state.ts';
import { wandbReader, wandbSummaryReader } from './wandb.ts';

/** Those that are known by the stream's origin, then more specific ones first. */
const readers: readonly FactReader[] = [
  resourceReader,
  mlflowReader,
  wandbSummaryReader,
  kerasReader,
  columnTableReader,
  progressBarReader,
  progressLineReader,
  trainerStateReader,
  tensorboardReader,
  wandbReader,
  rowReader,
  recordReader,
  printedDictReader,
  statementBlockReader,
  megatronReader,
  keyValueTableReader,
  pipeTableReader,
  boxTableReader,
  indexedLineReader,
  catboostReader,
  sklearnReader,
  espnetReader,
  icefallReader,
  marianReader,
  epochLineReader,
  epochBatchReader,
  episodeReader,
  loggedDictReader,
  iterationLineReader,
  separatedStatementReader,
  epochSummaryReader,
  evaluationReader,
  statementReader,
];

/** Longer messages are no statements of a trainer. */
const lineMax = 64 * 1024;

/**
 * The facts of a closed event, and `context.train` as it is after it. Give each stream's events in their order; open ones
 * are not read. `context` is not changed. `own`: readers that are asked before those of known formats.
 */
export function readFacts(
  whole: LogEvent,
  context: Record<string, unknown>,
  own: readonly FactReader[] = noReaders,
): { facts: Fact[]; context: Record<string, unknown> } {
  const message = withoutLauncherPrefixes(whole.message, whole.rank);
  const event = message === whole.message ? whole : { ...whole, message };
  const before: TrainContext = context;
  const after: TrainContext & Record<string, unknown> = { ...before, failures: { ...before.failures } };
  const bodies = readBodies(event, after, own);
  const observed = holdsResources(event.origin) ? [] : readObservations(event, bodies, after.failures ?? {});
  if (!holdsResources(event.origin)) {
    const restarts = countRestarts(event, bodies, observed, before.restarts);
    if (restarts !== undefined) after.restarts = restarts;
  }
  const all = observed.length === 0 ? bodies : [...bodies, ...observed];
  return { facts: all.length === 0 ? noFacts : factsOf(event, all), context: after };
}

function readBodies(event: LogEvent, context: TrainContext, own: readonly FactReader[]): readonly FactBody[] {
  if (event.part > 0 || event.kind === 'traceback') return noBodies;
  const readable = readableOf(event);
  const first = readWith(event, readable, context, own);
  if (event.kind === 'record' && first.length === 0 && event.fields !== undefined) {
    const words = wordsOf(readable);
    return words === '' ? noBodies : readBodies({ ...event, kind: 'line', message: words }, context, own);
  }
  const more = event.kind === 'line' ? statingLines(event.message) : noLines;
  if (more.length === 0) return first;
  return [first, ...more.map((line) => readWith(event, readableOf(event, line), context, own))].flat();
}

/**
 * Lines that a space indents, and so belong to the one before them, and are statements of their own: Megatron-LM's and GPT-NeoX's
 * (` iteration …`, ` validation loss at iteration …`), torchvision's (` * Acc@1 …`).
 */
const statingLine = /\n (?=[a-z]|\* )/;
const statingLinesMax = 64;

function statingLines(message: string): readonly string[] {
  if (!message.includes('\n ') || !statingLine.test(message)) return noLines;
  return message
    .split('\n', statingLinesMax)
    .slice(1)
    .filter((line) => /^ (?:[a-z]|\* )/.test(line));
}

function readWith(
  event: LogEvent,
  readable: ReadableEvent,
  context: TrainContext,
  own: readonly FactReader[],
): readonly FactBody[] {
  const ownReader = own.find((reader) => reader.matches(readable));
  if (ownReader !== undefined) return ownReader.read(readable, context) ?? noBodies;
  for (const reader of readersFor(event)) {
    const bodies = reader.matches(readable) ? reader.read(readable, context) : null;
    if (bodies !== null) return bodies;
  }
  return noBodies;
}

const stepWord = /step|iter|num_updates/i;
const countWord = /epoch|train|episode|batch|iter|step|num_updates|test|val|dev|acc@1|cur metric|^\[/i;

/** What every reader is asked about. */
export function readableOf(event: LogEvent, of = firstLine(event.message)): ReadableEvent {
  const line = withBareNumbers(of);
  const namesRound = event.kind === 'line' && countWord.test(line);
  return { event, line, namesStep: namesRound && stepWord.test(line), namesRound };
}

type ReadersByKind = Readonly<Record<EventKind, readonly FactReader[]>>;
const readersByOrigin = new WeakMap<Origin, ReadersByKind>();

/** The readers that may match the event: most cannot, whatever it says. */
function readersFor({ origin, kind }: LogEvent): readonly FactReader[] {
  let known = readersByOrigin.get(origin);
  if (known === undefined) {
    const possible = readers.filter(({ mayRead }) => mayRead?.(origin) ?? true);
    const entries = eventKinds.map((of) => [of, possible.filter(({ kinds }) => kinds?.includes(of) ?? true)]);
    known = Object.fromEntries(entries) as ReadersByKind;
    readersByOrigin.set(origin, known);
  }
  return known[kind];
}

const noBodies: readonly FactBody[] = [];
const noFacts: Fact[] = [];
const noLines: readonly string[] = [];
const noReaders: readonly FactReader[] = [];

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
