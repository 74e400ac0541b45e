import { expect, it } from 'vitest';
import { byteText, rankText, runTable } from '../../src/commands/runs.ts';
import type { Incident } from '../../src/core/incident.ts';
import { hitText } from '../../src/commands/search.ts';

it.each([
  [[], '-'],
  [[3], '3'],
  [[2, 0, 1, 5, 7, 6, 6], '0-2,5-7'],
])('ranks %j are shown as %s', (ranks, expected) => expect(rankText(ranks)).toBe(expected));

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [880 * 1024, '880 KiB'],
  [5e15, '4.4 PiB'],
])('%d bytes are shown as %s', (bytes, expected) => expect(byteText(bytes)).toBe(expected));

function incident(run: string, name: string, role: 'root' | 'warning', rank: number | null): Incident {
  return {
    id: name,
    run,
    attempt: 0,
    rank,
    class: name,
    role,
    message: '',
    evidence: [],
    opened: 1,
    resolved: null,
  };
}

it('lines the table up', () => {
  const now = Date.UTC(2026, 10, 23, 12);
  const run = {
    attempt: 1,
    ranks: [0, 1],
    hosts: ['h'],
    streams: 4,
    bytes: 2048,
    events: 7,
    first: now - 7_200_000,
    last: now - 60_000,
  };
  const table = runTable(
    [
      { run: 'a-long-name', gapBytes: 0, ...run },
      { run: 'b', gapBytes: 3, ...run },
    ],
    now,
    [
      incident('b', 'silent', 'warning', null),
      incident('b', 'cuda-oom', 'root', 3),
      { ...incident('a-long-name', 'python', 'root', 0), resolved: 2 },
    ],
  );
  expect(table).toBe(
    [
      'RUN          ATTEMPT  RANKS  HOSTS  STREAMS  BYTES    EVENTS  FIRST (UTC)          LAST      MISSING  WRONG',
      'a-long-name  1        0-1    1      4        2.0 KiB  7       2026-11-23 10:00:00  60 s ago  -        -',
      'b            1        0-1    1      4        2.0 KiB  7       2026-11-23 10:00:00  60 s ago  3 B      failed: cuda-oom, rank 3, +1',
      '',
    ].join('\n'),
  );
});

it('a hit cannot command the terminal', () => {
  const hit = {
    id: '1',
    time: Date.UTC(2026, 10, 23, 10),
    run: 'r',
    attempt: 0,
    rank: 3,
    host: 'h',
    path: '/logs/a.log',
    stream: 's',
    start: 0,
    end: 1,
    level: 'error',
    kind: 'traceback',
    message: 'one\u001B]0;title\u0007\ntwo',
  };
  expect(hitText(hit)).toBe(
    '2026-11-23T10:00:00.000Z  r/0 rank 3  error  a.log  one\uFFFD]0;title\uFFFD\n    two\n',
  );
});
