import { expect, test } from 'vitest';
import { zoneOffset } from '../../src/events/event-time.ts';
import { readHead } from '../../src/events/line-head.ts';

const near = Date.UTC(2026, 10, 24);

test.each([
  ['[Mon Nov 23 10:35:00 2026] busybox invoked oom-killer', '2026-11-23T10:35:00.000Z', null],
  ['[Feb 25 2025 13:59:45] [INFO] [tid 1803] Received', '2025-02-25T13:59:45.000Z', null],
  ['kern  :warn  : 2025-01-21T04:41:44,283302+00:00 NVRM: Xid', '2025-01-21T04:41:44.283Z', 'warn'],
  ['Nov 23 10:35:00 node7 kernel: NVRM: Xid', '2026-11-23T10:35:00.000Z', null],
  ['Nov  2 10:35:00 node7 sshd[12]: bye', '2026-11-02T10:35:00.000Z', null],
])('%s', (line, time, level) => {
  const head = readHead(line, near, zoneOffset('UTC'));
  expect(new Date(head.time ?? NaN).toISOString()).toBe(time);
  expect(head.level).toBe(level);
});

test.each([
  '[Foo Bar 23 10:35:00 2026] x',
  'kern : a',
  'Mon the 23 10:35:00',
  '[the 12] x',
  'Nov 23 is the day',
])('no time: %s', (line) => {
  expect(readHead(line, near, zoneOffset('UTC')).time).toBeNull();
});
