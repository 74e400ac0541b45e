import { describe, expect, it } from 'vitest';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

/** What a console says, as facts in their order; `[step, name, value]` of a point, `done/total` of a bar. */
function read(text: string): unknown[] {
  let context: Record<string, unknown> = {};
  return eventsOf(text, { path: '/logs/console.log' }).flatMap((event) => {
    const read = readFacts(event, context);
    context = JSON.parse(JSON.stringify(read.context)) as Record<string, unknown>;
    return read.facts.flatMap((fact): unknown[] => {
      if (fact.kind === 'point') return [[fact.step, fact.name, fact.value]];
      return fact.kind === 'progress' ? [`${fact.step}/${fact.total} ${fact.label ?? ''}`.trim()] : [];
    });
  });
}

const bar = '━'.repeat(20);

describe("Keras' console", () => {
  it('gives the last state of each epoch, which counts from 0', () => {
    const text =
      `Epoch 1/2\n\r 1/32 ${bar} 21s 700ms/step - accuracy: 0.0000e+00 - loss: 4.1519` +
      `\r32/32 ${bar} 1s 18ms/step - accuracy: 0.0859 - loss: 4.1383 - val_loss: 4.1212\n` +
      `Epoch 2/2\n\r32/32 ${bar} 0s 14ms/step - accuracy: nan - loss: 4.0001 - learning_rate: 1.0000e-04\n`;
    expect(read(text)).toEqual([
      '32/32 Epoch 1',
      [0, 'accuracy', 0.0859],
      [0, 'loss', 4.1383],
      [0, 'val_loss', 4.1212],
      '32/32 Epoch 2',
      [1, 'accuracy', Number.NaN],
      [1, 'loss', 4.0001],
      [1, 'learning_rate', 0.0001],
    ]);
  });

  it('of version 2 has another bar, drawn over with backspaces', () => {
    const text =
      'Epoch 3/4\n\r 6/32 [====>.........................] - ETA: 0s - loss: 4.1580' +
      `${'\b'.repeat(62)}\r32/32 [==============================] - 1s 18ms/step - loss: 4.1420 - val_loss: 4.1147\n`;
    expect(read(text)).toEqual(['32/32 Epoch 3', [2, 'loss', 4.142], [2, 'val_loss', 4.1147]]);
  });

  it.each([
    '32/32 - 1s - 18ms/step - loss: 4.1399 - val_loss: 4.1210',
    '32/32 - 1s - loss: 4.1399 - val_loss: 4.1210 - 621ms/epoch - 19ms/step',
    '32/32 - 1s - loss: 4.1399 - val_loss: 4.1210',
  ])('with verbose=2 is one line: %s', (line) => {
    expect(read(`Epoch 1/4\n${line}\n`)).toEqual([
      '32/32 Epoch 1',
      [0, 'loss', 4.1399],
      [0, 'val_loss', 4.121],
    ]);
  });

  it('counts once an epoch at whose end a callback prints: glued to the bar, or on a line of its own', () => {
    const half = '[==============>...............]';
    const whole = `[${'='.repeat(30)}]`;
    const second =
      `Epoch 1/2\n\r17/32 ${half} - ETA: 0s - loss: 4.1580Epoch 1 is over\n${'\b'.repeat(62)}` +
      `\r32/32 ${whole} - 1s 18ms/step - loss: 4.1420 - val_loss: 4.1147\n` +
      `Epoch 2/2\n\r32/32 ${whole} - ETA: 0s - loss: 4.0000\nEpoch 2: val_loss improved from inf to 4.00000\n` +
      `${'\b'.repeat(62)}\r32/32 ${whole} - 1s 18ms/step - loss: 4.0000 - val_loss: 4.1000\n` +
      `32/32 ${whole} - 0s 2ms/step - loss: 3.9000\n`;
    const points = [
      [0, 'loss', 4.142],
      [0, 'val_loss', 4.1147],
      [1, 'loss', 4],
      [1, 'val_loss', 4.1],
    ];
    expect(read(second).filter(Array.isArray)).toEqual(points);
    const third =
      `Epoch 1/2\n\r32/32 ${bar} 0s 18ms/step - loss: 4.1420\nEpoch 1 is over\n` +
      `\r32/32 ${bar} 1s 25ms/step - loss: 4.1420 - val_loss: 4.1147\n` +
      `Epoch 2/2\n\r32/32 ${bar} 0s 40ms/step - loss: 4.0100saved\n\r32/32 ${bar} 1s 45ms/step - loss: 4.0000 - val_loss: 4.1000\n` +
      `32/32 ${bar} 0s 2ms/step - loss: 3.9000\n`;
    expect(read(third).filter(Array.isArray)).toEqual(points);
  });

  it('names no epoch in a training of one', () => {
    const line = `10/10 ${bar} 0s 1ms/step - loss: 1.5000 - val_loss: 1.7500\n`;
    expect(read(line)).toEqual(['10/10', [0, 'loss', 1.5], [0, 'val_loss', 1.75]]);
    expect(read(`${line}10/10 ${bar} 0s 1ms/step - loss: 1.2500\n`)).toHaveLength(4);
  });

  it('of version 3 has no bar while the number of batches is unknown', () => {
    const text = `Epoch 1/2\n\r      7/Unknown \u001B[1m1s\u001B[0m 18ms/step - loss: 4.1383${'\b'.repeat(40)}\r32/32 ${bar} 1s 18ms/step - loss: 4.1000\n`;
    expect(read(text)).toEqual(['32/32 Epoch 1', [0, 'loss', 4.1]]);
    expect(read('Epoch 1/2\n\r      7/Unknown 1s 18ms/step - loss: 4.1383')).toEqual(['7/null Epoch 1']);
  });

  it('has no points in running means, in an evaluation, and where no bar is', () => {
    expect(read(`Epoch 1/4\n\r 7/32 ${bar} 1s 18ms/step - loss: 4.1383\n`)).toEqual(['7/32 Epoch 1']);
    expect(read(`Epoch 1/4\n\r 7/Unknown ${bar} 1s 18ms/step - loss: 4.1383\n`)).toEqual(['7/null Epoch 1']);
    expect(read(`10/10 ${bar} 0s 1ms/step - accuracy: 0.5 - loss: 1.5\n`)).toEqual(['10/10']);
    expect(read('Epoch 1/4\n10/10 - tests passed - loss: none\n12/31 - 2026 - note: 4\n')).toEqual([]);
  });
});
