import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { LogEvent } from '../../src/core/event.ts';
import { isInShape, LineShapes } from '../../src/train/line-shapes.ts';
import type * as Shapes from '../../src/train/line-shapes.ts';
import { exitHints } from '../../src/train/observations/exits.ts';
import { signatures } from '../../src/train/observations/signatures.ts';
import { phaseHints } from '../../src/train/phases.ts';
import { StreamFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

const folders = ['logs', 'consoles'].map((name) => new URL(`../fixtures/${name}/`, import.meta.url));
const files = folders.flatMap((folder) =>
  readdirSync(folder).map((name): [string, Buffer] => [name, readFileSync(new URL(name, folder))]),
);

/** Facts that are read with nothing remembered of lines before. */
async function forgetful(): Promise<typeof StreamFacts> {
  vi.resetModules();
  vi.doMock('../../src/train/line-shapes.ts', async (original) => ({
    ...(await original<typeof Shapes>()),
    LineShapes: class<Traits extends object> {
      readonly of: (line: string) => Traits;
      constructor(learn: (line: string) => Traits) {
        this.of = learn;
      }
    },
  }));
  const { StreamFacts: Forgetful } = await import('../../src/train/read-facts.ts');
  vi.doUnmock('../../src/train/line-shapes.ts');
  return Forgetful;
}

function factsOf(reader: StreamFacts, events: readonly LogEvent[]): unknown[] {
  return events.map((event) => [event.message, reader.read(event)]);
}

/** Other digits in place of those that there are. */
function changed(text: string, digits: readonly number[]): string {
  let next = 0;
  return text.replaceAll(/\d/g, () => String(digits[next++ % digits.length]));
}

describe('shapes of lines', () => {
  it.each([
    ['step 10 | loss 2.5', 'step 99 | loss 0.0', true],
    ['step 10 | loss 2.5', 'step 9 | loss 2.55', false],
    ['lr 1.0e-05', 'lr 2.5e-04', true],
    ['lr 1.0e-05', 'lr 1.0e+05', false],
    ['2026-11-23T10:26:25.084Z up', '2025-01-01T00:00:00.000Z up', true],
    ['[rank1] up', '[rank2] up', false],
    ['acc@1 0.5', 'acc@5 0.5', false],
    ['mAP50-95: 0.6', 'mAP50-96: 0.6', false],
    ['7b', '8b', true],
    ['é1', 'é2', true],
    ['é1', 'è1', false],
  ])('%s and %s are of one shape: %s', (one, other, isOne) => {
    const shapes = new LineShapes((line) => ({ line }));
    for (const line of [one, one]) shapes.of(line);
    expect(shapes.of(other)).toEqual({ line: isOne ? one : other });
  });

  it('are remembered when they are met again, while there are not too many', () => {
    const learned: string[] = [];
    const shapes = new LineShapes((line) => ({ number: learned.push(line) }));
    for (const line of ['a 1', 'a 2', 'a 3', 'a 4']) shapes.of(line);
    expect(learned).toEqual(['a 1', 'a 2']);
    for (let i = 0; i < 20_000; i += 1)
      for (const step of [1, 2]) shapes.of(`${'b'.repeat(i % 999)} c${i >> 5} ${step}`);
    shapes.of('a 5');
    expect(learned.at(-1)).toBe('a 5');
  });

  it('of lines that differ in their words only are each learned', () => {
    const shapes = new LineShapes((line) => ({ line }));
    for (let rank = 0; rank < 100; rank += 1) shapes.of(`[rank${rank}] step 1`);
    for (let rank = 0; rank < 100; rank += 1)
      expect(shapes.of(`[rank${rank}] step 2`).line).toMatch(`[rank${rank}] step `);
  });

  it('know of each digit whether it is part of them', () => {
    const line = 'step 1 loss_2 .3 -4 ./a5 6b7 x=8';
    const isPart = Array.from(line, (each, i) => (/\d/.test(each) ? isInShape(line, i, i + 1) : null));
    expect(isPart.filter((each) => each !== null)).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
      false,
      false,
    ]);
  });

  it('may be told from any text, however it is cut', () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from('01 9.-/_@%ae=:é中|')), maxLength: 24 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const shapes = new LineShapes((line) => ({ line }));
        for (const line of [one, one]) shapes.of(line);
        const isOne =
          one.length === other.length &&
          Array.from(one).every(
            (each, i) =>
              each === other[i] ||
              (/\d\d/.test(each + (other[i] ?? '')) &&
                !isInShape(one, i, i + 1) &&
                !isInShape(other, i, i + 1)),
          );
        expect(shapes.of(other)).toEqual({ line: isOne ? one : other });
      }),
    );
  });
});

describe('facts', () => {
  it.each(files)('of %s are the same whatever lines of its shapes came before', async (name, bytes) => {
    const Forgetful = await forgetful();
    const text = bytes.toString('latin1');
    const path = `/logs/${name}`;
    const digits = fc.array(fc.nat(9), { minLength: 7, maxLength: 64 });
    const read = (bytesOf: string) => eventsOf(Buffer.from(bytesOf, 'latin1'), { path });
    fc.assert(
      fc.property(digits, digits, (one, other) => {
        for (const taught of [changed(text, one), text, changed(text, other)]) {
          const events = read(taught);
          expect(factsOf(new StreamFacts(), events)).toEqual(factsOf(new Forgetful(), events));
        }
      }),
      { numRuns: 3 },
    );
  });
});

it.each([
  ['Epoch 1 iter 5/9l3: 3.5', 'Epoch 1 iter 5/9l2: 3.5'],
  ['Epoch 1 iter 5/9loss2: 3.5, loss2: 0.5', 'Epoch 1 iter 5/9loss1: 3.5, loss2: 0.5'],
  ['epoch 7-loss2: 3.5, loss2: 0.1, acc: 1', 'epoch 7-loss1: 3.5, loss2: 0.1, acc: 1'],
  ['epoch 7-l3 3.5, acc: 1', 'epoch 7-l2 3.5, acc: 1'],
  ['Epoch 1, batch 50l3: 3.5', 'Epoch 1, batch 50l2: 3.5'],
  ['Epoch 1, batch 50, 9 frames, loss[x=1], 9-l3=3.5', 'Epoch 1, batch 50, 9 frames, loss[x=1], 9-l2=3.5'],
  ['Epoch 1, batch 50l3=3.5, 9 frames', 'Epoch 1, batch 50l2=3.5, 9 frames'],
  ['Episode 7-l3: 3.5', 'Episode 7-l2: 3.5'],
  ['step 7 top 1 0.5 loss 0.5', 'step 7 top 5 0.5 loss 0.5'],
  ['step 7 [5D3 loss: 0.5]', 'step 7 [5D2 loss: 0.5]'],
  ['7-l3 0.5, epoch 7', '7-l2 0.5, epoch 7'],
  ['step 7 a-tensor(3): 0.5, loss: 0.5', 'step 7 a-tensor(4): 0.5, loss: 0.5'],
  ['step 7 loss: tensor(3.25)', 'step 7 loss: tensor(4.75)'],
  ["{'l 1': 0.5, 'step': 5}", "{'l 2': 0.5, 'step': 5}"],
  ["{'5_l3': 0.5, 'step': 5}", "{'5_l2': 0.5, 'step': 5}"],
  ["{'5_l3': 'a', 'b': 0.5, 'step': 5}", "{'5_l2': 'a', 'b': 0.5, 'step': 5}"],
  ['eval: 9-l3: 0.5', 'eval: 9-l2: 0.5'],
  ['9epoch results: [train] 9-l3=0.5', '9epoch results: [train] 9-l2=0.5'],
  ['[9] 5-l3: 0.5', '[9] 5-l2: 0.5'],
  ["{'loss': 0.5, 'top 1': 0.2}", "{'loss': 0.5, 'top 5': 0.2}"],
])('names that are told apart by digits of a number are: %s, %s', async (one, other) => {
  const Forgetful = await forgetful();
  const [taught, asked] = [one, other].map((line) => eventsOf(`${line}\n`, { path: '/logs/a.log' }));
  const remembering = new StreamFacts();
  for (let i = 0; i < 3; i += 1) factsOf(remembering, taught ?? []);
  expect(factsOf(new StreamFacts(), asked ?? [])).toEqual(factsOf(new Forgetful(), asked ?? []));
});

it('texts by which lines are known to tell of something have no digits, which other lines of a shape may not have', () => {
  const hints = [...signatures.flatMap((each) => each.hints), ...exitHints, ...phaseHints];
  expect(hints.filter((hint) => /\d/.test(hint))).toEqual([]);
});
