/** Rows of rewritten files: one event each, whatever the number of states in which they stand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/core/event.ts';
import type { Segment } from '../../src/core/segment.ts';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import { takeIn } from '../../src/events/take-in.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { carried, segmentOf, takeAll, throughJson } from './helpers.ts';

const first = Date.UTC(2026, 10, 23, 10);
const minute = 60_000;

interface Entry {
  [name: string]: number | string | null;
}

function trainerState(entries: readonly Entry[]): string {
  const state = { best_metric: null, epoch: 1, global_step: 9, log_history: entries, trial_name: null };
  return `${JSON.stringify(state, null, 2)}\n`;
}

/** Takes the states of one file in, one after the other, as an indexer would. */
function takeStates(path: string, states: readonly string[]): LogEvent[][] {
  let previous: StreamDocument | undefined;
  return states.map((text, i) => {
    const segment = segmentOf(0, Buffer.from(text), {
      path,
      stream: String(i).padStart(32, '0'),
      created: first + i * minute,
      observed: first + i * minute,
      previous: previous?.stream ?? null,
      final: true,
      snapshot: true,
    });
    const taken = takeIn(null, carried, segment, { previous });
    previous = throughJson(taken.document);
    expect(taken.letters).toEqual([]);
    return taken.closed;
  });
}

const idsOf = (events: readonly LogEvent[] | undefined) => events?.map(({ id }) => id);

describe('trainer_state.json', () => {
  const path = '/runs/a/trainer_state.json';
  const entries: Entry[] = [
    { epoch: 0.1, learning_rate: 1e-4, loss: 2.5, step: 10 },
    { epoch: 0.2, eval_loss: 2.4, eval_runtime: 1.5, step: 20 },
    { epoch: 0.2, loss: 2.3, grad_norm: 1, step: 20 },
  ];

  test('each entry of log_history is a row with its bytes, and its numbers are points', () => {
    const text = trainerState(entries);
    const [events = []] = takeStates(path, [text]);
    expect(events).toHaveLength(3);
    expect(events[0]).toMatchObject({ kind: 'record', fields: entries[0], observed: first, version: first });
    expect(JSON.parse(text.slice(events[1]?.start, events[1]?.end))).toEqual(entries[1]);
    const points = events.flatMap((event) => readFacts(event, {}).facts);
    expect(points).toMatchObject([
      { step: 10, name: 'learning_rate', value: 1e-4, version: first },
      { step: 10, name: 'loss', canonical: 'loss', value: 2.5 },
      { step: 20, name: 'eval_loss', canonical: 'validation_loss' },
      { step: 20, name: 'eval_runtime' },
      { step: 20, name: 'loss' },
      { step: 20, name: 'grad_norm' },
    ]);
  });

  test('a row that stands in several states is one, in the index and with the time of the first', () => {
    const [, second, third] = takeStates(path, [
      trainerState(entries.slice(0, 1)),
      trainerState(entries.slice(0, 2)),
      trainerState(entries),
    ]);
    expect(idsOf(third)?.slice(0, 2)).toEqual(idsOf(second));
    expect(third?.map(({ time }) => (time - first) / minute)).toEqual([0, 1, 2]);
    expect(third?.map(({ observed }) => observed)).toEqual([first, first, first]);
    expect(third?.map(({ version }) => version)).toEqual(Array(3).fill(first + 2 * minute));
  });

  test('equal entries are told apart, and a bare NaN is a number', () => {
    const text = trainerState([{ step: 1 }, { step: 1 }]).replace('"global_step": 9', '"x": NaN');
    const nan = text.replace('"step": 1', '"loss": NaN, "step": 1');
    const [events = []] = takeStates(path, [text]);
    expect(new Set(idsOf(events)).size).toBe(2);
    expect(takeStates(path, [nan])[0]?.[0]?.fields).toEqual({ loss: Number.NaN, step: 1 });
  });

  test('rows are the same, however the state was cut into segments', () => {
    const bytes = Buffer.from(trainerState([...entries, { note: 'a "quoted" ] } é', step: 21 }]));
    const more: Partial<Segment> = { path, snapshot: true };
    const whole = takeAll([segmentOf(0, bytes, { ...more, final: true })]);
    expect(whole.closed).toHaveLength(4);
    const check = (at: number[]) => {
      const bounds = [...new Set([0, ...at.map((n) => n % bytes.length), bytes.length])].sort(
        (a, b) => a - b,
      );
      const segments = bounds
        .slice(1)
        .map((end, i) =>
          segmentOf(bounds[i] ?? 0, bytes.subarray(bounds[i], end), { ...more, final: end === bytes.length }),
        );
      expect(takeAll(segments, throughJson).closed).toEqual(whole.closed);
    };
    expect(() =>
      fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 12 }), check), { numRuns: 200 }),
    ).not.toThrow();
  });

  test('a state of which nothing could be had does not take the times of the rows away', () => {
    const gap = {
      ...segmentOf(0, Buffer.alloc(0)),
      path,
      snapshot: true,
      end: 50,
      gap: 'gone',
      final: true,
    } as const;
    const one = takeIn(
      null,
      carried,
      segmentOf(0, Buffer.from(trainerState(entries)), { path, snapshot: true, final: true }),
    );
    const lost = takeIn(null, carried, { ...gap, stream: 'cd'.repeat(16) }, { previous: one.document });
    const next = { ...segmentOf(0, Buffer.from(trainerState(entries))), path, snapshot: true, final: true };
    const late = { ...next, stream: 'ef'.repeat(16), observed: next.observed + minute };
    const { closed } = takeIn(null, carried, late, { previous: lost.document });
    expect(closed.map(({ time }) => time)).toEqual(one.closed.map(({ time }) => time));
  });
});

describe('other files', () => {
  test('of any other JSON document the latest state is the one row', () => {
    const [a = [], b = []] = takeStates('/w/wandb-summary.json', [
      '{"_step": 1, "loss": 2}',
      '{"_step": 2, "loss": 1}',
    ]);
    expect([a.length, b.length]).toEqual([1, 1]);
    expect(idsOf(a)).toEqual(idsOf(b));
    expect(b[0]).toMatchObject({
      kind: 'record',
      fields: { _step: 2, loss: 1 },
      version: first + minute,
      start: 0,
    });
    expect(b[0]?.version).toBeGreaterThan(a[0]?.version ?? Infinity);
  });

  test('what is no JSON is an event without fields, and a large document is in parts', () => {
    expect(takeStates('/w/x.json', ['{"torn": '])[0]).toMatchObject([{ kind: 'line', message: '{"torn":' }]);
    const [large = []] = takeStates('/w/x.json', [`{"x": "${'y'.repeat(600_000)}"}`]);
    expect(large.map(({ part }) => part)).toEqual([0, 1, 2]);
    expect(new Set(idsOf(large)).size).toBe(3);
  });

  test('rows of a CSV file stay one when columns come and their order changes', () => {
    const [a = [], b = []] = takeStates('/l/metrics.csv', [
      'loss,step\n2.5,0\n2.4,1\n2.4,1\n',
      'step,val,loss\n0,,2.5\n1,,2.4\n1,,2.4\n1,0.5,\n',
    ]);
    expect(idsOf(b)?.slice(0, 4)).toEqual(idsOf(a));
    expect(new Set(idsOf(b)).size).toBe(5);
    expect(b[4]?.fields).toEqual({ step: 1, val: 0.5 });
  });

  test('rows that are appended to a state go on in its stream', () => {
    const more: Partial<Segment> = { path: '/l/metrics.csv', snapshot: true, final: true };
    const text = 'loss,step\n2.5,0\n';
    const taken = takeAll(
      [segmentOf(0, Buffer.from(text), more), segmentOf(text.length, Buffer.from('2.4,1\n'), more)],
      throughJson,
    );
    expect(taken.closed.at(-1)).toMatchObject({ fields: { loss: 2.4, step: 1 }, start: text.length });
    const [whole] = takeStates('/l/metrics.csv', [`${text}2.4,1\n`]);
    expect(idsOf(taken.closed)).toEqual(idsOf(whole));
  });
});
