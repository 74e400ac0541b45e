import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { numberToJson } from '../../src/core/fact.ts';
import type { PointFact } from '../../src/core/fact.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

function pointsOf(name: string): PointFact[] {
  const bytes = readFileSync(new URL(`../fixtures/records/${name}`, import.meta.url));
  return eventsOf(bytes)
    .flatMap((event) => readFacts(event, {}).facts)
    .filter((fact) => fact.kind === 'point');
}

const shown = (name: string) =>
  pointsOf(name).map(({ step, name, value }) => `${step} ${name} ${numberToJson(value)}`);

describe('TensorBoard', () => {
  it('has the scalars of PyTorch, at their own time, and nothing of images and texts', () => {
    const points = pointsOf('tensorboardx.tfevents');
    expect(points.map(({ step, name, value }) => [step, name, value])).toEqual([
      [1, 'train/loss', Math.fround(4.4)],
      [2, 'train/loss', Math.fround(4.3)],
      [3, 'train/loss', Math.fround(4.2)],
      [4, 'train/weird', Number.NaN],
      [5, 'train/weird', Infinity],
    ]);
    expect(points[0]).toMatchObject({ time: 1_795_428_001_250, canonical: 'loss' });
  });

  it("has TensorFlow 2's tensors of every type, with and without the plugin's name", () => {
    const types = ['float32', 'float64', 'float16', 'int32', 'int64', 'uint8'];
    const numbers = types.flatMap((type, step) => {
      const [value, content] = type.startsWith('float') ? [3.25, -3.25] : [3, 3];
      return [`${step} val/${type} ${value}`, `${step} content/${type} ${content}`];
    });
    expect(shown('tensors.tfevents')).toEqual([...numbers, '10 later 7.5', '11 later 8.5', '12 one 9.5']);
  });

  it('has hyperparameters as fields of a record, without points', () => {
    expect(shown('hparams.tfevents')).toEqual([`0 hp/loss ${Math.fround(4.1)}`]);
    const events = eventsOf(readFileSync(new URL('../fixtures/records/hparams.tfevents', import.meta.url)));
    expect(events[2]?.fields).toMatchObject({ hparams: { lr: 0.001, optimizer: 'adamw', bias: true } });
  });
});

describe('W&B', () => {
  it('has the history with its steps, once, and no images', () => {
    const steps = [0, 1, 2].flatMap((i) => [
      `${i * 10} train/loss ${4.5 - i}`,
      `${i * 10} nested.acc ${i / 4}`,
    ]);
    const last = [
      '40 train/loss NaN',
      '40 inf Infinity',
      '40 minus -Infinity',
      '50 train/loss 1.25',
      '60 train/loss 1',
    ];
    expect(shown('offline.wandb')).toEqual([...steps, ...last]);
  });

  it('states no points in a summary', () => {
    const bytes = Buffer.from('{"train/loss": 3.5, "_step": 40, "_runtime": 12.5}');
    const events = eventsOf(bytes, { path: '/run/files/wandb-summary.json', snapshot: true });
    expect(events.length).toBe(1);
    expect(events.flatMap((event) => readFacts(event, {}).facts)).toEqual([]);
  });
});

describe('MLflow', () => {
  const run = '/mlruns/0/f8396f04dd934dd99c008a87c986e077';
  const read = (path: string, text: string) =>
    eventsOf(text, { path })
      .flatMap((event) => readFacts(event, {}).facts)
      .flatMap((fact) => (fact.kind === 'point' ? [[fact.step, fact.name, fact.value]] : []));

  it('has a value a line, under the name of the path below metrics', () => {
    const text =
      '1795428598555 4.459999084472656 1\n1795428598994 nan 38\n1795428599008 inf 39\n1795428599009 2\n';
    expect(read(`${run}/metrics/train/loss`, text)).toEqual([
      [1, 'train/loss', 4.459999084472656],
      [38, 'train/loss', Number.NaN],
      [39, 'train/loss', Infinity],
      [0, 'train/loss', 2],
    ]);
  });

  it('has the time that the line states, in ms', () => {
    const times = eventsOf('1795428598555 4.4 1\n17 4.4 2\n', { path: `${run}/metrics/loss`, observed: 5 })
      .flatMap((event) => readFacts(event, {}).facts)
      .map(({ time }) => time);
    expect(times).toEqual([1_795_428_598_555, 5]);
  });

  it('has no points in parameters and tags', () => {
    expect(read(`${run}/params/note`, 'step 5: loss=3.5\n')).toEqual([]);
    expect(read('/data/metrics/loss', '1795428598555 4.4 1\n')).toEqual([]);
  });
});
