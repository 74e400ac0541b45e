/** The audit of rewritten files, whose rows' documents go over to the latest state, and of containers' interleaved outputs. */
import { beforeEach, describe, expect, it } from 'vitest';
import { compareById } from '../../../src/commands/audit/by-id.ts';
import type { ExpectedEvents } from '../../../src/commands/audit/by-id.ts';
import { quickAudit } from '../../../src/commands/audit/quick.ts';
import type { Subject } from '../../../src/commands/audit/subjects.ts';
import { itemsOf, readSegment } from '../../../src/commands/wiring/reading.ts';
import type { Segment } from '../../../src/core/segment.ts';
import type { StreamDocument } from '../../../src/core/stream-document.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const now = Date.UTC(2026, 10, 23, 12);
const path = '/runs/a/trainer_state.json';
const stateOf = (steps: number[]) =>
  JSON.stringify({ log_history: steps.map((step) => ({ step, loss: 1 })) });

describe('the audit of rewritten files', () => {
  let index: FakeEventIndex;
  let subjects: Subject[];
  let last: StreamDocument | undefined;
  let expected: ExpectedEvents[];

  beforeEach(() => {
    index = new FakeEventIndex();
    subjects = [];
    last = undefined;
    expected = [];
  });

  async function take(steps: number[], more: Partial<Segment> = {}): Promise<void> {
    const number = subjects.length;
    const segment = {
      ...segmentOf(stateOf(steps)),
      path,
      stream: String(number).padStart(32, '0'),
      created: now + number,
      final: true,
      snapshot: true,
      ...more,
    };
    const previous = last;
    const { closed, document } = readSegment(null, carried(segment), { timeZone: 'UTC', now, previous });
    await index.write([...itemsOf(closed, []), { kind: 'stream', document }]);
    const { open, recent: _r, context: _c, ...summary } = document;
    const subject: Subject = {
      stream: segment.stream,
      source: 's',
      run: 'r',
      path,
      state: null,
      document: { ...summary, hasOpen: open !== null },
      file: null,
      consumed: null,
    };
    last = document;
    subjects.push(subject);
    expected.push({ subject, closed, open: [], isWhole: true, end: document.end });
  }

  const options = () => ({
    index,
    source: 's',
    scope: { source: 's' },
    now,
    expiredBefore: 0,
    signal: AbortSignal.timeout(60_000),
  });
  const quick = async () =>
    (await quickAudit({ subjects, unknown: [] }, options())).findings.map(({ kind, stream }) => [
      kind,
      Number(stream),
    ]);
  const deep = async () =>
    (await compareById(expected, index)).map(({ kind, stream }) => [kind, Number(stream)]);

  it('does not call it a gap that the rows of an older state are with a later one', async () => {
    await take([1, 2]);
    await take([1, 2, 3]);
    expect(index.events.size).toBe(3);
    expect(await quick()).toEqual([]);
    expect(await deep()).toEqual([]);
  });

  it('keeps the rows that only an older state has', async () => {
    await take([1, 2, 3]);
    await take([1]);
    expect(index.events.size).toBe(3);
    expect(await quick()).toEqual([]);
    expect(await deep()).toEqual([]);
  });

  it('finds a row that is not there, whose state it was', async () => {
    await take([1, 2]);
    await take([1, 2, 3]);
    const [row] = index.events.keys();
    index.events.delete(row ?? '');
    expect(await quick()).toEqual([['gap', 1]]);
    expect(await deep()).toEqual([
      ['gap', 0],
      ['gap', 1],
    ]);
  });

  it('finds a row that did not go over to the later state, and a document of no row', async () => {
    await take([1]);
    const old = [...index.events];
    await take([1, 2]);
    for (const [id, event] of old) index.events.set(id, event);
    expect(await deep()).toEqual([['gap', 1]]);
    const [id, event] = [...index.events].at(-1) ?? [];
    if (event !== undefined) index.events.set('odd', { ...event, id: 'odd' });
    expect(id).not.toBe('odd');
    expect(await deep()).toEqual([
      ['overlap', 1],
      ['gap', 1],
    ]);
  });

  it('calls a state that could not be had lost, until a later one is there', async () => {
    await take([1]);
    await take([], { gap: 'gone', bytes: Buffer.alloc(0), start: 0, end: 40 });
    expect(await quick()).toEqual([['lost', 1]]);
    await take([1, 2]);
    expect(await quick()).toEqual([['superseded', 1]]);
  });
});
