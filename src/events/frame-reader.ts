/**
 * Says of each frame (an atom that shows something) what it is, and to which event it goes:
 *
 *     one whole JSON object ─▶ a record, closed at once
 *     a progress bar        ─▶ redraws the open bar of the same line, else starts one; what is glued behind is a line
 *     any other text        ─▶ takes the place of the frame before it on the same line, or joins the open event
 *                              (grouping.ts), or starts one
 *
 * A frame that ends in `\r` may be drawn over by the next one of the same line (`frameOpen`); then the last one counts.
 */
import {
  noPrefix,
  pythonStart,
  readLabelledPrefix,
  readLauncherPrefix,
  readTaskLabel,
} from '../core/launcher-prefix.ts';
import type { LauncherPrefix } from '../core/launcher-prefix.ts';
import { wordsIn } from '../core/record-words.ts';
import { isApart, readPassedOn } from '../core/passed-on.ts';
import type { PassedOn } from '../core/passed-on.ts';
import type { CutState } from './cut-state.ts';
import { frameBottomEnd } from './drawn-bars.ts';
import type { EventBuilder } from './event-builder.ts';
import type { EventSource } from './event-of.ts';
import { charactersIn, indexWithAnsi, isBlank, progressBarEnd, stripAnsi } from './frame.ts';
import { gluedAt } from './glued.ts';
import { isOf, joins, recordGroup, startGroup } from './grouping.ts';
import type { Group, Line } from './grouping.ts';
import type { HeldBytes } from './held-bytes.ts';
import { looksLikeObject, parseJsonLine, readRecordHead } from './json-line.ts';
import { noHead, readHead } from './line-head.ts';
import type { LineHead } from './line-head.ts';
import { observedAt } from './observed-marks.ts';
import { rankOfWorker, readStatedRank, withWorker } from './stated-rank.ts';

const newline = 10;
const carriageReturn = 13;
const closingBracket = 93;
const openingBrace = 123;
const closingBrace = 125;
/** Prints on one line that are told apart. */
const gluedMax = 64;
const leadingBlanks = /^[ \t\v\f\0]*/;

export class FrameReader {
  readonly #source: EventSource;
  readonly #held: HeldBytes;
  readonly #state: CutState;
  readonly #events: EventBuilder;
  /** The last bar that was drawn whole, if its width is not in the state yet. */
  #bar: string | null = null;

  constructor(source: EventSource, held: HeldBytes, state: CutState, events: EventBuilder) {
    this.#source = source;
    this.#held = held;
    this.#state = state;
    this.#events = events;
  }

  /** `raw` is the atom's latin1 text without NULs before it, `shown` the same without ANSI codes. */
  take(start: number, end: number, raw: string, shown: string): void {
    if (this.#takeRecord(start, end, shown)) return;
    const at = gluedAt(shown);
    if (at < 0) this.#takeText(start, end, raw, shown);
    else this.#takeGlued(start, end, raw, shown, at);
  }

  /** Prints of several processes: the first one ends at `first` of what is shown. */
  #takeGlued(start: number, end: number, raw: string, shown: string, first: number): void {
    let from = start;
    let rest = raw;
    let restShown = shown;
    let at = first;
    for (let pieces = 1; at >= 0 && pieces < gluedMax; pieces += 1) {
      const cut = restShown.length === rest.length ? at : indexWithAnsi(rest, at);
      this.#takePrint(from, from + cut, rest.slice(0, cut), restShown.slice(0, at));
      this.#events.close();
      this.#state.frameOpen = false;
      from += cut;
      rest = rest.slice(cut);
      restShown = restShown.slice(at);
      at = gluedAt(restShown);
    }
    this.#takePrint(from, end, rest, restShown);
  }

  #takePrint(start: number, end: number, raw: string, shown: string): void {
    if (!this.#takeRecord(start, end, shown)) this.#takeText(start, end, raw, shown);
  }

  #takeText(start: number, end: number, raw: string, shown: string): void {
    const shownEnd = this.barEnd(shown);
    if (shownEnd < 0) {
      this.#takeLines(start, end, raw, shown);
      return;
    }
    const barEnd = shownEnd === shown.length ? raw.length : indexWithAnsi(raw, shownEnd);
    this.#takeBar(start, start + barEnd, raw.slice(0, barEnd));
    const glued = raw.slice(barEnd);
    if (isBlank(stripAnsi(glued))) return;
    this.#events.close();
    this.#state.frameOpen = false;
    const lead = leadingBlanks.exec(glued)?.[0].length ?? 0;
    this.takeLine(start + barEnd + lead, end, stripAnsi(glued.slice(lead)), readLauncherPrefix(shown));
  }

  /** One line, or the last row of a table and the line that is glued to it. */
  #takeLines(start: number, end: number, raw: string, shown: string): void {
    const bottom = frameBottomEnd(shown);
    if (bottom < 0) {
      this.takeLine(start, end, shown);
      return;
    }
    const rowEnd = indexWithAnsi(raw, bottom);
    this.takeLine(start, start + rowEnd, shown.slice(0, bottom));
    this.#events.close();
    this.#state.frameOpen = false;
    this.takeLine(start + rowEnd, end, shown.slice(bottom));
  }

  /** Where the bar of what a frame shows ends, in latin1; -1: it is none. */
  barEnd(shown: string): number {
    const end = progressBarEnd(shown);
    if (end <= 0) return end;
    if (shown.charCodeAt(end - 1) === closingBracket) {
      this.#bar = shown.slice(0, end);
      return end;
    }
    const width = end === shown.length ? this.#rowWidth() : null;
    return width === null ? end : progressBarEnd(shown, width);
  }

  /** Before the state is kept: what is known of the last bar goes to it. */
  settle(): void {
    this.#rowWidth();
  }

  /** tqdm draws bars as wide as the terminal, and cuts them off there. */
  #rowWidth(): number | null {
    if (this.#bar !== null) this.#state.barWidth = charactersIn(this.#bar);
    this.#bar = null;
    return this.#state.barWidth ?? null;
  }

  /** A line that was held back: [start, end) is all that it shows. */
  takeWhole(start: number, end: number): void {
    const raw = this.#held.latin1(start, end);
    this.take(start, end, raw, stripAnsi(raw));
    this.endFrame(newline);
  }

  /** Does the line name a rank, a time or a level? `start` is where it begins. */
  hasHead(shown: string, start: number): boolean {
    const { length } = readLauncherPrefix(shown);
    if (length > 0) return true;
    const { time, level } = this.#headOf(shown, start);
    return time !== null || level !== null;
  }

  #headOf(text: string, start: number): LineHead {
    return readHead(text, observedAt(this.#state.marks, start), this.#source.offset);
  }

  /** The frame ends with `terminator`: `\r`, `\n`, or 0 where the stream was flushed. */
  endFrame(terminator: number): void {
    this.#state.frameOpen = terminator === carriageReturn;
    const group = this.#events.current?.group;
    if (terminator !== newline || group?.mode !== 'bar') return;
    // Blank lines of its process may follow, of which its launcher's prefix is left.
    if (group.rank === null && (group.source ?? null) === null) this.#events.close();
  }

  /** A line end behind nothing, or behind `\r`. */
  endLine(end: number): void {
    const event = this.#events.current;
    if (this.#state.frameOpen) {
      this.endFrame(newline);
    } else if (event !== null && event.group.mode === 'row') {
      this.#events.extend(end);
    } else if (event !== null) {
      event.group.blank = true;
      if (event.group.mode === 'line') this.#events.close();
    }
  }

  /** A JSON object, perhaps behind what somebody who passed it on has put before it. False: it is none. */
  #takeRecord(start: number, end: number, shown: string): boolean {
    // Most lines are told apart without looking for what is before them.
    if (shown.charCodeAt(0) !== openingBrace && shown.charCodeAt(shown.length - 1) !== closingBrace)
      return false;
    const passedOn = readPassedOn(shown);
    if (!looksLikeObject(passedOn.length === 0 ? shown : shown.slice(passedOn.length))) return false;
    const fields = parseJsonLine(stripAnsi(this.#held.text(start, end)).slice(passedOn.length));
    if (fields === null) return false;
    this.#events.close();
    const head = readRecordHead(fields, this.#source.offset);
    const { level, logger, rank } = head;
    const time = head.time ?? this.#passedOnAt(shown, passedOn, start).time;
    const stated = rank ?? this.#source.origin.rank ?? readStatedRank(wordsIn(fields) ?? '');
    const group = { ...recordGroup('record', level, rank), ...(stated !== null && { stated }) };
    this.#events.startRecord(start, end, group, { time, logger, fields });
    this.#events.close();
    return true;
  }

  #takeBar(start: number, end: number, raw: string): void {
    if (this.#state.frameOpen && this.#events.current?.group.mode === 'bar') {
      this.#events.redraw(start, end);
      return;
    }
    this.#events.close(this.#held.text(start, end));
    const text = stripAnsi(raw);
    this.#events.start(start, end, { text, head: noHead, rank: readLauncherPrefix(text).rank }, true);
  }

  /** `shown`: its beginning is enough, of a long line. `glued`: the prefix of the bar that it is glued to. */
  takeLine(start: number, end: number, shown: string, glued: LauncherPrefix = noPrefix): void {
    const { frameOpen, habit } = this.#state;
    const event = this.#events.current;
    const passedOn = this.#passedOnBefore(shown);
    const before = passedOn?.length ?? 0;
    const written = before === 0 ? shown : shown.slice(before);
    const own = this.#prefixOf(written);
    const prefix = own.length > 0 || glued === noPrefix ? own : { ...glued, length: 0 };
    const text = prefix.length === 0 ? written : written.slice(prefix.length);
    const bare = before + prefix.length > 0 && isBlank(text);
    if (bare && event !== null && !frameOpen && mayBeOf(event.group, prefix)) {
      this.#events.extend(end);
      event.group.blank = true;
      event.group.bareEnd = true;
      return;
    }
    if (prefix.source !== null) this.#noteWorker(text);
    const head = bare ? noHead : this.#headOf(text, start);
    const line = { text, head, rank: prefix.rank, source: prefix.source };
    if (event !== null && frameOpen && event.group.mode !== 'bar' && head.time === null) {
      if (event.group.lines > 1) {
        this.#events.extend(end);
      } else {
        this.#events.redraw(start, end);
        event.group = startGroup(this.#withRank(line), false);
        event.logger = head.logger;
      }
      return;
    }
    if (event !== null && !frameOpen && joins(event.group, line, habit)) {
      this.#events.extend(end);
      return;
    }
    this.#events.close();
    const outer = passedOn === null ? noHead : this.#passedOnAt(shown, passedOn, start);
    const level = head.level ?? outer.level;
    this.#events.start(start, end, this.#withRank({ ...line, head: { ...head, level } }), false);
    if (this.#events.current !== null) this.#events.current.time ??= outer.time;
  }

  /** What a head says with the time that was put before it. */
  #passedOnAt(shown: string, { timeAt }: PassedOn, start: number): LineHead {
    return timeAt < 0 ? noHead : this.#headOf(shown.slice(timeAt), start);
  }

  /** A line that begins an event, with the rank that it names where nothing else does. */
  #withRank(line: Line): Line {
    if (line.rank !== null || this.#source.origin.rank !== null) return line;
    const stated = rankOfWorker(this.#state.workers, line.source ?? null) ?? readStatedRank(line.text);
    return stated === null ? line : { ...line, stated };
  }

  /** Of a launcher whose prefix names no rank. */
  #noteWorker(text: string): void {
    const workers = withWorker(this.#state.workers, text);
    if (workers !== undefined) this.#state.workers = workers;
  }

  /** What is no part of what the line says, where somebody has put it before every line; null where nobody has. */
  #passedOnBefore(shown: string): PassedOn | null {
    const state = this.#state;
    const found = readPassedOn(shown);
    if (found.length === 0) delete state.passedOn;
    else if (state.passedOn !== true && (found.isSure || isApart(shown.slice(found.length))))
      state.passedOn = true;
    return state.passedOn === true ? found : null;
  }

  #prefixOf(shown: string): LauncherPrefix {
    const prefix = readLauncherPrefix(shown);
    const task = prefix.length > 0 ? null : readTaskLabel(shown);
    return followLabels(this.#state, shown, task) && task !== null ? readLabelledPrefix(shown, task) : prefix;
  }
}

/** A blank line that nothing is named before, or only a task which may have several ranks, may be of any. */
function mayBeOf(group: Group, { length, rank, source }: LauncherPrefix): boolean {
  if (length === 0 || (group.traceback && source === null)) return true;
  return isOf(group, { rank: rank ?? group.rank, source });
}

const labelsMin = 4;
const labelsMax = 64;
/** So much of a line shows that it is none of a list, whatever its number. */
const beginningMax = 256;
const slurmsOwn = /^(?:srun|slurmstepd(?:-[\w.-]{1,128})?): /;

function isOfProcess(text: string): boolean {
  return text.startsWith(pythonStart) || readLauncherPrefix(text).length > 0;
}

/** Counts how many lines in a row have had a number before them that was not new; whether they are labels of tasks. */
function followLabels(state: CutState, shown: string, task: LauncherPrefix | null): boolean {
  if (task === null) {
    if (state.labelMax !== undefined && !slurmsOwn.test(shown)) {
      delete state.labelMax;
      delete state.labels;
    }
    return false;
  }
  const { labelMax = -1, labels = 0 } = state;
  if ((task.rank ?? 0) <= labelMax) state.labels = Math.min(labels + 1, labelsMax);
  else state.labelMax = task.rank ?? 0;
  if (isOfProcess(shown.slice(task.length, task.length + beginningMax))) state.labels = labelsMax;
  return (state.labels ?? 0) >= labelsMin;
}
