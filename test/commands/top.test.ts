import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { command } from '../../src/commands/top.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { EventIndex } from '../../src/core/event-index.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createLocalIndex } from '../../src/sinks/local/index.ts';
import { makePoint, makeStream, newStream, startTime } from '../contract/event-index.suite.ts';
import { FakeClock, until } from '../fakes/clock.ts';
import { KeptOutput, testContext } from './output.ts';

const signal = AbortSignal.timeout(60_000);
let cwd: string;
let index: EventIndex;
const stream = newStream();

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'caboose-top-'));
  const dir = join(cwd, 'caboose-data', 'index');
  index = createLocalIndex({ dir, clock: systemClock, logger: silentLogger });
  await index.prepare(signal);
});
afterEach(async () => {
  await index.close();
  await rm(cwd, { recursive: true });
});

async function trainTo(step: number): Promise<void> {
  const start = step * 10;
  const time = startTime + step * 1_000;
  const point = makePoint({ stream, run: 'gpt', start, end: start + 10, step, time, value: 3 - step / 10 });
  const document = makeStream({ stream, run: 'gpt', end: start + 10, observed: time });
  await index.write([{ kind: 'points', points: [point] }], signal);
  await index.write([{ kind: 'stream', document }], signal);
}

it('prints one frame where there is no terminal, or objects', async () => {
  await trainTo(5);
  const { context, stdout } = testContext({ cwd, clock: new FakeClock(startTime + 6_000) });
  expect(await command.run(context, { values: {}, positionals: [] })).toBe(0);
  expect(stdout.text).toMatch(/^10:00:06 UTC {2}1 runs?: 1 active/);
  expect(stdout.text).toMatch(/\ngpt +0 +3 +5 +2\.500 +- +- +- +- +1 s +- +active\n$/);
  const asked = testContext({ cwd, clock: new FakeClock(startTime + 6_000) });
  await command.run(asked.context, { values: { json: true }, positionals: [] });
  expect(JSON.parse(asked.stdout.text)).toMatchObject({ run: 'gpt', step: 5, loss: 2.5, state: 'active' });
});

it('shows how far a run says that it is, and how long it takes yet', async () => {
  const progress = { step: 450, total: 1_000, label: 'Epoch 2', rate: 2, etaMs: 275_000, time: startTime };
  const document = { ...makeStream({ stream, run: 'gpt', end: 10, observed: startTime }), progress };
  await index.write([{ kind: 'stream', document }], signal);
  const { context, stdout } = testContext({ cwd, clock: new FakeClock(startTime + 6_000) });
  await command.run(context, { values: {}, positionals: [] });
  expect(stdout.text).toMatch(/\nRUN .* PROGRESS +ETA .*\ngpt .* Epoch 2 450\/1000 +5 min /);
  const asked = testContext({ cwd, clock: new FakeClock(startTime + 6_000) });
  await command.run(asked.context, { values: { json: true }, positionals: [] });
  expect(JSON.parse(asked.stdout.text)).toMatchObject({ progress });
});

it('on a terminal draws again and again, with the speed since, and leaves the screen as it was', async () => {
  await trainTo(5);
  const stdout = new KeptOutput({ isTerminal: true });
  const clock = new FakeClock(startTime + 6_000);
  const ending = new AbortController();
  const { context } = testContext({ cwd, clock, stdout, signal: ending.signal });
  const running = command.run(context, { values: {}, positionals: [] });
  await until(() => clock.sleeping > 0, 'the first frame');
  expect(stdout.text.startsWith('\x1b[?1049h')).toBe(true);
  expect(stdout.text).toContain('1 active');
  await trainTo(15);
  await clock.advance(2_000);
  await until(() => clock.sleeping > 0, 'the second frame');
  const second = stdout.text.split('\x1b[H').at(-1);
  expect(second).toMatch(/gpt +0 +3 +15 +1\.500 +1\.000 /);
  ending.abort();
  expect(await running).toBe(0);
  expect(stdout.text.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
});

it('tells in the frame that the index does not answer, and goes on', async () => {
  await trainTo(5);
  const stdout = new KeptOutput({ isTerminal: true });
  const clock = new FakeClock(startTime + 6_000);
  const ending = new AbortController();
  const file = join(cwd, 'away.yaml');
  await writeFile(file, 'index: { elasticsearch: { node: "http://127.0.0.1:1" } }\n');
  const { context } = testContext({ cwd, file, clock, stdout, signal: ending.signal });
  const running = command.run(context, { values: {}, positionals: [] });
  await until(() => clock.sleeping > 0, 'the frame');
  expect(stdout.text).toContain('the index does not answer: ');
  ending.abort();
  expect(await running).toBe(0);
});
