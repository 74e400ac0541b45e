/**
 * What an event says of a failure: texts by their signatures, exceptions by the one that was raised first, exit statuses, and losses that
 * are no numbers. A line that says nothing costs one scan.
 *
 * What is remembered of the stream (`FailureMemory`) is bounded: the ranks that wrote to it, a traceback that other ranks' lines have cut
 * in two, an exception that was logged and may have been survived.
 *
 * Failure rule: nothing here throws on content, and all of it takes time linear in the event.
 */
import type { LogEvent } from '../../core/event.ts';
import type { FactBody, ObservationBody } from '../../core/fact.ts';
import { readPhase } from '../phases.ts';
import { rayHint, readDrawn } from './drawn-tracebacks.ts';
import type { DrawnTraceback } from './drawn-tracebacks.ts';
import { readExit } from './exits.ts';
import { graphErrorEventsMax, isBareGraphError, readGraphError } from './graph-errors.ts';
import type { GraphError } from './graph-errors.ts';
import { hintsIn, ignoredHints, javaHint, rHints, tracebackHint } from './hints.ts';
import { observeNumbers } from './not-a-number.ts';
import type { NumberMemory } from './not-a-number.ts';
import { raisedBody } from './raised.ts';
import { recordTexts } from './record-texts.ts';
import { addDetails, lineAround, messageMax, observationOf, shortened, signed } from './signed.ts';
import { exceptionOf, readTraceback } from './tracebacks.ts';
import type { Traceback } from './tracebacks.ts';

/** Plain JSON. */
export interface FailureMemory extends NumberMemory {
  /** ms since epoch: the last time that the stream told. */
  time?: number;
  ranks?: number[];
  /** By rank (`-`: unknown): whether the traceback that was cut began where nothing catches. */
  cut?: Record<string, boolean>;
  /** The rank whose exception torch.multiprocessing or Ray Train is about to print. */
  announced?: number;
  /** It has ended the program that prints it. */
  announcedEnd?: boolean;
  /** By rank (`-`: unknown): events to go until the process that logged an exception has gone on. */
  wentOn?: Record<string, number> | undefined;
  /** The rank (`-`: unknown) that is about to print a traceback that ends nothing, as Python says. */
  ignored?: string;
  /** A traceback that is drawn, or labelled, line by line. */
  drawn?: DrawnTraceback;
  /** Of which TensorFlow is about to say what was wrong. */
  graph?: GraphError;
  /** By which R is about to end: `Error in f(x) : …`. */
  rError?: string;
  /** The rank (`-`: unknown) that has said why it ends, and is about to print where it stands. */
  fatal?: string;
}

const ranksMax = 4096;
const cutMax = 256;
const textMax = 64 * 1024;
/** A server that logs an exception and then so many more events at their ease has survived it. */
const wentOnAfter = 3;

/** absl's and glog's, behind whatever they end a process for. */
const nativeStack = '*** Check failure stack trace: ***';
const rError = /^Error(?: in .{1,400}?)? ?: ?\s*\S/s;
/** Ray Train's, before what a worker has raised. */
const snippetHint = ' Error Snippet]:';

/**
 * `event`: without launchers' prefixes. `known`: the hints that are in its message, where they are known. `bodies`: what else it says. `memory` is
 * changed, but for what its lists and tables hold.
 */
export function readObservations(
  event: LogEvent,
  known: ReadonlySet<string> | undefined,
  bodies: readonly FactBody[],
  memory: FailureMemory,
): FactBody[] {
  const found: FactBody[] = [];
  if (event.rank !== null) noteRank(event.rank, memory, found);
  for (const body of observeNumbers(event, bodies, memory)) found.push(body);
  if (event.kind !== 'progress' && event.part === 0) {
    const before = found.length;
    const hints = event.kind === 'traceback' ? noHints : (known ?? hintsIn(event.message));
    for (const body of observeText(event, hints, memory)) found.push(body);
    if (found.length === before) noteGoingOn(event, memory, found);
    const phase = hints.size > 0 ? readPhase(event, bodies, hints) : null;
    if (phase !== null) found.push(phase);
  }
  if (event.timeSource === 'event') memory.time = event.time;
  else if (memory.time !== undefined)
    for (const body of found) if (body.kind === 'observation') addDetails(body, { since: memory.time });
  return found;
}

function noteRank(rank: number, memory: FailureMemory, found: FactBody[]): void {
  const ranks = memory.ranks ?? [];
  if (ranks.includes(rank) || ranks.length >= ranksMax) return;
  memory.ranks = [...ranks, rank];
  found.push({ kind: 'lifecycle', state: 'started' });
}

const noHints: ReadonlySet<string> = new Set();

function observeText(event: LogEvent, hints: ReadonlySet<string>, memory: FailureMemory): ObservationBody[] {
  const isIgnored = memory.ignored !== undefined && memory.ignored === rankKey(event);
  if (isIgnored) delete memory.ignored;
  if (event.kind === 'traceback') return isIgnored ? [] : observeException(event, event.message, memory);
  const { message } = event;
  if (event.kind === 'record') {
    if (event.fields === undefined || !(hints.size > 0 || isGrave(event))) return [];
    return observeRecord(event, event.fields, memory);
  }
  if (memory.cut !== undefined) {
    const raised = observeCutEnd(event, memory, memory.cut);
    if (raised !== null) return [raised];
  }
  if (memory.drawn !== undefined || hints.has(tracebackHint) || hints.has(rayHint)) {
    const raised = observeDrawn(event, hints, memory);
    if (raised !== null) return [raised];
  }
  if (memory.graph !== undefined) {
    const raised = observeGraphError(event, memory, memory.graph);
    if (raised !== null) return [raised];
  }
  if (hints.size === 0) return [];
  const text = message.slice(0, textMax);
  if (isIgnoredStart(text, hints)) memory.ignored = rankKey(event);
  if (hints.has(nativeStack) && memory.fatal === rankKey(event)) return [];
  const found = observeLine(text, hints, memory);
  if (found.length > 0 && (event.level === 'fatal' || /^F\d{4} /.test(text))) memory.fatal = rankKey(event);
  return event.logger === 'py.warnings' ? found.map(asWarning) : found;
}

/** R says what was wrong some lines before it says that it ends. */
function observeREnd(
  text: string,
  hints: ReadonlySet<string>,
  memory: FailureMemory,
  found: readonly ObservationBody[],
): void {
  if (rHints.some((hint) => hints.has(hint)) && rError.test(text)) memory.rError = shortened(text);
  if (memory.rError === undefined) return;
  for (const body of found) if (body.class === 'r') body.message = memory.rError;
}

function noteAnnounced(text: string, memory: FailureMemory): void {
  const announced =
    /-- Process (\d{1,8}) terminated with the following error:|^\[Rank (\d{1,8}) Error Snippet\]:/m.exec(
      text,
    );
  if (announced !== null) memory.announced = Number(announced[1] ?? announced[2]);
}

/** What Python only warns of has not failed yet. */
function asWarning(body: ObservationBody): ObservationBody {
  return body.role === 'root' ? { ...body, role: 'warning' } : body;
}

function observeLine(text: string, hints: ReadonlySet<string>, memory: FailureMemory): ObservationBody[] {
  noteAnnounced(text, memory);
  const found = signed(text, hints).map(({ signature, match }) => observationOf(signature, match, text));
  if (memory.announcedEnd === true && hints.has(snippetHint))
    for (const body of found) addDetails(body, { end: 'likely' });
  observeREnd(text, hints, memory, found);
  const exit = readExit(text, hints);
  return exit === null ? found : [...found, exit];
}

/** Under which memory keeps what it keeps by rank. */
function rankKey({ rank }: LogEvent): string {
  return String(rank ?? '-');
}

function isIgnoredStart(text: string, hints: ReadonlySet<string>): boolean {
  return ignoredHints.some((hint) => hints.has(hint) && text.startsWith(hint));
}

function isIgnoredText(text: string): boolean {
  const at = text.indexOf(tracebackHint);
  const before = text.slice(Math.max(0, at - 400), Math.max(0, at));
  return ignoredHints.some((hint) => before.startsWith(hint) || before.includes(`\n${hint}`));
}

/** The exception, where this event names it. */
function observeDrawn(
  event: LogEvent,
  hints: ReadonlySet<string>,
  memory: FailureMemory,
): ObservationBody | null {
  const key = rankKey(event);
  if (memory.drawn !== undefined && memory.drawn.rank !== key) return null;
  const { drawn, raised } = readDrawn(
    event.message.slice(0, textMax),
    key,
    memory.drawn,
    hints.has(tracebackHint) || hints.has(rayHint),
  );
  if (drawn === undefined) delete memory.drawn;
  else memory.drawn = drawn;
  if (raised === null) return null;
  return raisedBody({ exceptions: [raised], where: raised.where });
}

// ---- signatures

// ---- exceptions

function observeException(event: LogEvent, text: string, memory: FailureMemory): ObservationBody[] {
  const traceback = readTraceback(text);
  if (traceback === null) return text.includes('\n\tat ') ? observeJava(event, text, memory) : [];
  if (ignoredHints.some((hint) => text.includes(hint)) && isIgnoredText(text)) return [];
  const isLogged = isLogRecord(event);
  const isOfProgram = isOutermost(traceback.outermost);
  const isUncaught = !isLogged && isOfProgram;
  if (traceback.exceptions.length === 0) {
    rememberCut(event, isUncaught, memory);
    return [];
  }
  const body = raisedBody(traceback);
  if (isUncaught) addDetails(body, { end: 'likely' });
  noteGraphError(event, traceback, isUncaught, memory);
  noteAnnounced(text, memory);
  if (memory.announced !== undefined) addDetails(body, { writer: memory.announced });
  if (memory.announcedEnd === true) addDetails(body, { end: 'likely' });
  delete memory.announced;
  delete memory.announcedEnd;
  // Ray Train quotes behind its own exception what the workers have raised.
  if (isUncaught && body.details?.exception?.endsWith('.WorkerGroupError') === true)
    memory.announcedEnd = true;
  if (isLogged) afterLogged(event, body, memory, isOfProgram);
  const positions = signed(text, hintsIn(text)).filter(
    ({ signature }) => signature.class === 'nccl-position',
  );
  return [body, ...positions.map(({ signature, match }) => observationOf(signature, match, text))];
}

/** Other ranks' lines stand between a traceback and what was raised. */
function rememberCut(event: LogEvent, isUncaught: boolean, memory: FailureMemory): void {
  if (Object.keys(memory.cut ?? {}).length < cutMax)
    memory.cut = { ...memory.cut, [rankKey(event)]: isUncaught };
}

function observeCutEnd(
  event: LogEvent,
  memory: FailureMemory,
  cut: Readonly<Record<string, boolean>>,
): ObservationBody | null {
  const key = rankKey(event);
  const { [key]: isUncaught, ...others } = cut;
  if (isUncaught === undefined) return null;
  const lines = event.message.slice(0, textMax).split('\n');
  const at = lines.findIndex((line) => line !== '' && !/^\s/.test(line));
  const raised = at < 0 ? null : exceptionOf(lines[at] ?? '');
  if (raised === null) return null;
  memory.cut = others;
  const message = [raised.message, ...lines.slice(at + 1)].join('\n').slice(0, 2_000);
  const body = raisedBody({ exceptions: [{ ...raised, message }], where: null });
  return isUncaught ? addDetails(body, { end: 'likely' }) : body;
}

function noteGraphError(
  event: LogEvent,
  { exceptions, where }: Traceback,
  isUncaught: boolean,
  memory: FailureMemory,
): void {
  const last = exceptions.at(-1);
  if (last === undefined || !isBareGraphError(last.message)) return;
  memory.graph = {
    rank: rankKey(event),
    type: last.type,
    where,
    isUncaught,
    said: '',
    left: graphErrorEventsMax,
  };
}

function observeGraphError(
  event: LogEvent,
  memory: FailureMemory,
  graph: GraphError,
): ObservationBody | null {
  if (graph.rank !== rankKey(event)) return null;
  const text = event.message.slice(0, textMax);
  const message = readGraphError(text, graph.said);
  const said = text.trim() === '' ? graph.said : text.slice(0, messageMax);
  if (message === null && graph.left > 0) memory.graph = { ...graph, said, left: graph.left - 1 };
  else delete memory.graph;
  if (message === null) return null;
  const body = raisedBody({ exceptions: [{ type: graph.type, message }], where: graph.where });
  return graph.isUncaught ? addDetails(body, { end: 'likely' }) : body;
}

const javaHead = /(?:^|\s)((?:[a-z_]\w{0,60}\.){1,16}[A-Z][\w$]{0,120}(?::.*)?)$/m;

function observeJava(event: LogEvent, text: string, memory: FailureMemory): ObservationBody[] {
  const causes = [...text.matchAll(/^Caused by: (.{1,2000})$/gm)];
  const innermost = causes.at(-1)?.[1] ?? javaHead.exec(text)?.[1] ?? lineAround(text, 0);
  const isUncaught = /^Exception in thread "/m.test(text) || event.level === 'fatal';
  const isFull = /No space left on device|Disk quota exceeded/.test(innermost);
  const body: ObservationBody = {
    kind: 'observation',
    class: isFull ? 'disk-full' : 'java',
    role: 'root',
    message: shortened(innermost),
  };
  const exception = /^[\w.$]{1,300}/.exec(innermost)?.[0];
  addDetails(body, { ...(exception !== undefined && { exception }), ...(isUncaught && { end: 'likely' }) });
  if (!isUncaught) afterLogged(event, body, memory);
  return [body];
}

function observeRecord(
  event: LogEvent,
  fields: Record<string, unknown>,
  memory: FailureMemory,
): ObservationBody[] {
  const { texts, exceptions } = recordTexts(fields);
  if (exceptions !== null) {
    const body = raisedBody({ exceptions, where: null });
    afterLogged(event, body, memory);
    return [body];
  }
  for (const text of texts) {
    // Of what no logger has written, `text` is a sample of data, which may quote anything.
    if (text === fields['text'] && event.level === null && event.timeSource !== 'event') continue;
    const hints = hintsIn(text);
    const found =
      hints.has(tracebackHint) || hints.has(javaHint)
        ? observeException(event, text, memory)
        : hints.size > 0
          ? observeLine(text.slice(0, textMax), hints, memory)
          : [];
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * A logged warning is no failure, whatever it tells, unless the program itself may have ended with the exception: Python prints that behind any
 * line, and so behind a warning.
 */
function afterLogged(
  event: LogEvent,
  body: ObservationBody,
  memory: FailureMemory,
  isOfProgram = false,
): void {
  if (body.role === 'root' && event.level !== null && !isGrave(event) && !isOfProgram) body.role = 'warning';
  if (Object.keys(memory.wentOn ?? {}).length < cutMax)
    memory.wentOn = { ...memory.wentOn, [rankKey(event)]: wentOnAfter };
}

function noteGoingOn(event: LogEvent, memory: FailureMemory, found: FactBody[]): void {
  if (memory.wentOn === undefined || event.timeSource !== 'event' || isGrave(event)) return;
  const own = rankKey(event);
  // Who logged an exception without a name may be any of those that go on.
  const left = Object.entries(memory.wentOn).map(
    ([rank, count]) => [rank, rank === own || rank === '-' ? count - 1 : count] as const,
  );
  const waiting = left.filter(([, count]) => count > 0);
  memory.wentOn = waiting.length === 0 ? undefined : Object.fromEntries(waiting);
  if (waiting.length === left.length) return;
  found.push({
    kind: 'observation',
    class: 'went-on',
    role: 'evidence',
    message: 'went on after an exception that it logged',
  });
}

/** A logger wrote it: it has a time, or is a record. What Python's warnings print is none, nor a traceback with a time before each line. */
function isLogRecord(event: LogEvent): boolean {
  if (event.kind === 'record') return true;
  const isPrinted = event.logger === 'py.warnings' || event.message.startsWith('Traceback (most recent');
  return event.timeSource === 'event' && !isPrinted;
}

function isGrave({ level }: LogEvent): boolean {
  return level === 'error' || level === 'fatal';
}

/** Nothing around it could have caught the exception. */
function isOutermost(name: string | null): boolean {
  return name === '<module>' || name === '_run_module_as_main';
}
