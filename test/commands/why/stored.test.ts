import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '../../../src/commands/why.ts';
import { readSegment } from '../../../src/commands/wiring/reading.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { IncidentDocument } from '../../../src/core/incident.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createLocalIndex } from '../../../src/sinks/local/index.ts';
import { createLocalTransport } from '../../../src/transport/local/transport.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';
import { LiveRun, outOfMemory, step, timedOut, uncaught } from '../../train/live/live-run.ts';
import { testContext } from '../output.ts';

const parts = { clock: systemClock, logger: silentLogger };
let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'caboose-why-'));
});
afterEach(async () => await rm(cwd, { recursive: true }));

/** The index knows the run; what the leader has written, and what its ranks have said, is as given. */
async function keep(incidents: readonly IncidentDocument[], live: LiveRun | null): Promise<void> {
  const index = createLocalIndex({ ...parts, dir: join(cwd, 'caboose-data', 'index') });
  await index.prepare();
  const { document } = readSegment(null, carried(segmentOf('one\n')), { timeZone: 'UTC', now: 1 });
  await index.write([{ kind: 'stream', document }], new AbortController().signal);
  for (const incident of incidents) await index.writeIncident(incident);
  await index.close();
  if (live === null) return;
  const transport = createLocalTransport({ ...parts, dir: join(cwd, 'caboose-data', 'transport') });
  await transport.facts.append(live.facts);
  await transport.close();
}

async function why(json = false) {
  const { context, stdout, stderr } = testContext({ cwd });
  const code = await command.run(context, { positionals: ['r'], values: json ? { json } : {} });
  return { code, text: stdout.text, told: stderr.text };
}

function failing(): LiveRun {
  const live = new LiveRun();
  for (const rank of [0, 1, 2, 3]) live.write(step(1) + step(2), { rank, final: true });
  live.write(uncaught(outOfMemory), { rank: 3, final: true });
  for (const rank of [0, 1]) live.write(timedOut(rank), { rank, final: true });
  live.write(uncaught(outOfMemory), { rank: 3, run: 'another', final: true });
  return live;
}

const incident: IncidentDocument = {
  id: 'e'.repeat(32),
  run: 'r',
  attempt: 0,
  rank: 3,
  ranks: [3],
  class: 'xid',
  role: 'root',
  message: 'NVRM: Xid 79',
  details: { xid: 79 },
  evidence: [{ path: '/logs/dmesg', stream: 'd'.repeat(32), start: 0, end: 90, message: 'NVRM: Xid 79' }],
  echo: [
    {
      class: 'nccl-generic',
      ranks: [0, 1, 2],
      message: 'remote process exited',
      evidence: { path: '/logs/0.log', stream: 'd'.repeat(32), start: 5, end: 9 },
    },
  ],
  also: [{ class: 'python', rank: 1, message: 'RuntimeError: no' }],
  time: Date.UTC(2026, 10, 23, 10),
  opened: Date.UTC(2026, 10, 23, 10, 0, 10),
  resolved: null,
  token: 1,
};

test('of a run: what the leader has written, with its echo and what to try', async () => {
  const old = {
    ...incident,
    id: 'a',
    class: 'silent',
    role: 'warning',
    evidence: [],
    echo: [],
    also: [],
  } as const;
  await keep([{ ...old, resolved: incident.opened, resolution: 'ended' }, incident], null);
  const { code, text } = await why();
  expect(code).toBe(1);
  expect(text).toMatch(/^r: rank 3: the driver reports Xid 79 of a GPU \(open\)\n\n {2}1\. xid\n/);
  expect(text).toContain('rank 3 · attempt 0 · 2026-11-23 10:00:00 UTC\n     NVRM: Xid 79\n');
  expect(text).toContain('/logs/dmesg  (bytes 0–90)');
  expect(text).toContain(
    'Echo, not the cause:\n       nccl-generic ranks 0–2: remote process exited  /logs/0.log',
  );
  expect(text).toContain('Failed besides:\n       python rank 1: RuntimeError: no');
  expect(text).toContain('the GPU has fallen off the bus');
  expect(text).toContain('2. silent');
  expect(text).toContain('ended 2026-11-23 10:00:10 UTC');
});

test('of a run, as JSON', async () => {
  await keep([incident], null);
  const { text } = await why(true);
  expect(JSON.parse(text)).toMatchObject({
    incidents: [
      {
        class: 'xid',
        rank: 3,
        time: incident.time,
        evidence: [{ file: '/logs/dmesg', start: 0, end: 90 }],
        echo: [{ ranks: [0, 1, 2], evidence: [{ file: '/logs/0.log', start: 5, end: 9 }] }],
      },
    ],
  });
});

test('of a run of which the leader has written nothing: what its facts tell', async () => {
  await keep([], failing());
  const { code, text, told } = await why();
  expect(told).toBe('');
  expect(code).toBe(1);
  expect(text).toMatch(/^r: rank 3: the GPU had no memory left \(by its facts/);
  expect(text).toContain('collective-timeout ranks 0–1');
  expect(text).not.toContain('another');
});

test('of a run that is well', async () => {
  const live = new LiveRun();
  live.write(step(1) + step(2), { final: true });
  await keep([], live);
  expect(await why()).toEqual({
    code: 0,
    text: 'r: nothing went wrong, as far as the index and its facts tell\n',
    told: '',
  });
});
