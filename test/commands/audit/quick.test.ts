import { beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../../../src/commands/audit/findings.ts';
import type { Finding } from '../../../src/commands/audit/findings.ts';
import { quickAudit } from '../../../src/commands/audit/quick.ts';
import type { Subject } from '../../../src/commands/audit/subjects.ts';
import { itemsOf, openSaid, readSegment } from '../../../src/commands/wiring/reading.ts';
import type { StreamDocument, StreamSummary } from '../../../src/core/stream-document.ts';
import type { StreamState } from '../../../src/tail/cut-state.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const text = 'one\ntwo\nthree\n';
const later = Date.UTC(2026, 10, 23, 12);
const signal = AbortSignal.timeout(60_000);
let expiredBefore = 0;

function summaryOf({ open, recent: _r, context: _c, ...rest }: StreamDocument): StreamSummary {
  return { ...rest, hasOpen: open !== null };
}

describe('the quick audit', () => {
  let index: FakeEventIndex;
  let document: StreamDocument;

  beforeEach(async () => {
    index = new FakeEventIndex();
    expiredBefore = 0;
    const reading = readSegment(null, carried(segmentOf(text)), { timeZone: 'UTC', now: later });
    ({ document } = reading);
    const open = openSaid(document, reading.open).items;
    await index.write([...itemsOf(reading.closed, []), ...open, { kind: 'stream', document }]);
  });

  function subject(
    values: {
      end?: number;
      acked?: number;
      size?: number;
      document?: StreamDocument | null;
      consumed?: boolean;
    } = {},
  ): Subject {
    const { end = text.length, acked = end, size = end } = values;
    const held = values.document === undefined ? document : values.document;
    const state = { end, acked, anchor: null, observed: later, record: {} } as StreamState;
    return {
      stream: document.stream,
      source: 's',
      run: 'r',
      path: '/logs/a.log',
      state,
      document: held && summaryOf(held),
      file: { path: '/logs/a.log', key: '1:1', size, mtimeMs: 0, compressed: null },
      consumed: values.consumed ?? null,
    };
  }

  async function findings(of: Subject): Promise<[string, string, number, number][]> {
    const account = await quickAudit(
      { subjects: [of], unknown: [] },
      { index, source: 's', scope: { source: 's' }, now: later, expiredBefore, signal },
    );
    return account.findings.map(({ kind, where, start, end }) => [kind, where, start, end]);
  }

  it('finds nothing where nothing is amiss', async () => {
    expect(await findings(subject())).toEqual([]);
  });

  it('tells bytes on their way by the place where they are', async () => {
    expect(await findings(subject({ size: 20 }))).toEqual([['pending', 'file', 14, 20]]);
    expect(await findings(subject({ acked: 14, end: 16 }))).toEqual([['pending', 'transport', 14, 16]]);
    expect(await findings(subject({ document: null }))).toEqual([['pending', 'index', 0, 14]]);
  });

  it('names a hole, which is no fault', async () => {
    const gaps = [{ start: 2, end: 9, reason: 'hole' as const }];
    expect(await findings(subject({ document: { ...document, gaps } }))).toEqual([['hole', 'file', 2, 9]]);
    expect(isFault({ kind: 'hole' } as Finding)).toBe(false);
  });

  it('counts documents: one that was deleted is a gap, one too many an overlap', async () => {
    const [first] = index.events.keys();
    const event = index.events.get(first ?? '');
    index.events.delete(first ?? '');
    expect(await findings(subject())).toEqual([['gap', 'index', 0, document.closedEnd]]);
    if (event) {
      index.events.set('x', event);
      index.events.set('y', event);
    }
    expect(await findings(subject())).toEqual([['overlap', 'index', 0, document.closedEnd]]);
  });

  it('names what was lost and told, and what the transport never delivered', async () => {
    const gaps = [
      { start: 14, end: 30, reason: 'truncated' as const },
      { start: 30, end: 40, reason: 'missing' as const },
      { start: 40, end: 40, reason: 'gone' as const },
    ];
    const behind = subject({ document: { ...document, gaps, end: 40 }, end: 40 });
    expect(await findings(behind)).toEqual([
      ['lost', 'file', 14, 30],
      ['gap', 'transport', 30, 40],
      ['pending', 'file', 40, 40],
    ]);
  });
});
