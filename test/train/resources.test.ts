import { expect, it } from 'vitest';
import type { PointFact } from '../../src/core/fact.ts';
import { kindLabel, resourcesKind } from '../../src/core/resources.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

function pointsOf(text: string, labels: Record<string, string> = { [kindLabel]: resourcesKind }) {
  return eventsOf(text, { labels })
    .flatMap((event) => readFacts(event, {}).facts)
    .filter((fact): fact is PointFact => fact.kind === 'point')
    .map(({ step, name, canonical, value, time }) => [step, name, canonical, value, time]);
}

const time = '2026-11-26T04:40:15.250Z';
const line = (sample: object) => `${JSON.stringify({ run: 'r', attempt: 0, time, ...sample })}\n`;

it('reads every measure as a point without a step, at the time of the sample', () => {
  const at = Date.parse(time);
  expect(
    pointsOf(line({ machine: { load_1m: 4.5 }, gpu: { 0: { power_watts: 300 }, 1: { power_watts: 310 } } })),
  ).toEqual([
    [null, 'resource.machine.load_1m', 'resource.machine.load_1m', 4.5, at],
    [null, 'resource.gpu.0.power_watts', 'resource.gpu.power_watts', 300, at],
    [null, 'resource.gpu.1.power_watts', 'resource.gpu.power_watts', 310, at],
  ]);
});

it('takes in what a newer agent measures, and leaves out what is no measure', () => {
  expect(
    pointsOf(
      line({
        tpu: { 'a.b': { duty_ratio: 1 } },
        note: 'x',
        total: 5,
        'Bad name': { x: 1 },
        machine: { 'not ok': 1, nested: { deeper: { still: 1 } }, list: [1], text: '1', nothing: null },
      }),
    ).map(([, name]) => name),
  ).toEqual(['resource.tpu.a.b.duty_ratio']);
});

it.each([
  '{"time":"torn',
  '',
  'step=1 loss=2.5\n',
  '{"step":1,"loss":2.5}\n',
  '100%|███| 10/10 [00:01<00:00]\n',
])('makes nothing of what is no sample: %j', (text) => expect(pointsOf(text)).toEqual([]));

it('leaves the same line alone where a user has written it', () => {
  expect(pointsOf(line({ machine: { load_1m: 4.5 } }), {})).toEqual([]);
});

it('has a bound', () => {
  const devices = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`d${i}`, { x: 1 }]));
  expect(pointsOf(line({ disk: devices }))).toHaveLength(4096);
});
