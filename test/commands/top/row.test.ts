import { describe, expect, it } from 'vitest';
import { rowOf } from '../../../src/commands/top/row.ts';
import type { RunState } from '../../../src/commands/top/row.ts';
import type { StoredPoint } from '../../../src/core/event-index.ts';
import type { Incident } from '../../../src/core/incident.ts';

const now = Date.UTC(2026, 10, 23, 12);

function stateOf(
  points: Partial<StoredPoint>[],
  more: Partial<RunState['summary']> = {},
  incidents: Incident[] = [],
) {
  const summary = {
    run: 'r',
    attempt: 1,
    ranks: [0, 1],
    hosts: ['h'],
    streams: 2,
    bytes: 10_000,
    events: 7,
    first: now - 60_000,
    last: now - 1_000,
    gapBytes: 0,
    ...more,
  };
  const common = {
    run: 'r',
    attempt: 1,
    rank: 0,
    host: 'h',
    path: '/a',
    step: null,
    time: now,
    name: 'loss',
  };
  return {
    summary,
    points: points.map((point) => ({ ...common, canonical: point.name ?? 'loss', value: 0, ...point })),
    incidents,
  };
}

function incident(more: Partial<Incident>): Incident {
  const common = { id: 'i', run: 'r', attempt: 1, rank: 3, class: 'gpu-oom', role: 'root' as const };
  return { ...common, message: 'out of memory', evidence: [], opened: now, resolved: null, ...more };
}

describe('a run in one row', () => {
  it('has the furthest step with its loss, the least step, sums and means of the ranks', () => {
    const row = rowOf(
      stateOf([
        { step: 90, value: 2.5 },
        { step: 100, value: 2.25, rank: 1 },
        { name: 'tokens_per_second', value: 1_000 },
        { name: 'tokens_per_second', value: 1_500, rank: 1 },
        { name: 'tokens_per_second', value: NaN, rank: 2 },
        { name: 'resource.gpu.0.utilization_ratio', canonical: 'resource.gpu.utilization_ratio', value: 1 },
        { name: 'resource.gpu.1.utilization_ratio', canonical: 'resource.gpu.utilization_ratio', value: 0.5 },
      ]),
      now,
    );
    expect(row).toMatchObject({
      step: 100,
      stepLeast: 90,
      loss: 2.25,
      tokensPerSecond: 2_500,
      gpuUtilization: 0.75,
      stepsPerSecond: null,
      bytesPerSecond: null,
      state: 'active',
      trouble: null,
    });
  });

  it('has speeds against an earlier look, by the times of the steps themselves', () => {
    const before = { state: stateOf([{ step: 50, time: now - 20_000 }]), at: now - 10_000 };
    const after = stateOf([{ step: 90, time: now - 4_000 }], { bytes: 30_000 });
    expect(rowOf(after, now, before)).toMatchObject({ stepsPerSecond: 2.5, bytesPerSecond: 2_000 });
  });

  it.each([
    ['no step since', { step: 50, time: now - 20_000 }],
    ['another attempt', { step: 90, attempt: 2 }],
    ['steps that went back', { step: 20 }],
    ['no step at all', { step: null }],
  ])('has no speed with %s', (_, point) => {
    const before = { state: stateOf([{ step: 50, time: now - 20_000 }]), at: now - 10_000 };
    expect(rowOf(stateOf([point]), now, before).stepsPerSecond).toBeNull();
  });

  it('keeps a loss that is no number, and one without a step', () => {
    expect(rowOf(stateOf([{ step: 3, value: NaN }]), now).loss).toBeNaN();
    expect(rowOf(stateOf([{ value: 4 }]), now)).toMatchObject({ loss: 4, step: null });
  });

  it('is quiet after two minutes, and failed by what is open and no warning', () => {
    expect(rowOf(stateOf([], { last: now - 121_000 }), now).state).toBe('quiet');
    const warned = rowOf(stateOf([], {}, [incident({ role: 'warning', rank: null })]), now);
    expect(warned).toMatchObject({ state: 'active', trouble: 'gpu-oom: out of memory' });
    const failed = rowOf(stateOf([], {}, [incident({ role: 'warning' }), incident({})]), now);
    expect(failed).toMatchObject({ state: 'failed', trouble: 'gpu-oom, rank 3: out of memory' });
    expect(rowOf(stateOf([], {}, [incident({ resolved: now })]), now).state).toBe('active');
  });
});
