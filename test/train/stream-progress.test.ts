/** How far a stream says that it is. */
import { expect, test } from 'vitest';
import type { Fact } from '../../src/core/fact.ts';
import type { StreamProgress } from '../../src/core/stream-document.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { progressAfter } from '../../src/train/stream-progress.ts';
import { eventsOf } from '../events/helpers.ts';

/** Each text is one of its own second. */
function told(...texts: string[]): StreamProgress | undefined {
  let context: Record<string, unknown> = {};
  let progress: StreamProgress | undefined;
  for (const [second, text] of texts.entries()) {
    for (const event of eventsOf(text, { observed: 1_795_428_486_000 + second * 1000 })) {
      const read = readFacts(event, context);
      context = read.context;
      progress = progressAfter(progress, read.facts);
    }
  }
  return progress;
}

const bar = (label: string, done: number, total: number, left = '00:10') =>
  `${label}:  50%|█████     | ${done}/${total} [00:10<${left}, 2.00it/s]\n`;

test('a bar tells it, with what is left and how fast', () => {
  expect(told(bar('train', 450, 1000))).toMatchObject({
    step: 450,
    total: 1000,
    label: 'train',
    rate: 2,
    etaMs: 10_000,
  });
  expect(told(bar('train', 450, 1000, '?'))).toMatchObject({ etaMs: 275_000 });
  expect(told(bar('train', 1000, 1000))).toMatchObject({ step: 1000, etaMs: null });
});

test('the bar with the most steps counts, and none of an evaluation', () => {
  expect(told(bar('train', 450, 1000), bar('epoch', 1, 3))).toMatchObject({ label: 'train' });
  expect(told(bar('epoch', 1, 3), bar('train', 450, 1000))).toMatchObject({ label: 'train' });
  expect(told(bar('train', 450, 1000), bar('Validation', 1, 5000))).toMatchObject({ label: 'train' });
});

test('a bar at its end gives way to the next one, and one that stands still', () => {
  expect(told(bar('Map', 5000, 5000), bar('train', 4, 1000))).toMatchObject({ label: 'train', step: 4 });
  const held = told(bar('Map', 4000, 5000));
  const later: Fact[] = eventsOf(bar('train', 4, 1000), { observed: 1_795_428_486_000 + 61_000 }).flatMap(
    (event) => readFacts(event, {}).facts,
  );
  expect(progressAfter(held, later)).toMatchObject({ label: 'train', step: 4 });
});

const line = (step: number, total: number) =>
  ` [2026-11-23 10:00:${10 + step}.000] iteration        ${step}/     ${total} | consumed samples:          ${step * 8} | elapsed time per iteration (ms): 100.0 | learning rate: 1.000E-04 | global batch size:     8 | lm loss: 9.5E+00 | number of skipped iterations:   0 |\n`;

test('points whose text tells the last step tell it too, with the mean speed', () => {
  const progress = told(line(10, 100), line(12, 100), line(20, 100));
  expect(progress).toMatchObject({ step: 20, total: 100, label: null, rate: 1, etaMs: 80_000 });
  expect(told(line(10, 100))).toMatchObject({ step: 10, rate: null, etaMs: null });
});

test('steps that begin anew are told from there on', () => {
  expect(told(line(10, 100), line(40, 100), line(2, 100))).toMatchObject({ step: 2, rate: null });
});

test('facts that come again change nothing', () => {
  const facts = eventsOf(line(10, 100)).flatMap((event) => readFacts(event, {}).facts);
  const once = progressAfter(undefined, facts);
  expect(progressAfter(once, facts)).toEqual(once);
});
