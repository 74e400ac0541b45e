import type { EventIndex } from '../../core/event-index.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import { anchorBytesMax, hasAnchor } from '../../tail/identity.ts';
import { compareCounts } from './counts.ts';
import type { CountOptions } from './counts.ts';
import type { Account, Finding } from './findings.ts';
import { laterStates } from './states.ts';
import { about } from './subjects.ts';
import type { Gathered, Subject } from './subjects.ts';

export interface QuickOptions extends Omit<CountOptions, 'index' | 'later'> {
  index: EventIndex;
  /** `source.id` of this machine's agent. */
  source: string;
}

/** Compares what files, cut log and stream documents say of how far each stream has come, and counts documents. */
export async function quickAudit(
  { subjects, unknown }: Pick<Gathered, 'subjects' | 'unknown'>,
  options: QuickOptions,
): Promise<Account> {
  const findings: Finding[] = [];
  const later = laterStates(subjects);
  for (const subject of subjects) {
    const isSuperseded = later.get(subject.stream)?.whole === true;
    findings.push(...compareFile(subject), ...compareProgress(subject), ...toldGaps(subject, isSuperseded));
    const changed = await compareAnchor(subject);
    if (changed) findings.push(changed);
  }
  for (const { path, size } of unknown) {
    const detail = 'not shipped yet: the agent has not seen it';
    findings.push({ run: '', path, stream: '', kind: 'pending', where: 'file', start: 0, end: size, detail });
  }
  findings.push(...(await compareCounts(subjects, { ...options, later })));
  return {
    findings,
    streams: subjects.length,
    foreignStreams: subjects.filter(({ source }) => source !== options.source).length,
    bytes: subjects.reduce((sum, { state, document }) => sum + (state?.end ?? document?.end ?? 0), 0),
    events: subjects.reduce((sum, { document }) => sum + (document?.events ?? 0), 0),
  };
}

function* compareFile(subject: Subject): Generator<Finding> {
  const { state, document, file } = subject;
  const shipped = state?.end ?? document?.end;
  if (!file || shipped === undefined || file.size === shipped) return;
  const base = { ...about(subject), kind: 'pending', where: 'file' } as const;
  if (file.size > shipped) {
    const detail = state ? 'not shipped yet' : 'not shipped, or not indexed, yet';
    yield { ...base, start: shipped, end: file.size, detail };
  } else {
    const detail = 'the file is shorter than what was shipped of it';
    yield { ...base, start: file.size, end: shipped, detail };
  }
}

function* compareProgress(subject: Subject): Generator<Finding> {
  const { state, document, consumed } = subject;
  if (!state) return;
  const { acked, end } = state;
  const indexed = document?.end ?? 0;
  const base = about(subject);
  if (acked < end) {
    const detail = 'sent, not acknowledged by the transport yet';
    yield { ...base, kind: 'pending', where: 'transport', start: acked, end, detail };
  }
  if (indexed < acked) {
    const kind = consumed === true ? 'gap' : 'pending';
    const detail =
      consumed === true
        ? `the consumers have passed it, and ${document ? 'its stream document ends before it' : 'there is no stream document'}`
        : 'in the transport, not indexed yet (audit --deep tells whether it is still there)';
    yield { ...base, kind, where: 'index', start: indexed, end: acked, detail };
  }
  if (indexed > end) {
    const detail =
      'the index holds more than the cut log knew: it goes on, or the state is older than the index';
    yield { ...base, kind: 'pending', where: 'index', start: end, end: indexed, detail };
  }
}

/** What could not be had, as it was told at the time. */
function* toldGaps(subject: Subject, isSuperseded: boolean): Generator<Finding> {
  for (const { start, end, reason } of subject.document?.gaps ?? []) {
    const base = { ...about(subject), start, end };
    if (reason === 'missing') {
      yield { ...base, kind: 'gap', where: 'transport', detail: 'was never delivered by the transport' };
    } else if (isSuperseded || end > start) {
      const lost = isSuperseded ? 'superseded' : 'lost';
      const kind = reason === 'hole' ? 'hole' : lost;
      yield { ...base, kind, where: 'file', detail: `could not be had: ${reason}` };
    } else {
      const detail = `ended unseen (${reason}): more may have been written`;
      yield { ...base, kind: 'pending', where: 'file', detail };
    }
  }
}

/** A file that was written since its last cut still holds the bytes before it, unless it was overwritten or replaced. */
async function compareAnchor(subject: Subject): Promise<Finding | null> {
  const { state, file } = subject;
  if (!state || !file || file.compressed || state.anchor === null || state.end === 0) return null;
  if (file.size < state.end || file.mtimeMs <= state.observed) return null;
  const open = await nodeFileSystem.open(file.path);
  if (!open) return null;
  try {
    const { key, size } = await open.stat();
    const isAnother = key !== file.key || size < state.end;
    if (isAnother || (await hasAnchor(open, state.end, state.anchor))) return null;
  } finally {
    await open.close();
  }
  const detail =
    'the file holds other bytes now than were shipped: overwritten or replaced (audit --deep tells where)';
  const start = Math.max(0, state.end - anchorBytesMax);
  return { ...about(subject), kind: 'wrong', where: 'file', start, end: state.end, detail };
}
