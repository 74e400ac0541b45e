/**
 * Compares documents with events one by one, by id: where the bytes of events may overlap (the outputs of a container) or their
 * documents move from stream to stream (the rows of a rewritten file).
 */
import type { EventIndex, StoredRange } from '../../core/event-index.ts';
import type { LogEvent } from '../../core/event.ts';
import type { Finding } from './findings.ts';
import { about } from './subjects.ts';
import type { Subject } from './subjects.ts';

export interface ExpectedEvents {
  subject: Subject;
  closed: readonly Pick<LogEvent, 'id' | 'start' | 'end' | 'sum'>[];
  open: readonly Pick<LogEvent, 'id' | 'start' | 'end'>[];
  /** The transport holds all of the stream, so that there is no event before `end` but these. */
  isWhole: boolean;
  /** End of what was read of the stream: a document of what comes behind it is of no concern. */
  end: number;
}

/** The states of one file, oldest first; or one stream. */
export async function compareById(states: readonly ExpectedEvents[], index: EventIndex): Promise<Finding[]> {
  const findings: Finding[] = [];
  const held = new Map<string, StoredRange & { order: number }>();
  for (const [order, { subject, closed, open, isWhole, end: readEnd }] of states.entries()) {
    const expected = new Set([...closed, ...open].map(({ id }) => id));
    for await (const range of index.ranges(subject.stream)) {
      const { id, start, end } = range;
      const finding = { ...about(subject), kind: 'overlap' as const, where: 'index' as const, start, end };
      if (held.has(id)) findings.push({ ...finding, detail: `document ${id} is there twice` });
      else if (isWhole && !expected.has(id) && start < readEnd)
        findings.push({ ...finding, detail: `document ${id} is of no event` });
      held.set(id, { ...range, order });
    }
  }
  for (const [order, { subject, closed }] of states.entries()) {
    const closedEnd = subject.document?.closedEnd ?? 0;
    for (const { id, start, end } of closed) {
      const document = held.get(id);
      const isThere = document !== undefined && document.order >= order;
      if (isThere) continue;
      const pending = end > closedEnd;
      const detail = pending
        ? 'not indexed yet'
        : document === undefined
          ? 'no document of the index holds it'
          : `document ${id} is of an older state of the file`;
      const kind = pending ? 'pending' : 'gap';
      findings.push({ ...about(subject), kind, where: 'index', start, end, detail });
    }
    for (const { id, start, end, sum } of closed) {
      const document = held.get(id);
      if (document?.order !== order || document.sum === sum) continue;
      const detail = `document ${id} is of other bytes`;
      findings.push({ ...about(subject), kind: 'wrong', where: 'index', start, end, detail });
    }
  }
  return findings;
}
