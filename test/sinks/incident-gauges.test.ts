import { expect, it } from 'vitest';
import type { Incident } from '../../src/core/incident.ts';
import { IncidentGauges } from '../../src/sinks/incident-gauges.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const open: Incident = {
  id: 'a',
  run: 'r',
  attempt: 0,
  rank: 3,
  class: 'cuda-oom',
  role: 'root',
  message: '',
  evidence: [],
  opened: 1,
  resolved: null,
};

function bench() {
  const metrics = createMetrics();
  const gauges = new IncidentGauges(metrics);
  const series = async (): Promise<string[]> =>
    (await metrics.incidentActive.get()).values.map(
      ({ labels }) => `${labels.run} ${labels.class}@${labels.rank}`,
    );
  return { gauges, series };
}

it('has a series as long as one of the incidents behind it is open', async () => {
  const { gauges, series } = bench();
  gauges.show(open);
  gauges.show({ ...open, id: 'b' });
  expect(await series()).toEqual(['r cuda-oom@3']);
  gauges.show({ ...open, resolved: 2 });
  expect(await series()).toEqual(['r cuda-oom@3']);
  gauges.show({ ...open, id: 'b', resolved: 2 });
  expect(await series()).toEqual([]);
});

it('moves with the rank of an incident, and goes with the leader', async () => {
  const { gauges, series } = bench();
  gauges.show({ ...open, rank: null });
  gauges.show(open);
  expect(await series()).toEqual(['r cuda-oom@3']);
  gauges.clear();
  expect(await series()).toEqual([]);
  gauges.show(open);
  expect(await series()).toEqual(['r cuda-oom@3']);
});

it('is bounded, and a hostile name of a run stays one label', async () => {
  const { gauges, series } = bench();
  for (let i = 0; i < 1_010; i += 1) gauges.show({ ...open, id: String(i), run: `run\n"${i}` });
  expect(await series()).toHaveLength(1_000);
  expect((await series())[0]).not.toContain('\n');
  for (let i = 0; i < 1_010; i += 1) gauges.show({ ...open, id: String(i), run: `run\n"${i}`, resolved: 2 });
  expect(await series()).toEqual([]);
});
