import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '../../src/commands/why.ts';
import { runsUnder } from '../../src/commands/why/run-folders.ts';
import { fixture } from '../events/helpers.ts';
import { testContext } from './output.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'caboose-why-'));
});
afterEach(async () => await rm(cwd, { recursive: true }));

async function write(path: string, text: string | Buffer): Promise<void> {
  await mkdir(dirname(join(cwd, path)), { recursive: true });
  await writeFile(join(cwd, path), text);
}

async function why(positionals: string[], json = false) {
  const { context, stdout } = testContext({ cwd });
  const code = await command.run(context, { positionals, values: json ? { json } : {} });
  return { code, text: stdout.text };
}

test('the first cause, its rank, line and bytes, the echo, and what to try', async () => {
  await write('run/console.log', fixture('torchrun-rank1-raises.log'));
  const { code, text } = await why(['run']);
  expect(code).toBe(1);
  expect(text).toMatch(/^run: rank 1: an exception ended the program/);
  expect(text).toMatch(/run\/console\.log:\d+ {2}\(bytes \d+–\d+\)/);
  expect(text).toContain('Echo, not the cause:\n       worker-death rank');
  expect(text).toContain('Try:');
});

test('what the words of an exception ask for comes first; what goes without saying is left out', async () => {
  await write(
    'a.log',
    `step=1 loss=2
Traceback (most recent call last):
  File "a.py", line 1, in <module>
huggingface_hub.errors.GatedRepoError: 401 Client Error.
`,
  );
  const { text } = await why(['a.log']);
  expect(text).toMatch(/^a\.log: an exception ended the program: GatedRepoError \(1 file/);
  expect(text).toMatch(/\n {5}Try:\n {7}- log in \(hf auth login/);
  expect(text).not.toMatch(/rank|attempt/);
});

test('a line that says it all is shown once', async () => {
  await write('a.log', 'train.py: error: unrecognized arguments: --x\n');
  const { text } = await why(['a.log']);
  expect(text.match(/unrecognized/g)).toHaveLength(1);
  expect(text).toContain('a.log:1');
});

test('the rank that is waited for is said to have taken no part; one that tells of it alone is not', async () => {
  const waits = (rank: number) =>
    `[rank${rank}]:[E1123 04:12:33.408 ProcessGroupNCCL.cpp:688] [Rank ${rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600010 milliseconds before timing out.\n`;
  await write(
    'a.log',
    `[rank0]: step=1 loss=2\n[rank1]: step=1 loss=2\n[rank2]: step=1 loss=2\n${waits(0)}${waits(2)}`,
  );
  const { text } = await why(['a.log']);
  expect(text).toMatch(/^a\.log: rank 1 did not take part in a collective operation, which timed out \(/);
  expect(text).toContain('\n     2 ranks waited for rank 1 in ALLREDUCE 12 for 10 min\n');
  await write('b.log', waits(0));
  expect((await why(['b.log'])).text).toMatch(
    /^b\.log: a collective operation timed out: .{1,60} \(rank 0 tells of it\) \(/,
  );
});

test('as JSON, with the bytes of the evidence', async () => {
  const log =
    'step=1 loss=2\nTraceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no\n';
  await write('a.log', log);
  const { code, text } = await why(['a.log'], true);
  const { incidents } = JSON.parse(text) as { incidents: Record<string, unknown>[] };
  expect(code).toBe(1);
  expect(incidents).toMatchObject([
    {
      class: 'python',
      rank: null,
      role: 'root',
      time: null,
      evidence: [{ file: join(cwd, 'a.log'), start: 14, end: log.length - 1 }],
    },
  ]);
});

test('nothing of a run that is well; programs and settings in its directory are not read', async () => {
  await write('run/train.log', 'step=1 loss=2\nstep=2 loss=1\n');
  await write(
    'run/train.py',
    "raise RuntimeError('x')\n# RuntimeError: CUDA out of memory. Tried to allocate 1 GiB\nKilled\n",
  );
  expect(await why(['run'], true)).toEqual({
    code: 0,
    text: '{"incidents":[],"runs":[{"run":"run","ledger":null}],"blame":[]}\n',
  });
  expect((await why(['run'])).text).toMatch(
    /^run: nothing went wrong, as far as its files tell \(1 file, 2 events\)/,
  );
});

/** A step every two seconds, a checkpoint each 100. */
function training(steps: number): string {
  const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 10) + second * 1_000).toISOString();
  return Array.from({ length: steps }, (_, i) => {
    const saved = i % 100 === 0 ? `${at(2 * i)} INFO Saved checkpoint out/${i}.pt\n` : '';
    return `${at(2 * i)} INFO step=${i} loss=2.5\n${saved}`;
  }).join('');
}

test('warnings come last; and where the time went', async () => {
  await write('run/train.log', `${training(250)}2026-11-23T12:00:00Z WARNING Received SIGTERM: 15\n`);
  const { code, text } = await why(['run']);
  expect(code).toBe(1);
  expect(text).toMatch(/\n {2}1\. terminated[^]*\n {2}2\. hang: the run makes no steps any more\n/);
  expect(text).toMatch(
    /\n {2}Time: 2 h: 7 % steps, 93 % unknown\n {2}Not in a checkpoint: 49 steps \(1 min 38 s\) since step 200\n$/,
  );
  const { incidents, runs } = JSON.parse((await why(['run'], true)).text) as Record<
    string,
    { role: string }[]
  >;
  expect(incidents?.map(({ role }) => role)).toEqual(['root', 'warning']);
  expect(runs).toMatchObject([{ run: 'run', ledger: { attempts: 1, productiveMs: 498_000 } }]);
});

test('a run that is well: where its time went', async () => {
  await write('run/train.log', training(100));
  expect((await why(['run'])).text).toMatch(
    /nothing went wrong[^\n]*\n\n {2}Time: 3 min 18 s: 100 % steps\n/,
  );
});

test('machines on which runs fail again and again', async () => {
  for (const run of ['a', 'b'])
    await write(`all/${run}/job.log`, 'step=1 loss=2\nsrun: error: n7: task 3: Killed\n');
  expect((await why(['all'])).text).toMatch(
    /\nWhere it failed first, again and again:\n {2}n7: 2 times in 2 runs \(killed\)\n$/,
  );
});

test('a directory of runs answers by run', async () => {
  await write('all/good/train.log', 'step=1 loss=2\n');
  await write('all/bad/train.log', 'step=1 loss=2\nKilled\n');
  const { text } = await why(['all']);
  expect(text).toMatch(/^bad: the process was killed/);
  expect(text).toContain('\ngood: nothing went wrong');
});

test('ranks and attempts are parts of one run', async () => {
  const file = (path: string) => ({ path }) as Parameters<typeof runsUnder>[1][number];
  const runs = (...paths: string[]) =>
    runsUnder('/r', paths.map(file)).map(({ run, files }) => [run, files.length]);
  expect(runs('/r/attempt_0/0/stderr.log', '/r/attempt_1/0/stderr.log')).toEqual([['r', 2]]);
  expect(runs('/r/rank_0/a.log', '/r/rank_1/a.log')).toEqual([['r', 2]]);
  expect(runs('/r/console.log', '/r/other/a.log')).toEqual([['r', 2]]);
  const torchrun = ['/r/none_ab12cd34/attempt_0/0/stderr.log', '/r/none_ef56gh78/attempt_0/0/stderr.log'];
  expect(runs(...torchrun)).toEqual([['r', 2]]);
  expect(runs('/r/exp_baseline/a.log', '/r/exp_finetune/a.log')).toEqual([
    ['exp_baseline', 1],
    ['exp_finetune', 1],
  ]);
  expect(runs('/r/exp/lr-1/a.log', '/r/exp/lr-2/a.log')).toEqual([
    ['lr-1', 1],
    ['lr-2', 1],
  ]);
});

test('a run that the index does not know', async () => {
  await expect(why(['no-such-run'])).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
});
