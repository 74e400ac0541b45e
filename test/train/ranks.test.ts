/** Points and failures of several ranks in one console. */
import { expect, test } from 'vitest';
import { eventsOf } from '../events/helpers.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { readTraceback } from '../../src/train/observations/tracebacks.ts';
import { pointsOf } from './points-of.ts';

function ranksOf(text: string): [number | null, number | null, number][] {
  let memory: Record<string, unknown> = {};
  return eventsOf(text).flatMap((event) => {
    const { facts, context } = readFacts(event, memory);
    memory = context;
    return facts.flatMap((fact): [number | null, number | null, number][] =>
      fact.kind === 'point' ? [[fact.rank, fact.step, fact.value]] : [],
    );
  });
}

test.each([
  [
    'accelerate',
    (rank: number) => `11/26/2026 21:04:40 - INFO - __main__ - [RANK ${rank}] Step: 1 | loss: 0.5`,
  ],
  ['accelerate, dicts', (rank: number) => `INFO:__main__:[RANK ${rank}] {'loss': 0.5, 'step': 1}`],
  ['a format with the rank', (rank: number) => `2026-11-26 20:58:34,824 [Rank ${rank}] INFO step 1 loss 0.5`],
  ['prints', (rank: number) => `[rank ${rank}] step 1 loss 0.5`],
])('the ranks of lines by %s', (_, lineOf) => {
  expect(ranksOf([1, 0, 2].map((rank) => `${lineOf(rank)}\n`).join(''))).toEqual([
    [1, 1, 0.5],
    [0, 1, 0.5],
    [2, 1, 0.5],
  ]);
});

test('prints that are glued together are told apart', () => {
  expect(ranksOf('[rank 2] step 4 loss 2.6644[rank 1] step 9 loss 2.2901\n\n')).toEqual([
    [2, 4, 2.6644],
    [1, 9, 2.2901],
  ]);
});

test("DeepSpeed's throughput is told with its step", () => {
  const line =
    '[2026-11-26 21:10:09,965] [INFO] [timer.py:264:stop] epoch=0/micro_step=10/global_step=5, RunningAvgSamplesPerSec=553.953, CurrSamplesPerSec=467.187, MemAllocated=0.79GB, MaxMemAllocated=0.79GB\n';
  expect(pointsOf(line)).toEqual([
    [5, 'RunningAvgSamplesPerSec', 553.953],
    [5, 'CurrSamplesPerSec', 467.187],
  ]);
});

test("frames of another process that prints at the same time are no part of an exception's message", () => {
  const text = [
    'Traceback (most recent call last):',
    '  File "/w/a.py", line 1, in <module>',
    'ValueError: bad',
    '  File "/w/a.py", line 2, in load',
    '    read()',
  ].join('\n');
  expect(readTraceback(text)?.exceptions).toEqual([{ type: 'ValueError', message: 'bad' }]);
});
