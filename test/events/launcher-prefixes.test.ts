/** Lines with the prefixes of launchers before them: whose they are, and which belong together. */
import { describe, expect, test } from 'vitest';
import { eventsOf } from './helpers.ts';

const traceback = [
  'Traceback (most recent call last):',
  '  File "/w/a.py", line 1, in <module>',
  'ValueError: bad',
];
const kindsOf = (lines: readonly string[]) =>
  eventsOf(`${lines.join('\n')}\n`).map(({ kind, rank }) => [kind, rank]);

test.each([
  ['Open MPI', '[1,3]<stderr>:', 3],
  ['torchrun --role trainer', '[trainer3]:', 3],
  ['torchrun --role trainer, and PyTorch', '[trainer1]:[rank3]: ', 3],
  ['TorchX', 'ddp/0 [3]:', 3],
  ['TorchX and PyTorch', 'ddp/0 [1]:[rank3]: ', 3],
  ['TorchX, on the second machine', 'ddp/1 [3]:', null],
  ['TorchX on the second machine, and PyTorch', 'ddp/1 [1]:[rank3]: ', 3],
  ['Ray', '(TrainActor pid=12) ', null],
  ['kubectl', '[pod/train-3/main] ', null],
  ['srun --label', '3: ', 3],
])('a traceback under the prefix of %s is one event', (_, prefix, rank) => {
  expect(kindsOf(traceback.map((line) => prefix + line))).toEqual([['traceback', rank]]);
});

test('a traceback with a time before each line is one event, at the first of them', () => {
  const stamp = (second: number) => `2026-11-23T10:00:0${second}.123456789Z `;
  const lines = ['step=1 loss=0.5', ...traceback, 'next'].map((line, i) => stamp(i) + line);
  const events = eventsOf(`${lines.join('\n')}\n`);
  expect(events.map(({ kind }) => kind)).toEqual(['line', 'traceback', 'line']);
  expect(new Date(events[1]?.time ?? 0).toISOString()).toBe('2026-11-23T10:00:01.123Z');
});

test('what is glued to a bar is of its process', () => {
  const bar = '[default1]: 30%|███       | 6/20 [00:00<00:00, 46.78it/s]';
  const lines = [`${bar}saved`, ...traceback.map((line, i) => `${i === 0 ? bar : '[default1]:'}${line}`)];
  expect(kindsOf([...lines, `${bar}[default2]:next`])).toEqual([
    ['progress', 1],
    ['line', 1],
    ['progress', 1],
    ['traceback', 1],
    ['progress', 1],
    ['line', 2],
  ]);
});

test('a prefix with nothing behind it is a blank line of its process', () => {
  const bar = '[default0]: 30%|███       | 6/20 [00:00<00:00, 46.78it/s]';
  const lines = [
    bar,
    '[default0]:',
    '[default0]:   ',
    "[default0]:{'loss': 1.5}",
    '[default0]:',
    '[default1]:x',
  ];
  expect(eventsOf(`${lines.join('\n')}\n`).map(({ message }) => message)).toEqual([
    bar,
    lines[3],
    '[default1]:x',
  ]);
});

test("two processes' lines do not join", () => {
  const lines = ['(A pid=1) Traceback (most recent call last):', '(A pid=2)   indented', '(A pid=1) x'];
  expect(kindsOf(lines)).toHaveLength(3);
});

describe('numbers before lines', () => {
  test('are of tasks once they repeat on lines in a row', () => {
    const lines = [0, 1, 0, 1, 1, 0, 1].map((task) => `${task}: step=5 loss=0.5`);
    expect(kindsOf(lines).slice(-2)).toEqual([
      ['line', 0],
      ['line', 1],
    ]);
  });

  test('are of a list, where they do not', () => {
    const lists = [0, 1, 2].flatMap((epoch) => [`epoch ${epoch}`, '0: 0.5', '1: 0.25', '2: 0.75']);
    const growing = Array.from({ length: 20 }, (_, i) => `${i}: 0.5`);
    expect(eventsOf([...lists, ...growing].join('\n')).filter(({ rank }) => rank !== null)).toEqual([]);
  });
});
