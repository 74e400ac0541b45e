import { describe, expect, test } from 'vitest';
import { readLauncherPrefix, withoutLauncherPrefixes } from '../../src/core/launcher-prefix.ts';

describe('the prefix of', () => {
  test.each([
    ['torchrun', '[default1]:x', 1, '[default1]:'],
    ['PyTorch below torchrun', '[default1]:[rank5]: x', 5, '[default1]:[rank5]: '],
    ['Open MPI', '[1,3]<stderr>:x', 3, '[1,3]<stderr>:'],
    ['Open MPI 5', '[prterun-node7-1234@1,3]<stdout>: x', 3, '[prterun-node7-1234@1,3]<stdout>: '],
    ['Ray', '(RayTrainWorker pid=123, ip=10.0.0.1) x', null, '(RayTrainWorker pid=123, ip=10.0.0.1) '],
    [
      'Ray below which PyTorch writes',
      '(TrainActor pid=123) [rank3]: x',
      3,
      '(TrainActor pid=123) [rank3]: ',
    ],
    ['kubectl', '[pod/train-3/main] x', null, '[pod/train-3/main] '],
    ['Open MPI, with times', 'Mon Nov 23 10:00:00 2026<stderr>:x', null, 'Mon Nov 23 10:00:00 2026<stderr>:'],
    [
      'Open MPI, with times and tags',
      'Mon Nov  3 10:00:00 2026[1,3]<stderr>:x',
      3,
      'Mon Nov  3 10:00:00 2026[1,3]<stderr>:',
    ],
  ])('%s', (_, text, rank, prefix) => {
    const found = readLauncherPrefix(text);
    expect([found.rank, text.slice(0, found.length)]).toEqual([rank, prefix]);
  });

  test.each([
    '[rank] x',
    '(pid=12) x',
    '[1,3] loss: 0.5',
    '[pod] x',
    '(a) x',
    '3: x',
    '2026-11-23T10:00:00Z [1, 3] x',
    '2026-11-23T10:00:00Z x',
    'Mon Nov 23 10:00:00 2026 x',
    'Mon Nov 23 10:00:00 2026[INFO] x',
  ])('none: %s', (text) => {
    expect(readLauncherPrefix(text).length).toBe(0);
  });
});

test('prefixes are taken off every line, the label of a task only where it is its own', () => {
  expect(withoutLauncherPrefixes('[1,3]<stderr>:a\n[1,3]<stderr>:  b\nc', 3)).toBe('a\n  b\nc');
  expect(withoutLauncherPrefixes('3: a\n3:   b\n4: c', 3)).toBe('a\n  b\n4: c');
  expect(withoutLauncherPrefixes('3: a', null)).toBe('3: a');
  const traceback = 'Traceback (most recent call last):\n[default1]:  File "a.py"';
  expect(withoutLauncherPrefixes(traceback, 1)).toBe(traceback.replace('[default1]: ', ''));
});
