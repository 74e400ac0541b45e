import type { Fault, Operation, Program, Settings, StateOperation } from './program.ts';

/** Programs that once broke a promise, shrunk. */
const settings: Settings = {
  pollIntervalMs: 250,
  inFlightBytesMax: 100_000,
  segmentBytesMax: 5000,
  openFilesMax: 1000,
  spoolBytesMax: 1e9,
  mtimeGranularityMs: 0.001,
  hasBirthTimes: true,
  reusesInodes: true,
  yieldShare: 0.3,
  duplicateShare: 0,
  wakeShare: 0,
  startAt: 0,
};

const path = '/logs/a.log';
const write = (at: number, lines = 2, log = 0): Operation => ({
  at,
  do: 'write',
  log,
  lines,
  shape: 'whole',
});
const head = (at: number): Operation => ({ at, do: 'write', log: 0, lines: 1, shape: 'head' });
const unterminated = (at: number): Operation => ({
  at,
  do: 'write',
  log: 0,
  lines: 2,
  shape: 'unterminated',
});
const open = (at: number): Operation => ({ at, do: 'open', log: 0, append: true });
const crash = (at: number, forMs = 100): Fault => ({ at, forMs, kind: 'crash' });
const machine = (at: number): Fault => ({ at, forMs: 100, kind: 'machine' });
const stop = (at: number): Fault => ({ at, forMs: 4000, kind: 'stop' });

function program(operations: Operation[], faults: Fault[] = [], changed: Partial<Settings> = {}): Program {
  return { operations, faults, paths: [path], settings: { ...settings, ...changed } };
}

const state = (at: number, how: StateOperation['how'], rows: number): Operation => ({
  at,
  do: 'state',
  path: '/logs/metrics.log.csv',
  how,
  rows,
});

/** A file that is written anew as a whole, by a rename and in its place, and appended to; and a crash. */
export const rewrittenFile = program(
  [
    state(0, 'replace', 5),
    state(4000, 'begin', 40),
    state(4300, 'rest', 0),
    state(9000, 'append', 3),
    state(14_000, 'replace', 2),
    state(14_100, 'replace', 9),
  ],
  [crash(5500), crash(9900)],
);

/** More than the room holds is written to a file, which is then deleted; nothing is acknowledged for longer than any byte may take. */
export const deletedInAnOutage = program(
  [write(0), write(1000, 400), { at: 14_000, do: 'unlink', path }],
  [{ at: 500, forMs: 16_000, kind: 'away' }],
  { inFlightBytesMax: 8000, segmentBytesMax: 2000 },
);

/** A file that was read and is deleted before any byte of it must have arrived. */
export const deletedSoon = program([write(0), { at: 3000, do: 'unlink', path }], [], { openFilesMax: 2 });

export const regressions: Readonly<Record<string, Program>> = {
  'a directory that cannot be read for a moment, and a file that was quiet for a minute': program(
    [write(0), write(70_000)],
    [{ at: 66_000, forMs: 1500, kind: 'permission', path: '/logs' }],
  ),

  'a start while the directory cannot be read': program(
    [write(0), write(9000)],
    [{ at: 3900, forMs: 4000, kind: 'permission', path: '/logs' }, crash(4000)],
  ),

  'a restart after a file was truncated and has grown past its old offset': program(
    [
      write(0),
      { at: 2000, do: 'truncate', path, size: 0 },
      { at: 2900, do: 'write', log: 0, lines: 40, shape: 'whole' },
    ],
    [crash(2800, 200)],
  ),

  'a quiet file that is deleted, and whose writer goes on': program([
    write(0),
    { at: 20_000, do: 'unlink', path },
    write(20_300),
  ]),

  'a copy that is larger than its original was when it was last seen': program([
    write(0),
    write(3000, 5),
    { at: 3000.1, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
    { at: 3000.2, do: 'truncate', path, size: 0 },
    write(3001),
  ]),

  'a copy that appears together with its original': program([
    write(1500),
    { at: 1550, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
    { at: 2800, do: 'truncate', path, size: 0 },
    write(2900),
  ]),

  'a copytruncate while the agent is down and its cuts are not acknowledged': program(
    [
      write(0),
      { at: 3500, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
      { at: 3501, do: 'truncate', path, size: 0 },
      { at: 3502, do: 'write', log: 0, lines: 40, shape: 'whole' },
    ],
    [{ at: 0, forMs: 6000, kind: 'away' }, crash(3000, 1000)],
  ),

  'a rotation while a file cannot be read': program(
    [write(0), { at: 3000, do: 'rename', from: path, to: `${path}.1` }, write(3001), open(3002), write(3003)],
    [{ at: 2900, forMs: 8000, kind: 'error', path, code: 'EIO' }],
  ),

  'a file that is moved out of the patterns, and another one that begins alike under its name': program([
    head(0),
    { at: 1000, do: 'rename', from: path, to: '/elsewhere/moved' },
    open(1001),
    head(1002),
  ]),

  'the same, while nobody runs': program(
    [head(0), { at: 1000, do: 'rename', from: path, to: '/elsewhere/moved' }, open(1001), head(1002)],
    [crash(1000.5)],
  ),

  'a spool file whose removal the crash of the machine undoes': program(
    [
      write(400),
      { at: 2800, do: 'unlink', path },
      unterminated(2800.1),
      open(19_000),
      ...[26_500, 33_500, 40_500].map((at) => write(at, 1)),
    ],
    [20_000, 27_000, 34_000, 41_000].map(machine),
  ),

  'a second signal to stop': program(
    [{ at: 2880, do: 'write', log: 0, lines: 40, shape: 'progress' }],
    [{ at: 2470, forMs: 1000, kind: 'away' }, stop(3428), stop(3472)],
    { segmentBytesMax: 200, inFlightBytesMax: 800, startAt: 2000, pollIntervalMs: 1000 },
  ),

  'a truncation while the agent drains and the spool is full': program(
    [write(2000, 5), { at: 2020, do: 'truncate', path, size: 0 }, write(2310, 5)],
    [stop(2010)],
    { segmentBytesMax: 200, inFlightBytesMax: 800, spoolBytesMax: 5000, yieldShare: 1 },
  ),

  'a directory that is away while the agent is started again': program(
    [
      write(0),
      { at: 2000, do: 'rename', from: '/logs', to: '/elsewhere/moved' },
      { at: 5000, do: 'rename', from: '/elsewhere/moved', to: '/logs' },
      write(5001),
    ],
    [crash(3000, 500)],
  ),

  'a file that is moved out of the patterns and back while descriptors are few': {
    ...program(
      [
        ...[0, 3000].flatMap((at) => [write(at, 2, 1), write(at, 2, 2)]),
        open(2000),
        { at: 5000, do: 'rename', from: path, to: '/elsewhere/a' },
        { at: 9000, do: 'rename', from: '/elsewhere/a', to: path },
        write(9000.1),
        write(9200),
      ],
      [],
      { openFilesMax: 2, wakeShare: 0.5 },
    ),
    paths: [path, '/logs/b.log', '/logs/c.log'],
  },

  'a restart that sends again what was cut, while another file has grown': {
    ...program(
      [write(0, 40), write(3000, 40, 1)],
      [{ at: 0, forMs: 5000, kind: 'holdsAcks' }, crash(2000, 4000)],
      { segmentBytesMax: 200, inFlightBytesMax: 800, yieldShare: 0.05 },
    ),
    paths: [path, '/logs/err.log'],
  },

  'a restart when two streams had the same inode, the clock was set back, and the file cannot be read at first':
    program(
      [
        write(0),
        { at: 885, do: 'rename', from: path, to: `${path}.1` },
        open(1685),
        { at: 2169, do: 'unlink', path: `${path}.1` },
        { at: 4550, do: 'rename', from: path, to: `${path}.1` },
        open(4550.1),
        write(4950),
      ],
      [
        { at: 544, forMs: 0, kind: 'clock', jumpMs: -3_600_000 },
        crash(6396, 50),
        { at: 6418, forMs: 1000, kind: 'error', path, code: 'EIO' },
      ],
      { openFilesMax: 2 },
    ),

  'a file that goes on when the stream that it had before a truncation was shipped from the spool and forgotten':
    program(
      [write(7153), { at: 10_119, do: 'truncate', path, size: 0 }, write(20_000, 1)],
      [{ at: 7155, forMs: 5600, kind: 'away' }, crash(11_439, 1000)],
    ),

  'a final file that a walk misses while it is renamed': program(
    [
      write(0),
      { at: 1000, do: 'rename', from: path, to: `${path}.1` },
      open(1001),
      ...Array.from({ length: 190 }, (_, i): Operation => {
        const [from, to] = i % 2 === 0 ? ['1', '2'] : ['2', '1'];
        return { at: 70_000 + 5 * i, do: 'rename', from: `${path}.${from}`, to: `${path}.${to}` };
      }),
    ],
    [],
    { yieldShare: 1 },
  ),

  'a file that is truncated after a restart has sent again what was cut of it, and before it was read on':
    program(
      [
        write(0, 40),
        { at: 2500, do: 'write', log: 0, lines: 1, shape: 'unterminated' },
        { at: 3600, do: 'truncate', path, size: 0 },
      ],
      [{ at: 0, forMs: 9000, kind: 'holdsAcks' }, crash(2000, 1000)],
    ),

  'a copy that gets the name and the inode of one that was deleted while nobody ran': program(
    [
      write(0, 5),
      { at: 2000, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
      { at: 2001, do: 'truncate', path, size: 0 },
      write(5000),
      { at: 5100, do: 'unlink', path: `${path}.1` },
      { at: 5200, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
      { at: 7500, do: 'truncate', path, size: 0 },
    ],
    [crash(4000, 2000)],
  ),

  'a file that is moved away before a restarted agent opens it, and another one that begins as it did':
    program(
      [head(0), { at: 3101, do: 'rename', from: path, to: '/logs/moved.txt' }, open(4500), head(4500.1)],
      [crash(3000)],
    ),

  'a copy over an older one of which nothing was cut': program(
    [
      unterminated(0),
      { at: 100, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
      { at: 101, do: 'truncate', path, size: 0 },
      { at: 400, do: 'write', log: 0, lines: 5, shape: 'unterminated' },
      { at: 4000, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
      { at: 4001, do: 'truncate', path, size: 0 },
    ],
    [],
    { startAt: 3500 },
  ),

  'a quiet directory that is moved, and back': {
    ...program([
      write(0),
      { at: 70_000, do: 'rename', from: '/logs/sub', to: '/elsewhere/sub' },
      { at: 74_000, do: 'rename', from: '/elsewhere/sub', to: '/logs/sub' },
      write(76_000),
    ]),
    paths: ['/logs/sub/a.log'],
  },

  'a file that is deleted while there is no room for it': deletedInAnOutage,

  'a file that is written anew': rewrittenFile,

  'a directory that cannot be read when a file that an earlier process has followed was deleted in it':
    program(
      [write(0), { at: 1500, do: 'unlink', path }],
      [crash(3000), { at: 12_000, forMs: 20_000, kind: 'permission', path: '/logs' }],
      { yieldShare: 0.05 },
    ),

  'a copy over an older one, of which the truncation is seen when there is no room to look at the copy': {
    ...program(
      [
        write(0, 5),
        { at: 500, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
        { at: 501, do: 'truncate', path, size: 0 },
        write(1500, 8),
        write(20_000, 8),
        write(20_600, 5, 1),
        { at: 22_290, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
        { at: 22_295, do: 'truncate', path, size: 0 },
        write(22_300, 40, 1),
      ],
      [{ at: 22_100, forMs: 90_000, kind: 'away' }],
      { segmentBytesMax: 600, inFlightBytesMax: 2400 },
    ),
    paths: [path, '/logs/b.log'],
  },

  'a directory that is moved and back, with a file that could not be read since the restart': {
    ...program(
      [
        write(1500),
        { at: 4817, do: 'rename', from: '/logs/sub', to: '/elsewhere/sub' },
        { at: 8617, do: 'rename', from: '/elsewhere/sub', to: '/logs/sub' },
      ],
      [{ at: 3268, forMs: 8000, kind: 'error', path: '/logs/sub/a.log', code: 'EIO' }, crash(3542)],
    ),
    paths: ['/logs/sub/a.log'],
  },

  'a file that is written to and rotated when it could be read again, and there is no room': {
    ...program(
      [
        write(5320, 1),
        write(10_146, 2, 1),
        write(10_581, 5, 1),
        { at: 11_344, do: 'rename', from: path, to: `${path}.1` },
        write(11_345),
      ],
      [
        { at: 6856, forMs: 4000, kind: 'error', path, code: 'EIO' },
        { at: 9586, forMs: 4000, kind: 'holdsAcks' },
      ],
      { pollIntervalMs: 1000, inFlightBytesMax: 800, segmentBytesMax: 200, yieldShare: 1, wakeShare: 1 },
    ),
    paths: [path, '/logs/b.log'],
  },

  'an empty file that waits to be told from a copy, and its successor that waits for it': {
    ...program(
      [
        head(0),
        { at: 600, do: 'rename', from: path, to: `${path}.old` },
        open(600.1),
        { at: 1110, do: 'rename', from: path, to: `${path}.old` },
        { at: 1110.1, do: 'write', log: 0, lines: 1, shape: 'progress' },
        open(1610),
        { at: 2153, do: 'rename', from: path, to: `${path}.old` },
        { at: 5000, do: 'write', log: 1, lines: 1, shape: 'head' },
        { at: 5001, do: 'write', log: 2, lines: 1, shape: 'progress' },
        { at: 6322, do: 'rename', from: '/logs/b.log', to: '/logs/b.log.1' },
        { at: 6323, do: 'open', log: 1, append: true },
        { at: 6631, do: 'rename', from: '/logs/c.log', to: '/logs/moved.txt' },
        { at: 6632, do: 'open', log: 2, append: true },
        { at: 6722, do: 'write', log: 1, lines: 1, shape: 'head' },
        { at: 7122, do: 'write', log: 1, lines: 1, shape: 'unterminated' },
        { at: 8876, do: 'rename', from: '/logs/c.log', to: '/logs/c.log.1' },
        { at: 8877, do: 'open', log: 2, append: true },
        write(9877, 1, 2),
      ],
      [{ at: 4044, forMs: 4000, kind: 'openFiles' }, crash(6013, 0)],
      { wakeShare: 1 },
    ),
    paths: [path, '/logs/b.log', '/logs/c.log'],
  },

  'a deleted file in the spool that needs a descriptor, when those that wait for it have all': program(
    [
      write(5399, 40),
      { at: 6480, do: 'rename', from: path, to: `${path}.1` },
      open(6481),
      { at: 6482, do: 'write', log: 0, lines: 40, shape: 'progress' },
      { at: 6532, do: 'rename', from: path, to: `${path}.1` },
      open(6533),
      { at: 6683, do: 'rename', from: `${path}.1`, to: `${path}.2` },
      { at: 6684, do: 'rename', from: path, to: `${path}.1` },
      { at: 7161, do: 'rename', from: `${path}.1`, to: `${path}.2` },
      open(7461),
    ],
    [
      { at: 3714, forMs: 4000, kind: 'away' },
      { at: 6939, forMs: 4000, kind: 'holdsAcks' },
    ],
    { inFlightBytesMax: 2400, segmentBytesMax: 600, openFilesMax: 2 },
  ),

  'a copy whose original was truncated, which is seen after an outage that is longer than a copy is held': {
    ...program(
      [
        write(2000),
        write(4000, 40, 1),
        { at: 5000, do: 'copy', from: path, to: `${path}.1`, bytes: 1e9, stays: false },
        { at: 5001, do: 'truncate', path, size: 0 },
      ],
      [{ at: 3500, forMs: 20_000, kind: 'away' }],
      { inFlightBytesMax: 800, segmentBytesMax: 200 },
    ),
    paths: [path, '/logs/b.log'],
  },

  'a file that goes on while its final marker is refused': program(
    [write(0), { at: 5000, do: 'rename', from: path, to: `${path}.1` }, write(11_000)],
    [{ at: 4900, forMs: 9000, kind: 'refuses' }],
  ),
};
