/**
 * Whether a run has survived what was observed: it went on, came to its end, or the trouble passed. What a process says when it ends is
 * never survived, but for what tells only of an exit of something, amid steps that go on, or of a SIGTERM behind the end of the training.
 */
import type { AttemptRecord, Kept, Observation, StreamRecord } from './attempt-record.ts';

/**
 * What a process printed last may be written behind its traceback, which is not buffered: so many bytes of steps do not show that it
 * went on (BUFSIZ of C's stdio and Python's text output).
 */
const outputBufferBytes = 8192;
/** Steps of others, or in another file, this much later. */
const laterMs = 1_000;
const nodeLaterMs = 120_000;
/** A warning that is given so often in a row, with nothing good behind it, is what went wrong. */
const streakOf: Readonly<Record<string, number>> = { overflow: 10, nan: 3 };

export function survived(kept: Kept, record: AttemptRecord): boolean {
  const { last } = kept;
  const { end } = last.details ?? {};
  const stream = streamOf(last, record);
  if (last.class === 'not-started') return hasSteps(record);
  if (end === 'sure')
    return isOfHelper(last, stream) || (last.class === 'terminated' && wasDone(last, stream, record));
  if (last.class === 'nan' || last.class === 'nan-hidden')
    return becameNumber(kept, stream) || saidAfter('number', kept, record);
  if (last.class === 'storage' && saidAfter('recovered', kept, record)) return true;
  if (saidAfter('finished', kept, record)) return true;
  const after = (stream?.steps ?? []).filter(({ start }) => start >= last.end);
  const farthest = after.at(-1)?.start ?? 0;
  if (end === 'likely')
    return after.length > 1 && farthest - last.end > outputBufferBytes && !hasFailed(record);
  if (after.length > 1 || after.some(({ kind }) => kind === 'point')) return true;
  return saidAfter('went-on', kept, record) || wentOnElsewhere(kept, record);
}

/**
 * What is known of its stream. Where lines name their rank, not all need to: without a name, it may be of any that do; with one, what comes
 * without a name may be its own, unless it has told its end.
 */
function streamOf(
  { rank, stream, details }: Observation,
  { ranks }: AttemptRecord,
): StreamRecord | undefined {
  const own = ranks.get(rank)?.streams.get(stream);
  if (own !== undefined && own.steps.length > 0) return own;
  if (rank !== null)
    return (details?.end === undefined ? ranks.get(null)?.streams.get(stream) : undefined) ?? own;
  let farthest = own;
  for (const { streams } of ranks.values()) {
    const other = streams.get(stream);
    if (other !== undefined && startOf(other) > startOf(farthest)) farthest = other;
  }
  return farthest;
}

function startOf(stream: StreamRecord | undefined): number {
  return stream?.steps.at(-1)?.start ?? -1;
}

/** Of a warning: it is no longer one. */
export function isStreak({ last, streak }: Kept): boolean {
  return last.role === 'warning' && streak >= (streakOf[last.class] ?? Infinity);
}

function becameNumber({ last }: Kept, stream: StreamRecord | undefined): boolean {
  if (stream === undefined) return false;
  const { lossAt, normAt } = stream;
  // A loss that is hidden has no number; one that is shown has both.
  if (last.role === 'warning') return normAt > last.start;
  return lossAt > last.start;
}

/** A program that made steps has been started. */
function hasSteps({ ranks }: AttemptRecord): boolean {
  for (const { streams } of ranks.values())
    for (const { steps } of streams.values()) if (steps.length > 0) return true;
  return false;
}

/** `exit code: 1`, of no process that is named, amid steps that go on: a trainer runs tools and sandboxes, too. */
function isOfHelper({ details = {}, end }: Observation, stream: StreamRecord | undefined): boolean {
  const { exitCode, pid, ranks, host, exception } = details;
  if (exitCode === undefined || exception !== undefined) return false;
  if (pid !== undefined || ranks !== undefined || host !== undefined || stream === undefined) return false;
  return stream.steps.filter(({ start }) => start >= end).length > 1 && stream.backAt < end;
}

/** What ends a job ends its processes, those that are through as well. */
function wasDone(
  { rank, stream: id, start }: Observation,
  stream: StreamRecord | undefined,
  { kept }: AttemptRecord,
): boolean {
  const stepAt = stream?.steps.at(-1)?.start ?? -1;
  for (const { last } of kept.values())
    if ((last.class === 'done' || last.class === 'finished') && last.rank === rank && last.stream === id)
      if (last.start < start && last.start >= stepAt) return true;
  return false;
}

/** In the same stream, behind it; of a whole rank, where the two are in different files. */
function saidAfter(name: string, kept: Kept, { kept: all }: AttemptRecord): boolean {
  for (const other of all.values()) {
    if (other.last.class !== name || !mayBeOfOne(kept.last, other.last)) continue;
    if (other.last.stream === kept.last.stream) {
      if (other.last.start >= kept.last.end) return true;
    } else if (name === 'finished' && kept.last.details?.end === undefined) return true;
  }
  return false;
}

function mayBeOfOne(observed: Observation, other: Observation): boolean {
  if (observed.rank === other.rank) return true;
  return observed.rank === null && observed.stream === other.stream;
}

function wentOnElsewhere({ last }: Kept, { ranks }: AttemptRecord): boolean {
  const isNode = last.rank === null && !isStreamOfRun(last.stream, ranks);
  for (const [rank, { streams }] of ranks) {
    if (rank !== last.rank && !isNode) continue;
    for (const [id, stream] of streams)
      if (id !== last.stream && stream.lastTime > stream.firstTime) {
        if (stream.lastTime - last.time > (isNode ? nodeLaterMs : laterMs)) return true;
      }
  }
  return false;
}

/** Does it tell the run's steps or ranks? Else it is a machine's log. */
export function isStreamOfRun(stream: string, ranks: AttemptRecord['ranks']): boolean {
  for (const { streams } of ranks.values()) if (streams.has(stream)) return true;
  return false;
}

/** Whoever started the processes says that one has failed. */
function hasFailed({ kept }: AttemptRecord): boolean {
  for (const { last } of kept.values())
    if (last.details?.end === 'sure' && last.class !== 'finished') return true;
  return false;
}
