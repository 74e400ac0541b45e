import type { Cut, StreamRecord, StreamState } from '../../src/tail/cut-state.ts';
import type { FileStat } from '../../src/tail/file-system.ts';

export function recordOf(id = 'a'.repeat(32), more: Partial<StreamRecord> = {}): StreamRecord {
  return {
    id,
    base: id,
    generation: 0,
    path: '/logs/a.log',
    firstPath: '/logs/a.log',
    dev: '1',
    ino: '2',
    headBytes: 0,
    headHash: '',
    created: 1,
    previous: null,
    lane: 'bulk',
    partition: null,
    run: 'r',
    attempt: 0,
    rank: null,
    labels: {},
    ...more,
  };
}

export function cutOf(start: number, end: number, more: Partial<Cut> = {}): Cut {
  return { start, end, observed: 1000, anchor: null, gap: null, final: false, ...more };
}

/** Cut up to the end of the last one, and nothing acknowledged. */
export function stateOf(pending: Cut[], more: Partial<StreamState> = {}): StreamState {
  const end = pending.at(-1)?.end ?? 0;
  return { record: recordOf(), end, anchor: 'x', acked: 0, observed: 1000, pending, final: false, ...more };
}

/** Of a file of which only the size counts, if at all. */
export const emptyFile: FileStat = {
  key: '1:2',
  dev: '1',
  ino: '2',
  size: 0,
  mtimeMs: 0,
  birthtimeMs: 0,
  links: 1,
  kind: 'file',
};
