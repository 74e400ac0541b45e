import { spawnSync } from 'node:child_process';
import { Registry } from 'prom-client';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact, LifecycleBody, PointFact } from '../../src/core/fact.ts';
import { resourceNames } from '../../src/core/resources.ts';
import { createTrainGauges } from '../../src/sinks/prometheus.ts';
import { FakeClock } from '../fakes/clock.ts';

const clock0 = new FakeClock().now();

function point(over: Partial<PointFact> = {}): PointFact {
  return {
    kind: 'point',
    id: 'e-0',
    event: 'e',
    run: 'r',
    attempt: 0,
    rank: 0,
    stream: 's',
    path: '/logs/train.log',
    start: 0,
    end: 1,
    time: clock0,
    observed: clock0,
    step: 1,
    name: 'loss',
    canonical: 'loss',
    value: 2.5,
    ...over,
  };
}

function lifecycle(state: LifecycleBody['state'], over: Partial<Fact> = {}): Fact {
  const { step: _step, name: _name, canonical: _canonical, value: _value, ...base } = point();
  return { ...base, ...over, kind: 'lifecycle', state } satisfies Fact;
}

function setUp(options: { seriesMax?: number; resourceSeriesMax?: number; warnings?: string[] } = {}) {
  const registry = new Registry();
  const clock = new FakeClock();
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_fields: object, message: string) => void options.warnings?.push(message),
    error: () => undefined,
  };
  const gauges = createTrainGauges({
    registry,
    clock,
    logger,
    runIdleMs: 60_000,
    endedGraceMs: 10_000,
    ...(options.seriesMax === undefined ? {} : { seriesMax: options.seriesMax }),
    ...(options.resourceSeriesMax === undefined ? {} : { resourceSeriesMax: options.resourceSeriesMax }),
  });
  const lines = async () =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => /^caboose_train_(?!series|dropped)/.test(line))
      .sort();
  return { registry, clock, gauges, lines };
}

describe('training gauges', () => {
  it('shows the canonical name as a metric, another as a label, and the step', async () => {
    const { gauges, lines } = setUp();
    gauges.take([point(), point({ name: 'my metric/x', canonical: null, value: 7, rank: null, step: 3 })]);
    expect(await lines()).toEqual([
      'caboose_train_loss{run="r",attempt="0",rank="0"} 2.5',
      'caboose_train_step{run="r",attempt="0",rank=""} 3',
      'caboose_train_step{run="r",attempt="0",rank="0"} 1',
      'caboose_train_value{run="r",attempt="0",rank="",name="my metric/x"} 7',
    ]);
  });

  it('keeps the exact value where a console tells it rounded, and follows a restart in one file', async () => {
    const { gauges, lines } = setUp();
    const told = (step: number, value: number, over: Partial<PointFact>) =>
      point({ step, value, time: clock0 + step, ...over });
    const printed = { decimals: 2, path: '/logs/console.log' };
    gauges.take([
      told(7, 2.51, printed),
      told(7, 2.512_345, { name: 'train/loss', path: '/logs/tb/events' }),
    ]);
    gauges.take([told(7, 2.51, printed)]);
    expect(await lines()).toContain('caboose_train_loss{run="r",attempt="0",rank="0"} 2.512345');
    gauges.take([told(3, 3.25, { ...printed, restart: 1, time: clock0 + 100 })]);
    gauges.take([told(8, 2.5, printed)]);
    expect(await lines()).toEqual([
      'caboose_train_loss{run="r",attempt="0",rank="0"} 3.25',
      'caboose_train_step{run="r",attempt="0",rank="0"} 3',
    ]);
  });

  it('moves forward only: by step, then time, whatever order facts come in', async () => {
    const { gauges, lines } = setUp();
    gauges.take([
      point({ step: 5, value: 5 }),
      point({ step: 4, value: 4, time: clock0 + 9000 }),
      point({ step: 5, value: 55, time: clock0 - 1 }),
    ]);
    expect(await lines()).toContain('caboose_train_loss{run="r",attempt="0",rank="0"} 5');
    gauges.take([point({ step: 5, value: 6, time: clock0 + 1 })]);
    expect(await lines()).toContain('caboose_train_loss{run="r",attempt="0",rank="0"} 6');
  });

  it('replaces an earlier attempt of a rank and refuses what comes late from it', async () => {
    const { gauges, lines } = setUp();
    gauges.take([
      point({ step: 900 }),
      point({ rank: 1 }),
      point({ attempt: 1, step: 1, value: 9 }),
      point({ step: 901 }),
    ]);
    expect(await lines()).toEqual([
      'caboose_train_loss{run="r",attempt="0",rank="1"} 2.5',
      'caboose_train_loss{run="r",attempt="1",rank="0"} 9',
      'caboose_train_step{run="r",attempt="0",rank="1"} 1',
      'caboose_train_step{run="r",attempt="1",rank="0"} 1',
    ]);
  });

  it('keeps NaN and the infinities', async () => {
    const { gauges, lines } = setUp();
    const values = [NaN, Infinity, -Infinity];
    gauges.take(values.map((value, rank) => point({ rank, value, step: null })));
    const shown = (await lines()).map((line) => line.split(' ').at(-1)?.toLowerCase());
    expect(shown).toEqual(['nan', '+inf', '-inf']);
  });

  it('stops at the limit of series, counts the points left out and says so once', async () => {
    const warnings: string[] = [];
    const { gauges, registry } = setUp({ seriesMax: 3, warnings });
    const facts = Array.from({ length: 5 }, (_, i) =>
      point({ name: `m${i}`, canonical: null, step: null, value: i }),
    );
    gauges.take(facts);
    gauges.take(facts);
    expect(gauges.seriesCount).toBe(3);
    const text = await registry.metrics();
    expect(text).toContain('caboose_train_dropped_points_total 4');
    expect(text).toContain('caboose_train_series 3');
    expect(warnings).toHaveLength(1);
    gauges.removeRun('r');
    gauges.take([facts[4]!]);
    expect(gauges.seriesCount).toBe(1);
  });

  it('removes a run some time after its end, and leaves out what comes late', async () => {
    const { gauges, clock, lines } = setUp();
    gauges.take([point(), point({ run: 'other' }), lifecycle('finished')]);
    await clock.advance(9_000);
    expect(await lines()).toHaveLength(4);
    gauges.take([point({ run: 'other', step: 2 })]);
    await clock.advance(2_000);
    expect((await lines()).join()).not.toContain('run="r"');
    gauges.take([point({ step: 2 })]);
    expect((await lines()).join()).not.toContain('run="r"');
    expect(await lines()).toHaveLength(2);
  });

  it('takes a run up again that goes on after what looked like its end', async () => {
    const { gauges, clock, lines } = setUp();
    gauges.take([point(), lifecycle('failed')]);
    await clock.advance(30_000);
    gauges.take([point({ attempt: 1 })]);
    expect(await lines()).toHaveLength(2);
    gauges.take([point({ rank: 1, observed: clock.now() })]);
    expect(await lines()).toHaveLength(4);
  });

  it('removes a silent rank, and takes no fact that is older than that', async () => {
    const { gauges, clock, lines } = setUp();
    gauges.take([point(), point({ rank: 1 })]);
    await clock.advance(50_000);
    gauges.take([point({ rank: 1, step: 2, observed: clock.now() })]);
    await clock.advance(20_000);
    expect((await lines()).every((line) => line.includes('rank="1"'))).toBe(true);
    gauges.take([point()]);
    expect(await lines()).toHaveLength(2);
  });

  it('removes the series of streams that moved away', () => {
    const { gauges } = setUp();
    gauges.take([point({ stream: 'a' }), point({ stream: 'b', rank: 1 }), point({ stream: 'c', rank: 2 })]);
    gauges.removeStreams(['a', 'c']);
    expect(gauges.seriesCount).toBe(2);
  });

  it('never makes a metric of a name that a user invents', async () => {
    const { gauges, registry } = setUp();
    const names = ['le"ss', 'a\nb{x="1"} 2', 'step', 'value', '__proto__', 'Größe', '9lives', 'series'];
    gauges.take(names.map((name) => point({ name, canonical: name, step: null })));
    const families = (await registry.metrics()).match(/^# TYPE \S+/gm);
    expect(families).toEqual([
      '# TYPE caboose_train_dropped_points_total',
      '# TYPE caboose_train_series',
      '# TYPE caboose_resource_dropped_points_total',
      '# TYPE caboose_resource_series',
      '# TYPE caboose_train_value',
    ]);
    expect(gauges.seriesCount).toBe(names.length);
  });

  it('keeps its exposition well formed whatever the labels hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', maxLength: 400 })), {
          maxLength: 20,
        }),
        async (labels) => {
          const { gauges, lines } = setUp();
          gauges.take(labels.map(([run, name]) => point({ run, name, canonical: null, step: null })));
          const shown = await lines();
          expect(shown).toHaveLength(gauges.seriesCount);
          expect(new Set(shown).size).toBe(shown.length);
          for (const line of shown) {
            expect(line).toMatch(
              /^caboose_train_value\{run="(\\.|[^"\\])*",attempt="0",rank="0",name="(\\.|[^"\\])*"\} 2.5$/u,
            );
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('passes promtool check metrics', async (context) => {
    const { gauges, registry } = setUp();
    gauges.take([
      point({ value: NaN }),
      point({ name: 'ünï "x" \\ \n \ud800', canonical: null, value: Infinity }),
    ]);
    const answer = spawnSync('promtool', ['check', 'metrics'], {
      input: await registry.metrics(),
      encoding: 'utf8',
    });
    if (answer.error) return context.skip('promtool is not installed');
    expect(answer.stderr + answer.stdout).toBe('');
    expect(answer.status).toBe(0);
  });
});

describe('gauges of resources', () => {
  const power = (device: string, over: Partial<PointFact> = {}) =>
    point({
      rank: null,
      step: null,
      host: 'n1',
      ...resourceNames('gpu', device, 'power_watts'),
      value: 300,
      ...over,
    });

  async function resourceLines({ registry }: ReturnType<typeof setUp>) {
    return (await registry.metrics())
      .split('\n')
      .filter((line) => /^caboose_resource_(?!series|dropped)/.test(line))
      .sort();
  }

  it('stand by host and device, and move forward by time', async () => {
    const all = setUp();
    all.gauges.take([
      power('0', { time: clock0 + 15_000 }),
      power('1', { value: 310 }),
      power('0', { value: 1 }),
      power('0', { host: 'n2', value: 320 }),
      point({ step: null, host: 'n1', rank: null, ...resourceNames('machine', null, 'load_1m'), value: 4 }),
    ]);
    expect(await resourceLines(all)).toEqual([
      'caboose_resource_gpu_power_watts{run="r",attempt="0",rank="",host="n1",device="0"} 300',
      'caboose_resource_gpu_power_watts{run="r",attempt="0",rank="",host="n1",device="1"} 310',
      'caboose_resource_gpu_power_watts{run="r",attempt="0",rank="",host="n2",device="0"} 320',
      'caboose_resource_machine_load_1m{run="r",attempt="0",rank="",host="n1",device=""} 4',
    ]);
    expect(await all.lines()).toEqual([]);
  });

  it('have a limit of their own, and never take the place of the training', async () => {
    const all = setUp({ resourceSeriesMax: 2 });
    all.gauges.take(['0', '1', '2', '3'].map((device) => power(device)));
    all.gauges.take([point()]);
    expect(await resourceLines(all)).toHaveLength(2);
    expect(await all.lines()).toHaveLength(2);
    expect(await all.registry.metrics()).toContain('caboose_resource_dropped_points_total 2\n');
  });

  it('go with their streams, and with their run', async () => {
    const all = setUp();
    all.gauges.take([power('0', { stream: 's1' }), power('1', { stream: 's2' })]);
    all.gauges.removeStreams(['s1']);
    expect(await resourceLines(all)).toHaveLength(1);
    all.gauges.removeRun('r');
    expect(await resourceLines(all)).toEqual([]);
  });

  it('are not what a trainer calls resource', async () => {
    const all = setUp();
    all.gauges.take([point({ name: 'resource.gpu.power_watts', canonical: null })]);
    expect(await resourceLines(all)).toEqual([]);
    expect((await all.lines()).join()).toContain('name="resource.gpu.power_watts"');
  });
});
