import { dirname } from 'node:path';
import { Random } from './random.ts';

/**
 * What the writers do and which faults come, as data: a seed makes it, and shrinking leaves parts of it out. `at` is model ms.
 */
export type Operation = { at: number } & (
  | { do: 'open'; log: number; append: boolean }
  | { do: 'write'; log: number; lines: number; shape: Shape }
  /** The writer makes its file longer, by zeros, and goes on behind them. */
  | { do: 'extend'; log: number; bytes: number }
  /** What was written until now is in a lower layer of overlayfs; the next write copies it up. */
  | { do: 'copyUp'; log: number }
  | { do: 'rename'; from: string; to: string }
  | { do: 'unlink'; path: string }
  | { do: 'truncate'; path: string; size: number }
  /** One step of a copy, which first empties what another one has left there. */
  | { do: 'copy'; from: string; to: string; bytes: number; stays: boolean }
  | { do: 'link' | 'symlink'; path: string; to: string }
  | StateOperation
);

/**
 * A file that is written anew as a whole: `replace` by a rename; `begin` in its place, with the first part of what it will be, and `rest`
 * with the other one; `append` adds whole lines.
 */
export interface StateOperation {
  do: 'state';
  path: string;
  how: 'replace' | 'begin' | 'rest' | 'append';
  rows: number;
}

/** `head`: the line that all files begin with; `torn`: the last line comes in two writes; `progress`: frames that end in `\r`. */
export type Shape = 'whole' | 'torn' | 'progress' | 'head' | 'unterminated';

export type Fault = { at: number; forMs: number } & (
  | { kind: 'crash' | 'machine' | 'stop' }
  | { kind: 'away' | 'refuses' | 'holdsAcks' | 'diskFull' | 'openFiles' }
  | { kind: 'permission'; path: string }
  | { kind: 'error'; path: string; code: 'EIO' | 'ESTALE' }
  | { kind: 'clock'; jumpMs: number }
);

export interface Program {
  operations: Operation[];
  faults: Fault[];
  paths: readonly string[];
  settings: Settings;
}

export interface Settings {
  pollIntervalMs: number;
  inFlightBytesMax: number;
  segmentBytesMax: number;
  openFilesMax: number;
  spoolBytesMax: number;
  mtimeGranularityMs: number;
  hasBirthTimes: boolean;
  reusesInodes: boolean;
  yieldShare: number;
  duplicateShare: number;
  /** Share of the changes that wake the agent up; the rest it must find by itself. */
  wakeShare: number;
  /** When the agent starts for the first time. */
  startAt: number;
}

/** With so many, no file is closed to spare descriptors. */
export const openFilesAmple = 1000;
const logPaths = ['/logs/a.log', '/logs/sub/b.log', '/logs/rank0/err.log'] as const;

export function programOf(seed: number): Program {
  const random = new Random(seed);
  const settings = settingsOf(random);
  const paths = withRecords(seed, logPaths.slice(0, random.pick([1, 1, 2, 3])));
  const lengthMs = random.pick([2_000, 4_000, 8_000, 8_000, 15_000, 80_000]);
  const operations: Operation[] = [];
  for (const [log, path] of paths.entries())
    operations.push(...writerOf(random, stylesOf(seed), { log, path }, lengthMs));
  if (seed >= statesSinceSeed) operations.push(...statesOf(new Random(seed ^ 0x57a7e), settings, lengthMs));
  operations.sort((a, b) => a.at - b.at);
  const copies = operations.some(
    (operation) => operation.do === 'copyUp' || (operation.do === 'copy' && !operation.stays),
  );
  const faults = faultsOf(random, seed, { paths, lengthMs }).filter(
    (fault) => !copies || !confusesCopies(fault),
  );
  if (copies) settings.openFilesMax = openFilesAmple;
  return { operations, faults, paths, settings };
}

/** Earlier seeds stay the programs that they were. */
const statesSinceSeed = 4_000_000;
const recordsSinceSeed = 170_000_000;

/** One file in five programs holds binary records. */
function withRecords(seed: number, paths: readonly string[]): readonly string[] {
  const hasRecords = seed >= recordsSinceSeed && new Random(seed ^ 0x2ec0d5).chance(0.2);
  return hasRecords ? ['/logs/events.out.tfevents.1.log', ...paths.slice(1)] : paths;
}

export function holdsRecords(path: string): boolean {
  return path.includes('tfevents');
}

/** One file in three programs is written anew as a whole, again and again. */
function statesOf(random: Random, settings: Settings, lengthMs: number): Operation[] {
  if (!random.chance(0.3)) return [];
  // Each cut of a state is a segment of full size.
  settings.segmentBytesMax = Math.max(settings.segmentBytesMax, 5000);
  settings.inFlightBytesMax = Math.max(settings.inFlightBytesMax, 4 * settings.segmentBytesMax);
  const path = random.pick(['/logs/metrics.log.csv', '/logs/state.log.json']);
  const pauseMs = random.pick([100, 700, 3000]);
  const ways = random.pick([['replace'], ['begin'], ['append'], ['replace', 'begin', 'append']] as const);
  const operations: Operation[] = [];
  for (
    let at = random.below(3000);
    at < lengthMs && operations.length < 30;
    at += random.below(2 * pauseMs)
  ) {
    const how = random.pick(ways);
    operations.push({ at, do: 'state', path, how, rows: random.pick([1, 5, 40]) });
    if (how !== 'begin') continue;
    at += random.pick([0, 1, 300, 2000]) + 0.001;
    operations.push({ at, do: 'state', path, how: 'rest', rows: 0 });
  }
  return operations;
}

/** Where a copy or its original cannot be opened, or it seems to be older than its original, it is a file of its own: a limit that docs/GUARANTEES.md states. */
function confusesCopies(fault: Fault): boolean {
  return (
    fault.kind === 'openFiles' ||
    fault.kind === 'permission' ||
    fault.kind === 'error' ||
    (fault.kind === 'clock' && fault.jumpMs < 0)
  );
}

function settingsOf(random: Random): Settings {
  const segmentBytesMax = random.pick([200, 600, 5000, 880 * 1024]);
  return {
    pollIntervalMs: random.pick([250, 250, 1000]),
    inFlightBytesMax: segmentBytesMax * random.pick([4, 20]),
    segmentBytesMax,
    openFilesMax: random.pick([openFilesAmple, openFilesAmple, openFilesAmple, openFilesAmple, 2]),
    spoolBytesMax: random.pick([1e9, 1e9, 5000]),
    mtimeGranularityMs: random.pick([0.001, 0.001, 1, 4, 1000]),
    hasBirthTimes: random.chance(0.8),
    reusesInodes: random.chance(0.8),
    yieldShare: random.pick([0.05, 0.3, 1]),
    duplicateShare: random.pick([0, 0, 0.2]),
    wakeShare: random.pick([0, 0.5, 1]),
    startAt: random.pick([0, 0, 0, 2000]),
  };
}

/** One writer's log from its first line to its last, rotated and mistreated in its own way. */
function writerOf(
  random: Random,
  styles: readonly Style[],
  { log, path }: Target,
  lengthMs: number,
): Operation[] {
  const style = random.pick(styles);
  const operations: Operation[] = [];
  let at = random.pick([0, 0, 100, 5000]);
  const add = (...more: UntimedOperation[]) => {
    for (const operation of more) {
      operations.push({ at, ...operation });
      // A little more each time: what one writer does, it does in this order.
      at += random.pick(style.pausesMs) + 0.001;
    }
  };
  add({ do: 'open', log, append: random.chance(0.8) });
  if (random.chance(0.5)) add({ do: 'write', log, lines: 1, shape: 'head' });
  const pauseMs = random.pick([50, 300, 1500, lengthMs / 4]);
  while (at < lengthMs && operations.length < 40) {
    if (random.chance(0.75)) add(writeOf(random, log));
    else {
      add(...random.pick(style.acts)(random, { log, path }));
      at += style.restMs ?? 0;
    }
    at += random.below(2 * pauseMs);
  }
  return operations;
}

type UntimedOperation = Operation extends infer Each
  ? Each extends Operation
    ? Omit<Each, 'at'>
    : never
  : never;
interface Target {
  log: number;
  path: string;
}
type Act = (random: Random, target: Target) => UntimedOperation[];

function writeOf(random: Random, log: number): UntimedOperation {
  const shape = random.pick(['whole', 'whole', 'whole', 'torn', 'progress', 'unterminated'] as const);
  return { do: 'write', log, lines: random.pick([1, 1, 2, 2, 5, 5, 5, 40]), shape };
}

const reopen = (random: Random, log: number): UntimedOperation[] => {
  const late = random.chance(0.3) ? [writeOf(random, log)] : [];
  const head = random.chance(0.5) ? [{ do: 'write', log, lines: 1, shape: 'head' } as const] : [];
  return [...late, { do: 'open', log, append: true }, ...head];
};

const rotateByRename: Act = (random, { log, path }) => {
  const times = random.pick([1, 1, 1, 3]);
  return Array.from({ length: times }, (): UntimedOperation[] => [
    { do: 'rename', from: `${path}.3`, to: `${path}.4` },
    { do: 'rename', from: `${path}.2`, to: `${path}.3` },
    { do: 'rename', from: `${path}.1`, to: `${path}.2` },
    { do: 'rename', from: path, to: `${path}.1` },
    ...reopen(random, log),
    writeOf(random, log),
  ]).flat();
};

const copyAndTruncate = (random: Random, { log, path }: Target, to: string): UntimedOperation[] => {
  const steps = random.pick([1, 1, 3]);
  const bytes = steps === 1 ? 1e9 : random.pick([40, 300]);
  const copies = Array.from({ length: steps }, (_, i): UntimedOperation => {
    const last = i === steps - 1;
    return { do: 'copy', from: path, to, bytes: last ? 1e9 : bytes, stays: false };
  });
  return [...copies, { do: 'truncate', path, size: 0 }, writeOf(random, log)];
};

const rotateByCopy: Act = (random, target) => {
  const { log, path } = target;
  const inside = random.chance(0.7);
  const to = inside ? `${path}.1` : `/elsewhere/copy-${log}`;
  return [
    { do: 'rename', from: `${path}.2`, to: `${path}.3` },
    { do: 'rename', from: `${path}.1`, to: `${path}.2` },
    ...(inside ? [] : [{ do: 'unlink', path: to } as const]),
    ...copyAndTruncate(random, target, to),
  ];
};

/** As `cp a.log a.log.1 && : > a.log` does, each time over the copy before. */
const rotateByCopyOver: Act = (random, target) => copyAndTruncate(random, target, `${target.path}.1`);

const truncateAndGoOn: Act = (random, { log, path }) => [
  { do: 'truncate', path, size: random.pick([0, 0, 0, 20, 200]) },
  ...(random.chance(0.5) ? [{ do: 'write', log, lines: 1, shape: 'head' } as const] : []),
  writeOf(random, log),
];

const createAnew: Act = (random, { log, path }) => [{ do: 'unlink', path }, ...reopen(random, log)];

const replaceByRename: Act = (random, { log, path }) => [
  { do: 'rename', from: path, to: `${path}.old` },
  ...reopen(random, log),
  ...(random.chance(0.5) ? [{ do: 'rename', from: path, to: `${path}.old` } as const] : []),
  ...reopen(random, log),
];

const moveAway: Act = (random, { log, path }) => {
  const to = random.pick(['/logs/old/moved.log', '/elsewhere/moved', '/logs/moved.txt']);
  return [{ do: 'rename', from: path, to }, ...reopen(random, log)];
};

/** A hole of zeros, of a length about those that decide whether it is one; of a new file at times. */
const leaveHole: Act = (random, { log, path }) => [
  ...(random.chance(0.3) ? [{ do: 'unlink', path } as const, ...reopen(random, log)] : []),
  { do: 'extend', log, bytes: random.pick([1, 7, 8, 63, 64, 65, 300, 2000]) },
  writeOf(random, log),
];

/** The directory of a log is renamed, and another one takes its name; or it comes back, when nothing has. */
const moveDirectory: Act = (random, { log, path }) => {
  const from = dirname(path);
  if (from === '/logs') return moveAway(random, { log, path });
  const to = random.pick(['/logs/moved', '/logs/deep/moved', '/elsewhere/moved', `${from}.old`]);
  const back = { do: 'rename', from: to, to: from } as const;
  const rest = random.pick([reopen(random, log), [back], [writeOf(random, log), back]]);
  return [{ do: 'rename', from, to }, ...rest, writeOf(random, log)];
};

/** Emptied before it is renamed, as `: > a.log && mv a.log a.log.1` does. */
const emptyAndRename: Act = (random, { log, path }) => [
  { do: 'truncate', path, size: 0 },
  { do: 'rename', from: path, to: `${path}.1` },
  ...reopen(random, log),
  writeOf(random, log),
];

/** Out of the patterns for a moment, and back. */
const moveAndBack: Act = (random, { log, path }) => {
  const to = `/elsewhere/for-a-moment-${log}`;
  const meanwhile = random.chance(0.5) ? [writeOf(random, log)] : [];
  return [
    { do: 'rename', from: path, to },
    ...meanwhile,
    { do: 'rename', from: to, to: path },
    writeOf(random, log),
  ];
};

const copyUp: Act = (random, { log }) => [{ do: 'copyUp', log }, writeOf(random, log)];

const deleteOld: Act = (_, { path }) => [
  { do: 'unlink', path: `${path}.2` },
  { do: 'unlink', path: `${path}.1` },
];

const addNames: Act = (random, { path }) => [
  random.chance(0.5)
    ? { do: 'link', path, to: `${path}.1` }
    : { do: random.pick(['link', 'symlink'] as const), path, to: `/logs/other-name.log` },
];

const copyToStay: Act = (_, { path }) => [
  { do: 'copy', from: path, to: `/logs/kept/copy.log`, bytes: 1e9, stays: true },
];

interface Style {
  acts: readonly Act[];
  pausesMs: readonly number[];
  /** At least so long between two acts; a limit that docs/GUARANTEES.md states. */
  restMs?: number;
  /** The first seed that may have it: so an earlier seed stays the program that it was. */
  sinceSeed?: number;
}

function stylesOf(seed: number): readonly Style[] {
  return styles.filter(({ sinceSeed = 0 }) => sinceSeed <= seed);
}

const styles: readonly Style[] = [
  { acts: [rotateByRename], pausesMs: [0, 0, 1, 50] },
  { acts: [rotateByRename, deleteOld], pausesMs: [0, 400] },
  { acts: [rotateByCopy], pausesMs: [0, 1, 3], restMs: 3000 },
  { acts: [rotateByCopy, deleteOld], pausesMs: [0, 1, 300], restMs: 3000 },
  { acts: [truncateAndGoOn], pausesMs: [0, 1, 300] },
  { acts: [createAnew], pausesMs: [0, 1, 300] },
  { acts: [replaceByRename, moveAway], pausesMs: [0, 10, 500] },
  { acts: [copyUp, rotateByRename], pausesMs: [0, 1, 300, 1500], restMs: 3000 },
  { acts: [leaveHole, rotateByRename], pausesMs: [0, 1, 300, 1500] },
  { acts: [moveDirectory, rotateByRename], pausesMs: [0, 1, 300, 1500] },
  { acts: [addNames, createAnew, rotateByRename], pausesMs: [0, 100] },
  { acts: [copyToStay, truncateAndGoOn], pausesMs: [0, 100] },
  {
    acts: [rotateByRename, truncateAndGoOn, createAnew, replaceByRename, moveAway, deleteOld, addNames],
    pausesMs: [0, 1, 100, 1000],
  },
  { acts: [rotateByCopyOver, deleteOld], pausesMs: [0, 1, 300], restMs: 3000, sinceSeed: 2_000_000 },
  {
    acts: [emptyAndRename, moveAndBack, rotateByRename],
    pausesMs: [0, 1, 300, 1500],
    sinceSeed: 8_000_000,
  },
];

/**
 * Faults that last for longer than anything is waited for. Not all that they find is mended, so seeds of every day are below: a program
 * with them is 2 ** 33 and its seed.
 */
const longFaultsSinceSeed = 2 ** 33;

function faultsOf(
  random: Random,
  seed: number,
  { paths, lengthMs }: { paths: readonly string[]; lengthMs: number },
): Fault[] {
  const longMs = seed < longFaultsSinceSeed ? [] : [20_000, 70_000];
  const count = random.pick([0, 1, 2, 4, 8]);
  const faults = Array.from({ length: count }, (): Fault => {
    const base = { at: random.below(lengthMs + 3000), forMs: random.pick([0, 50, 1000, 4000, ...longMs]) };
    const kind = random.pick(faultKinds);
    switch (kind) {
      case 'permission':
        return {
          ...base,
          kind,
          path: random.pick([...paths, '/logs', '/logs/sub', `${random.pick(paths)}.1`]),
        };
      case 'error':
        return { ...base, kind, path: random.pick(paths), code: random.pick(['EIO', 'ESTALE'] as const) };
      case 'clock':
        return { ...base, kind, jumpMs: random.pick([-3_600_000, 3_600_000, -5000, 7000]) };
      default:
        return { ...base, kind };
    }
  });
  return faults.sort((a, b) => a.at - b.at);
}

const faultKinds = [
  'crash',
  'crash',
  'crash',
  'machine',
  'stop',
  'away',
  'refuses',
  'holdsAcks',
  'diskFull',
  'openFiles',
  'permission',
  'error',
  'clock',
] as const;
