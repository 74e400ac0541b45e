import type { EventIndex } from '../../core/event-index.ts';
import { openEvents } from '../../events/take-in.ts';
import type { Account, Finding } from './findings.ts';
import { laterStates } from './states.ts';
import type { Later } from './states.ts';
import type { Subject, UnknownFile } from './subjects.ts';

/** Compares what files, cut log and stream documents say of how far each stream has come, and counts documents. */
export async function quickAudit(
  subjects: readonly Subject[],
  unknown: readonly UnknownFile[],
  index: EventIndex,
  now: number,
): Promise<Account> {
  const findings: Finding[] = [];
  const later = laterStates(subjects);
  for (const subject of subjects) findings.push(...compare(subject, later.get(subject.stream)));
  for (const { path, size } of unknown) {
    findings.push({
      kind: 'pending',
      where: 'file',
      run: '',
      path,
      stream: '',
      start: 0,
      end: size,
      detail: 'not shipped yet: the agent has not seen it',
    });
  }
  findings.push(...(await compareCounts(subjects, index, later, now)));
  return {
    findings,
    streams: subjects.length,
    bytes: subjects.reduce((sum, { state, document }) => sum + (state?.end ?? document?.end ?? 0), 0),
    events: subjects.reduce(
      (sum, { stream, document }) => sum + (later.get(stream)?.any === true ? 0 : (document?.events ?? 0)),
      0,
    ),
  };
}

function* compare(
  { stream, run, path, state, document, file }: Subject,
  later: Later | undefined,
): Generator<Finding> {
  const about = { run, path, stream };
  const indexed = document?.end ?? 0;
  if (state && file && file.size > state.end) {
    yield {
      ...about,
      kind: 'pending',
      where: 'file',
      start: state.end,
      end: file.size,
      detail: 'not shipped yet',
    };
  }
  if (state && file && file.size < state.end) {
    const detail = 'the file is shorter than what was shipped of it';
    yield { ...about, kind: 'pending', where: 'file', start: file.size, end: state.end, detail };
  }
  if (state && state.acked < state.end) {
    const detail = 'sent, not acknowledged by the transport yet';
    yield { ...about, kind: 'pending', where: 'transport', start: state.acked, end: state.end, detail };
  }
  if (state && indexed < state.acked) {
    const detail = 'in the transport, not indexed yet (audit --deep tells whether it is still there)';
    yield { ...about, kind: 'pending', where: 'index', start: indexed, end: state.acked, detail };
  }
  if (state && indexed > state.end) {
    const detail = 'the index holds more than the cut log knows: the state is older than the index';
    yield { ...about, kind: 'pending', where: 'index', start: state.end, end: indexed, detail };
  }
  for (const { start, end, reason } of document?.gaps ?? []) {
    const lost = later?.whole === true ? 'superseded' : 'lost';
    const kind = reason === 'missing' ? 'gap' : reason === 'hole' ? 'hole' : lost;
    const where = reason === 'missing' ? 'transport' : 'file';
    const detail =
      reason === 'missing'
        ? 'was never delivered by the transport'
        : end > start
          ? `could not be had: ${reason}`
          : `ended unseen (${reason}): more may have been written`;
    if (end > start) yield { ...about, kind, where, start, end, detail };
    else yield { ...about, kind: 'pending', where, start, end, detail };
  }
}

/** By then the open event of a stream is indexed, whoever was killed meanwhile. Wall ms. */
const openIndexedMs = 60_000;

/** A stream document says how many closed events it stands for; the open one is there as well, soon. */
async function compareCounts(
  subjects: readonly Subject[],
  index: EventIndex,
  later: ReadonlyMap<string, Later>,
  now: number,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const batchSize = 1000;
  for (let i = 0; i < subjects.length; i += batchSize) {
    const batch = subjects.slice(i, i + batchSize);
    const counts = await index.eventCounts(batch.map(({ stream }) => stream));
    for (const { stream, run, path, document } of batch) {
      if (!document) continue;
      const counted = counts.get(stream) ?? 0;
      const most = document.events + openEvents(document).length;
      // Rows of a rewritten file go over to the later state.
      const all = now - document.observed > openIndexedMs ? most : document.events;
      const least = later.get(stream)?.any === true ? 0 : all;
      if (counted >= least && counted <= most) continue;
      findings.push({
        kind: counted < least ? 'gap' : 'overlap',
        where: 'index',
        run,
        path,
        stream,
        start: 0,
        end: document.closedEnd,
        detail: `${counted} events are there, ${least} should be (audit --deep tells which)`,
      });
    }
  }
  return findings;
}
