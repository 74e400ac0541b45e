import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { beforeEach, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

const names = Array.from({ length: 12 }, (_, i) => `worker-${i}.log`);
const pollIntervalMs = 250;

let opened: string[];

/** More files than may be open, all written to just now: each is polled, and most of them are held by nobody. */
async function crowded(): Promise<TailHarness> {
  const t = await TailHarness.create();
  t.openFilesMax = 4;
  await mkdir(t.logs, { recursive: true });
  for (const name of names) await writeFile(t.path(name), `${name}\n`);
  const { open } = t.fs;
  t.fs.open = async (path) => {
    opened.push(path);
    return await open(path);
  };
  await t.start();
  await t.pass(pollIntervalMs);
  expect(t.publisher.published).toHaveLength(names.length);
  opened = [];
  return t;
}

beforeEach(() => void (opened = []));

it('does not open files anew to see that they are as they were', async () => {
  await using t = await crowded();
  await t.pass(8 * pollIntervalMs);
  expect(opened).toEqual([]);
});

it('opens those that have grown, within a poll', async () => {
  await using t = await crowded();
  for (const name of names) await appendFile(t.path(name), `more of ${name}\n`);
  await t.pass(pollIntervalMs);
  expect(opened.length).toBeGreaterThanOrEqual(names.length - t.openFilesMax);
  const more = t.publisher.published.slice(names.length).map(({ segment }) => segment.bytes.toString());
  expect(more.toSorted()).toEqual(names.map((name) => `more of ${name}\n`).toSorted());
});

it('does not take another file under the name for the one that it knew', async () => {
  await using t = await crowded();
  await writeFile(t.path('next'), 'worker-0.log\n');
  await rename(t.path('next'), t.path('worker-0.log'));
  await t.pass(20_000);
  expect(
    t.publisher.published.filter(({ segment }) => segment.bytes.toString() === 'worker-0.log\n'),
  ).toHaveLength(2);
});

it('polls no file whose writer tells of each write, and reads it when it does', async () => {
  await using t = await TailHarness.create();
  t.isTold = (path) => path.endsWith('told.log');
  await mkdir(t.logs, { recursive: true });
  for (const name of ['told.log', 'other.log']) await writeFile(t.path(name), `${name}\n`);
  const tail = await t.start();
  await t.pass(pollIntervalMs);
  expect(tail.lag()).toMatchObject({ files: 2, polledFiles: 1 });
  await appendFile(t.path('told.log'), 'more\n');
  await t.pass(pollIntervalMs);
  expect(t.publisher.published).toHaveLength(2);
  tail.wake('changed', t.path('told.log'));
  await t.idle();
  expect(t.publisher.published.at(-1)?.segment.bytes.toString()).toBe('more\n');
});
