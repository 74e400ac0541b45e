/**
 * What is known of a line of text before its numbers are read, and so of every line of its shape (line-shapes.ts): which readers need not be
 * asked, where the numbers stand that another one has found, whether it may tell of a failure.
 */
import type { FactBody } from '../core/fact.ts';
import type { LogEvent } from '../core/event.ts';
import { withBareNumbers } from './numbers.ts';
import { hintsIn } from './observations/hints.ts';
import type { FactReader, LineReader, ReadableEvent, ReadableLine, TrainContext } from './reader.ts';
import { epochIn, tellsOfResuming } from './restarts.ts';
import { countAt, isNothingAlone, isOfShape, pointsAt } from './stated.ts';
import type { Finding, Place } from './stated.ts';

export interface LineTraits {
  namesStep: boolean;
  namesRound: boolean;
  /** Readers are asked about another line: with bare numbers in place of their representations. */
  wrapsNumbers: boolean;
  /** Who is asked about each line, in this order; then it is what was found that is read. */
  asked: readonly (FactReader | LineReader)[];
  found: { reader: LineReader; finding: Finding } | null;
  /** What is in it of the hints that it tells of a failure or a phase. */
  hints: ReadonlySet<string>;
  /** The epoch that it states. */
  epoch: Place | null;
  resumes: boolean;
}

/** The traits of a line, as these readers see them: the same for all lines of its shape. */
export function traitsIn(line: string, readers: Readers): LineTraits {
  const hasNumbers = holdsNumbers(line);
  const readable = hasNumbers ? readableLine(line) : { line, namesStep: false, namesRound: false };
  const { namesStep, namesRound } = readable;
  const { asked, found } = askedOf(readable, hasNumbers ? readers : ofWords(readers));
  return {
    namesStep,
    namesRound,
    wrapsNumbers: withBareNumbers(line) !== line,
    asked,
    found,
    hints: hintsIn(line),
    epoch: epochIn(line),
    resumes: tellsOfResuming(line),
  };
}

const timeHead = /^[^\w]{0,4}\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?/;
const numbers = /(?<![A-Za-z_])\d|nan|inf(?:inity)?\b/gi;

/** Whether a number stands in it, or what stands for none, but for its time at the beginning: most lines of words have none. */
function holdsNumbers(line: string): boolean {
  numbers.lastIndex = timeHead.exec(line)?.[0].length ?? 0;
  return numbers.test(line);
}

type Readers = readonly (FactReader | LineReader)[];

const withoutFinders = new WeakMap<Readers, Readers>();

/** Those that read lines without a number, too. */
function ofWords(readers: Readers): Readers {
  let known = withoutFinders.get(readers);
  if (known === undefined) {
    known = readers.filter((reader) => !('find' in reader));
    withoutFinders.set(readers, known);
  }
  return known;
}

const stepWord = /step|iter|num_updates/i;
const roundWord = /epoch|episode|batch|test|val|dev(?![a-z])|acc@|cur metric|TRAIN : /i;

export function readableLine(line: string): ReadableLine {
  return { line, namesStep: stepWord.test(line), namesRound: roundWord.test(line) };
}

function askedOf(readable: ReadableLine, readers: Readers): Pick<LineTraits, 'asked' | 'found'> {
  const asked: (FactReader | LineReader)[] = [];
  for (const reader of readers) {
    if (!('find' in reader)) {
      if (reader.mayMatchLine?.(readable) ?? true) asked.push(reader);
      continue;
    }
    const finding = reader.find(readable);
    if (finding === null) continue;
    if (isOfShape(readable.line, finding)) return { asked, found: { reader, finding } };
    asked.push(reader);
  }
  return { asked, found: null };
}

/** Null: the reader says that it is none of its lines or events. */
export function ask(
  reader: FactReader | LineReader,
  readable: ReadableEvent,
  context: TrainContext,
): FactBody[] | null {
  if (!('find' in reader)) return reader.matches(readable) ? reader.read(readable, context) : null;
  const finding = reader.find(readable);
  return finding === null || isNothingAlone(finding)
    ? null
    : readFound({ reader, finding }, readable, context);
}

/** The points of a line of which is known where its numbers stand. */
export function readFound(
  { reader, finding }: { reader: LineReader; finding: Finding },
  { line, event }: { line: string; event: LogEvent },
  context: TrainContext,
): FactBody[] {
  const { counts, statements } = finding;
  if (statements.length === 0) return [];
  const stated = finding.total ? countAt(line, finding.total) : null;
  if (reader.stepOf === undefined) {
    const [step] = counts;
    return pointsAt(line, step === undefined ? null : countAt(line, step), statements, stated);
  }
  const numbers = counts.map((place) => countAt(line, place));
  const step = reader.stepOf(numbers, event, context);
  return pointsAt(line, step, statements, reader.totalOf?.(numbers, context) ?? stated);
}
