import { wholeRecordsLength } from '../../src/core/records/framing.ts';
import { tfRecordFraming } from '../../src/core/records/tfrecord.ts';
import { toldFull } from './epoch.ts';
import type { Epoch } from './epoch.ts';
import type { HeldStream, Ledger } from './ledger.ts';
import { holdsRecords } from './program.ts';

/** So long may it take until bytes that can be read are stored by the transport. */
export const readableMsMax = 8_000;
/** What is only in memory, since its file was deleted, is in the spool after this: a limit that docs/GUARANTEES.md states. */
const spooledMsMax = 2_000;
/** An agent that stops closes its files last. */
const closeMsMax = 500;
/** What was first seen in the look during which it was truncated may be of either side of the truncation. */
const lookMs = 30;
/** What is not whole of a record waits so long. */
export const tornRecordMs = 150_000;
/** A copy beside its original is held back for 10 s after its last change. */
const copyMsMax = 22_000;

/** Each byte that was written, once; all but the first two are missing, and excused. */
export const fates = [
  'shipped',
  /** Told as a gap, and not readable for long enough. */
  'told',
  /** Zeros that nobody wrote, told as a gap. */
  'hole',
  /** Nobody could read it after it was written. */
  'neverReadable',
  /** Gone before the agent looked. */
  'unseen',
  /** Seen, and gone after a crash that took the memory of it. */
  'forgotten',
  /** Gone before a stream was begun: told in the log. */
  'streamless',
  /** Of two files that begin alike, when a stream went on from one in the other. */
  'equal',
  /** Cut, under a range that the consumer holds already: the decision was lost with the full state disk. */
  'stateLost',
] as const;

export type Fates = Record<(typeof fates)[number], number>;

export interface Lives {
  /** When this life ended, model ms; Infinity if it did not. */
  endOf(life: number): number;
  /** When it began to stop, or was ended without that. */
  stopOf(life: number): number;
  /** For how long of its rest after `at` the transport was there. */
  unimpededMsAfter(life: number, at: number): number;
}

/** So many bytes of it the agent is known to have seen. */
export function seenBytes({ seen, endedAt }: Epoch): number {
  return endedAt - seen.at < lookMs ? 0 : seen.size;
}

/** What became of every byte at the end of a run, when all faults are over and the agent had time to catch up. */
export function judge(epochs: readonly Epoch[], ledger: Ledger, lives: Lives, now: number): Fates {
  const total = Object.fromEntries(fates.map((fate) => [fate, 0])) as Fates;
  const equal: EpochRange[] = [];
  for (const epoch of epochs) {
    for (const { start, end, fate } of fatesOf(epoch, ledger, lives, now)) {
      total[fate] += end - start;
      if (fate === 'equal') equal.push({ epoch, start, end });
    }
  }
  ledger.judgePieces();
  for (const again of ledger.again) if (!isInsteadOf(again, equal)) ledger.violate('duplicate', again.detail);
  return total;
}

/**
 * Of two files that begin alike one was taken for the other, and is not missed: then the other's bytes may come once for each of them, for
 * what came first was the one's.
 */
function isInsteadOf(again: EpochRange, equal: EpochRange[]): boolean {
  const bytes = again.epoch.content.subarray(again.start, again.end);
  const isMissed = ({ epoch, start, end }: EpochRange) =>
    start <= again.start &&
    again.end <= end &&
    epoch !== again.epoch &&
    epoch.content.subarray(again.start, again.end).equals(bytes);
  const found = equal.findIndex(isMissed);
  if (found !== -1) equal.splice(found, 1);
  return found !== -1;
}

interface Range {
  start: number;
  end: number;
}

interface EpochRange extends Range {
  epoch: Epoch;
}

function* fatesOf(
  epoch: Epoch,
  ledger: Ledger,
  lives: Lives,
  now: number,
): Generator<Range & { fate: (typeof fates)[number] }> {
  for (const write of rangesOf(epoch)) {
    for (const piece of epoch.pieces(write.start, write.end)) {
      for (const { start, end, shipped, told } of runsOf(piece)) {
        if (shipped) {
          if (piece.epoch === epoch) yield { start, end, fate: 'shipped' };
          continue;
        }
        const range = { start, end, at: write.at, told };
        yield { start, end, fate: excuse(epoch, range, ledger, lives, now) };
      }
    }
  }
}

/** The ranges that came in one write. */
function* rangesOf(epoch: Epoch): Generator<Range & { at: number }> {
  let start = 0;
  for (const { end, at } of epoch.writes) {
    if (end > start) yield { start, end, at };
    start = Math.max(start, end);
  }
}

/** Neighbouring bytes with the same fate. */
function* runsOf({
  epoch,
  start,
  end,
}: Range & { epoch: Epoch }): Generator<Range & { shipped: boolean; told: number }> {
  for (let from = start; from < end;) {
    const [shipped, told] = [(epoch.shipped[from] ?? 0) > 0, epoch.told[from] ?? 0];
    let to = from + 1;
    while (to < end && epoch.shipped[to]! > 0 === shipped && epoch.told[to] === told) to += 1;
    yield { start: from, end: to, shipped, told };
    from = to;
  }
}

/** Why the bytes are missing. If they need not be, that is a violation. */
function excuse(
  epoch: Epoch,
  range: Range & { at: number; told: number },
  ledger: Ledger,
  lives: Lives,
  now: number,
): (typeof fates)[number] {
  const { start, end, at, told } = range;
  if (told > 0 && epoch.content.subarray(start, end).every((byte) => byte === 0)) return 'hole';
  const cutOf = [...ledger.streams.values()].filter(({ parts }) =>
    parts.some((part) => part.epoch === epoch),
  );
  if (wentOnElsewhere(epoch, range, ledger) || isThereAlready(epoch, range, ledger, lives)) return 'equal';
  if (ledger.atLeastOnce && (told > 0 || epoch.wasCut(start, end))) return 'stateLost';
  const lineMs = epoch.parent && epoch.shared > 0 ? copyMsMax : readableMsMax;
  const patience = isOfTornRecord(epoch, start) ? lineMs + tornRecordMs : lineMs;
  const what = `[${start}, ${end}) of ${epoch.name} (epoch ${epoch.index})${told > 0 ? ', told as a gap,' : ''}`;
  const longest = Math.max(
    0,
    ...epoch.unimpeded.map(({ from, to }) => Math.min(to, now) - Math.max(from, at)),
  );
  if (longest >= patience) {
    ledger.violate('lost', `${what} could be read for ${longest} ms`);
  }
  for (const { from, to, cause } of epoch.reachable) {
    const ms = to - Math.max(from, at);
    const wasInMemory = ledger.closesFiles && epoch.wasCut(start, end);
    const endedAt = lives.endOf(epoch.seen.life);
    const isKilled = wasInMemory && to <= endedAt && endedAt < to + spooledMsMax;
    // What a full spool did not take ends with the agent.
    const isGivenUp = told === toldFull && isClosedByStop(epoch, to, lives);
    // Closed to spare descriptors, and written to while there was no room: nobody looks.
    const isUnseen = ledger.closesFiles && end > seenBytes(epoch);
    if (cause === 'unlinked' && ms >= patience && !isKilled && !isGivenUp && !isUnseen)
      ledger.violate('dropped', `${what} could be read for ${ms} ms and was not held open`);
  }
  if (told > 0) return 'told';
  if (!epoch.reachable.some(({ to }) => to > at)) return 'neverReadable';
  if (end > seenBytes(epoch) || (ledger.closesFiles && !epoch.wasCut(start, end))) return 'unseen';
  const goneAt = Math.max(...epoch.reachable.map(({ to }) => to));
  if (lives.unimpededMsAfter(epoch.seen.life, goneAt) < readableMsMax) return 'forgotten';
  if (cutOf.length === 0 && !epoch.wasCut(start, end)) return 'streamless';
  ledger.violate('silent', `${what} was seen, is lost, and no gap tells of it`);
  return 'told';
}

/** Of a record that never became whole. */
function isOfTornRecord({ name, content }: Epoch, at: number): boolean {
  if (!holdsRecords(name)) return false;
  for (let head = at; head >= Math.max(0, at - recordBytesMax); head -= 1) {
    const length = wholeRecordsLength(tfRecords, content.subarray(head), 0);
    if (length === 0) return true;
  }
  return false;
}

/** Longer ones are not written. */
const recordBytesMax = 200;
const tfRecords = tfRecordFraming({ checksData: false });

/**
 * A stream went on from one file in another that begins with the same bytes: nobody can tell the two apart. So the second one's
 * beginning is not taken in again, and what the first one had beyond is not missed.
 */
function wentOnElsewhere(epoch: Epoch, { start, end }: Range, ledger: Ledger): boolean {
  for (const { parts } of ledger.streams.values()) {
    const first = parts.findIndex((part) => part.epoch === epoch);
    if (first === -1) continue;
    const begun = parts[first]?.start ?? 0;
    const next = parts.find((part, i) => i > first && part.epoch !== epoch);
    const isBeginning = begun > 0 && end <= begun;
    const isBeyond = next !== undefined && next.epoch !== null && next.start <= start;
    if (!isBeginning && !isBeyond) continue;
    const other = isBeginning ? epoch : (next?.epoch ?? epoch);
    if (holdsEqual(other, parts.slice(0, isBeginning ? first : parts.indexOf(next ?? parts[0]!))))
      return true;
  }
  return false;
}

/**
 * A stream of the same inode number, or one that has lost its file, holds the same bytes from the start on: for all that can be seen
 * this is that file, under another name or as it was.
 */
function isThereAlready(epoch: Epoch, { end }: Range, ledger: Ledger, lives: Lives): boolean {
  for (const { parts, end: held } of ledger.streams.values()) {
    const last = parts.at(-1)?.epoch;
    if (held < end || !last || (last.inode !== epoch.inode && !isOutOfReach(last, ledger, lives))) continue;
    const before = parts.filter((part) => part.start < end);
    if (
      holdsEqual(
        epoch,
        before.map((part) => ({ ...part, end: Math.min(part.end, end) })),
      )
    )
      return true;
  }
  return false;
}

/**
 * It is in no file any more, or was moved out of the patterns, and nobody holds it open since: because of a restart, after which it was
 * not seen again, to spare descriptors, or because it could not be read.
 */
function isOutOfReach({ endedAt, reachable, seen }: Epoch, ledger: Ledger, lives: Lives): boolean {
  const last = reachable.at(-1);
  if (endedAt < Infinity || last?.cause === 'crash' || last?.cause === 'refused') return true;
  if (last?.cause !== 'unlinked') return false;
  if (ledger.closesFiles || ledger.descriptorsRanOutAt <= last.to) return true;
  return lives.endOf(seen.life) < last.to || isClosedByStop({ seen }, last.to, lives);
}

/** Everything is closed at the end of a stop. */
function isClosedByStop({ seen }: Pick<Epoch, 'seen'>, at: number, lives: Lives): boolean {
  return lives.stopOf(seen.life) <= at && lives.endOf(seen.life) - at <= closeMsMax;
}

function holdsEqual(epoch: Epoch, parts: HeldStream['parts']): boolean {
  return parts.every(
    ({ gap, epoch: other, start, end }) =>
      (gap === null || gap === 'hole') &&
      other !== null &&
      other.content.subarray(start, end).equals(epoch.content.subarray(start, end)),
  );
}
