import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { command } from '../../../src/commands/dead-letters.ts';
import { command as replayRun } from '../../../src/commands/replay.ts';
import { refusedLetter } from '../../../src/commands/wiring/letters.ts';
import { itemsOf, readSegment } from '../../../src/commands/wiring/reading.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { DeadLetter } from '../../../src/core/transport.ts';
import { createLocalIndex } from '../../../src/sinks/local/index.ts';
import { createLocalTransport } from '../../../src/transport/local/transport.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';
import { testContext } from '../output.ts';

let cwd: string;
const options = { clock: systemClock, logger: silentLogger };

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'caboose-letters-'));
});
afterEach(async () => await rm(cwd, { recursive: true }));

async function letters(...args: string[]) {
  const values: Record<string, string | boolean> = {};
  const positionals: string[] = [];
  for (const arg of args) {
    const [name = '', value] = arg.slice(2).split('=');
    if (arg.startsWith('--')) values[name] = value ?? true;
    else positionals.push(arg);
  }
  const { context, stdout } = testContext({ cwd });
  const code = await command.run(context, { values, positionals });
  return { code, text: stdout.text };
}

/** Two refused documents of a stream that the index knows, and a late range; the first letter twice, as a redelivery writes it. */
async function fill(): Promise<DeadLetter[]> {
  const reading = readSegment(null, carried(segmentOf('one\ntwo\nthree\n')), { timeZone: 'UTC', now: 0 });
  const index = createLocalIndex({ dir: join(cwd, 'caboose-data', 'index'), ...options });
  await index.write([{ kind: 'stream', document: reading.document }], AbortSignal.timeout(60_000));
  await index.close();
  const items = itemsOf(reading.closed, []);
  const [one, two] = items.map((item, i) =>
    refusedLetter(item, 'mapper_parsing_exception: [x]', 1_000 * (i + 1)),
  );
  if (!one || !two) throw new Error('two events were expected');
  const { document: _, ...place } = one;
  const late: DeadLetter = { ...place, kind: 'late', reason: 'came late', time: 9_000, value: 'b25l' };
  const transport = createLocalTransport({ dir: join(cwd, 'caboose-data', 'transport'), ...options });
  await transport.deadLetters.append([one, two, { ...one, time: 5_000 }, late]);
  await transport.close();
  return [one, two, late];
}

it('says so when there is none', async () => {
  expect(await letters('list')).toEqual({ code: 0, text: 'no open dead letters\n' });
});

it('lists each once, the newest first, with what can be done', async () => {
  await fill();
  const { code, text } = await letters('list');
  expect(code).toBe(0);
  const [head = '', ...rows] = text.split('\n');
  expect(head).toMatch(/^ID +LAST \(UTC\) +TIMES +KIND +RUN +WHERE +WHY$/);
  expect(rows[0]).toMatch(/^[0-9a-f]{12} +1970-01-01 00:00:09 +1 +late +r +a\.log \[0, 3\) +came late$/);
  expect(rows[1]).toMatch(/00:00:05 +2 +document +r +a\.log \[0, 3\) +mapper_parsing_exception: \[x\]$/);
  expect(rows[2]).toMatch(/00:00:02 +1 +document +r +a\.log \[4, 7\)/);
  expect(text).toContain('3 open\n2 document: refused by the index');
  expect((await letters('list', '--kind=late')).text.split('\n')[2]).toBe('');
  expect((await letters('list', '--run=other')).text).toBe('no open dead letters\n');
  expect((await letters('list', '--limit=1')).text).toContain('2 more: --limit 3');
});

it('prints everything as JSON', async () => {
  const [one] = await fill();
  const { text } = await letters('list', '--json', '--kind=document');
  const found = text
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as Record<string, unknown>);
  expect(found).toHaveLength(2);
  expect(found).toContainEqual(
    expect.objectContaining({ times: 2, first: 1_000, last: 5_000, mark: null, document: one?.document }),
  );
});

it('replays what is named, marks it, and leaves the rest open', async () => {
  await fill();
  const replayed = await letters('replay', '--kind=document');
  expect(replayed).toEqual({ code: 0, text: '2 taken in, 0 were there already, 0 refused again, 0 stay\n' });
  const index = createLocalIndex({ dir: join(cwd, 'caboose-data', 'index'), ...options });
  const hits = await index.search({ clauses: [], order: 'oldest' });
  expect(hits.map(({ message }) => message)).toEqual(['one', 'two']);
  await index.close();
  expect((await letters('list')).text).toContain('1 open\n1 late');
  expect((await letters('list', '--all')).text.match(/replayed/g)).toHaveLength(2);
  const rest = await letters('replay', '--all');
  expect(rest.code).toBe(1);
  expect(rest.text).toMatch(/^[0-9a-f]{12} {2}kept: its range was given up/);
});

it('needs no replay of what `caboose replay` has written anew', async () => {
  await fill();
  const transport = createLocalTransport({ dir: join(cwd, 'caboose-data', 'transport'), ...options });
  await transport.publisher.publish('bulk', 0, segmentOf('one\ntwo\nthree\n'));
  await transport.close();
  const { context, stdout } = testContext({ cwd });
  expect(await replayRun.run(context, { values: {}, positionals: ['r'] })).toBe(0);
  expect(stdout.text).toContain('2 events');
  expect((await letters('list')).text).toContain('1 open\n1 late');
});

it('refuses an id that is none, and one that fits several', async () => {
  await fill();
  await expect(letters('replay', 'ffff0000')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(letters('list', '')).rejects.toMatchObject({ code: 'USAGE' });
});

it('does nothing while another process owns the local log', async () => {
  await fill();
  const transport = createLocalTransport({ dir: join(cwd, 'caboose-data', 'transport'), ...options });
  await transport.deadLetters.mark([]);
  // Of this process, so that it is not taken for a dead one.
  await expect(letters('replay', '--all')).rejects.toMatchObject({ code: 'LOCKED' });
  await transport.close();
});
