/**
 * Where the time of a run went, over all its attempts: by one stream of each, which stands for all ranks, as they work side by side.
 *
 *     attempt 0   startup | steps … checkpoint … eval … idle … | failure
 *     attempt 1             restart (until its first step) | steps, those that attempt 0 had made already: lost | …
 *
 * All times are of one clock, that of the texts, or, of a run that is under way and dates nothing, that of the reader.
 */
import type { AttemptRecord } from './attempt-record.ts';
import { stepsOf } from './stream-watch.ts';
import type { Checkpoint } from './stream-watch.ts';
import type { Clock, Timeline } from './timeline.ts';

/** ms, but where it says otherwise. The parts make up `totalMs`. */
export interface Ledger {
  attempts: number;
  totalMs: number;
  productiveMs: number;
  /** Steps that had to be made again. */
  lostMs: number;
  stepsLost: number;
  /** From the last step of an attempt to the first one of the next. */
  restartMs: number;
  checkpointMs: number;
  evalMs: number;
  /** Before the first step; compiling, loading. */
  startupMs: number;
  /** Nothing is known of it. */
  idleMs: number;
  /** What a failure now would cost; null where no checkpoint is told of, or the run is through. */
  atRisk: WorkAtRisk | null;
}

export interface WorkAtRisk {
  /** Of the last checkpoint that was completed. */
  checkpointStep: number;
  steps: number;
  ms: number;
}

/** `records`: by attempt; `now` as in judge.ts. Null where no times of steps are known. */
export function ledgerOf(records: readonly AttemptRecord[], now: number | null): Ledger | null {
  const clock = clockOfAll(records, now);
  const pieces = records
    .flatMap((record) => pieceOf(record, clock))
    .sort((a, b) => a.line.since.time - b.line.since.time);
  const [first] = pieces;
  if (first === undefined) return null;
  const ledger: Ledger = {
    attempts: pieces.length,
    totalMs: 0,
    productiveMs: 0,
    lostMs: 0,
    stepsLost: 0,
    restartMs: 0,
    checkpointMs: 0,
    evalMs: 0,
    startupMs: Math.max(0, first.line.since.time - first.from),
    idleMs: 0,
    atRisk: null,
  };
  let before = null as Piece | null;
  for (const piece of pieces) {
    // A launcher's file holds all attempts, and theirs tell the same again.
    if (before !== null && piece.line.since.time < before.line.anchor.time) continue;
    addPiece(ledger, piece, before);
    before = piece;
  }
  const last = before ?? first;
  ledger.idleMs += Math.max(0, last.until - last.line.anchor.time);
  ledger.atRisk = atRisk(records, last);
  const { productiveMs, lostMs, restartMs, checkpointMs, evalMs, startupMs, idleMs } = ledger;
  ledger.totalMs = productiveMs + lostMs + restartMs + checkpointMs + evalMs + startupMs + idleMs;
  return ledger.totalMs > 0 ? ledger : null;
}

interface Piece {
  record: AttemptRecord;
  line: Timeline;
  /** ms since epoch: its first and last sign. */
  from: number;
  until: number;
}

function clockOfAll(records: readonly AttemptRecord[], now: number | null): Clock {
  if (now === null) return 'own';
  const isDated = records.some(({ watched }) =>
    [...watched.values()].some((stream) => stepsOf(stream)?.clock === 'own'),
  );
  return isDated ? 'own' : 'observed';
}

/** The stream that covers most. */
function pieceOf(record: AttemptRecord, clock: Clock): Piece[] {
  let best: Piece | null = null;
  for (const stream of record.watched.values()) {
    const line = stepsOf(stream);
    if (line === null || line.clock !== clock) continue;
    if (best !== null && coverOf(best.line) >= coverOf(line)) continue;
    const from = clock === 'own' ? stream.firstOwn : line.since.time;
    const until = clock === 'own' ? Math.max(stream.lastOwn, stream.failedOwn) : line.anchor.time;
    best = { record, line, from, until };
  }
  return best === null ? [] : [best];
}

function coverOf({ since, anchor }: Timeline): number {
  return anchor.time - since.time;
}

function addPiece(ledger: Ledger, { line }: Piece, before: Piece | null): void {
  const { spent, redone } = line;
  ledger.productiveMs += spent.productive - redone.ms;
  ledger.lostMs += redone.ms;
  ledger.stepsLost += redone.steps;
  ledger.checkpointMs += spent.checkpoint;
  ledger.evalMs += spent.eval;
  ledger.startupMs += spent.startup;
  ledger.restartMs += spent.restart;
  ledger.idleMs += spent.idle;
  if (before === null) return;
  ledger.restartMs += Math.max(0, line.since.time - before.line.anchor.time);
  if (line.begun > 0 || before.line.begun > 0) return;
  const resumedAt = Math.max(0, line.since.step - line.stride);
  const steps = Math.max(0, Math.min(before.line.highest, line.highest) - resumedAt);
  const ms = Math.min(steps * (line.usualMs ?? before.line.usualMs ?? 0), spent.productive - redone.ms);
  ledger.stepsLost += steps;
  ledger.lostMs += ms;
  ledger.productiveMs -= ms;
}

function atRisk(records: readonly AttemptRecord[], { line, record }: Piece): WorkAtRisk | null {
  if (line.begun > 0 || isThrough(record)) return null;
  const checkpoint = lastCheckpoint(records);
  if (checkpoint === null || checkpoint.step > line.lastStep) return null;
  const steps = line.lastStep - checkpoint.step;
  return { checkpointStep: checkpoint.step, steps, ms: steps * (line.usualMs ?? 0) };
}

/** Of the latest attempt that completed one. */
function lastCheckpoint(records: readonly AttemptRecord[]): Checkpoint | null {
  for (const { watched } of records.toReversed()) {
    let last: Checkpoint | null = null;
    for (const { checkpoint } of watched.values())
      if (checkpoint !== null && checkpoint.step >= (last?.step ?? 0)) last = checkpoint;
    if (last !== null) return last;
  }
  return null;
}

function isThrough({ kept, watched }: AttemptRecord): boolean {
  if ([...watched.values()].some(({ isComplete }) => isComplete)) return true;
  return [...kept.values()].some(({ last }) => last.class === 'finished' || last.class === 'done');
}

/** Of the whole, from 0 to 1. */
export function goodput({ productiveMs, totalMs }: Ledger): number {
  return totalMs === 0 ? 0 : productiveMs / totalMs;
}
