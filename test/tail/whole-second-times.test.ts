import { appendFile, mkdir, utimes, writeFile } from 'node:fs/promises';
import { beforeEach, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

/** As on a file system that keeps whole seconds. */
const second = 1_700_000_000;
const pollIntervalMs = 250;

let opened: string[];

beforeEach(() => void (opened = []));

async function harness(): Promise<TailHarness> {
  const t = await TailHarness.create();
  t.openFilesMax = 1;
  await mkdir(t.logs, { recursive: true });
  const { open } = t.fs;
  t.fs.open = async (path) => {
    opened.push(path);
    return await open(path);
  };
  return t;
}

async function write(path: string, text: string, time = second): Promise<void> {
  await writeFile(path, text);
  await utimes(path, time, time);
}

function bytesOf(t: TailHarness): string[] {
  return t.publisher.published.map(({ segment }) => segment.bytes.toString()).filter((bytes) => bytes !== '');
}

it.each([
  ['reads what was written anew with the same length in the second of the last look', false],
  ['looks so even where the writer tells of each write', true],
])('%s', async (_, isTold) => {
  await using t = await harness();
  t.isTold = () => isTold;
  await write(t.path('train.log'), 'step 1\n');
  await t.start();
  await t.pass(pollIntervalMs);
  await write(t.path('train.log'), 'step 2\n');
  await t.pass(3000);
  expect(bytesOf(t)).toEqual(['step 1\n', 'step 2\n']);
});

it('knows it by its head, where the last bytes are the same', async () => {
  await using t = await harness();
  const tail = `${'.'.repeat(5000)}\n`;
  await write(t.path('train.log'), `a\n${tail}`);
  await t.start();
  await t.pass(pollIntervalMs);
  await write(t.path('train.log'), `b\n${tail}`);
  await t.pass(3000);
  expect(bytesOf(t)).toEqual([`a\n${tail}`, `b\n${tail}`]);
});

it('goes on with one that was appended to', async () => {
  await using t = await harness();
  await write(t.path('train.log'), 'step 1\n');
  await t.start();
  await t.pass(pollIntervalMs);
  await appendFile(t.path('train.log'), 'step 2\n');
  await utimes(t.path('train.log'), second, second);
  await t.pass(3000);
  expect(bytesOf(t)).toEqual(['step 1\n', 'step 2\n']);
  expect(new Set(t.publisher.published.map(({ segment }) => segment.stream)).size).toBe(1);
});

it('opens a file once more for it, and none whose times are finer', async () => {
  await using t = await harness();
  await write(t.path('whole.log'), 'a\n');
  await write(t.path('finer.log'), 'b\n', second + 0.5);
  // The one that may be open.
  await write(t.path('young.log'), 'c\n', second + 1.5);
  await t.start();
  await t.pass(pollIntervalMs);
  expect(t.publisher.published).toHaveLength(3);
  opened = [];
  await t.pass(10_000);
  expect(opened).toEqual([t.path('whole.log')]);
});

it('takes the last of two states of a snapshot of the same second', async () => {
  await using t = await harness();
  await write(t.path('state.json'), '{"step": 1}\n');
  await t.start(['*.json']);
  await t.pass(3 * pollIntervalMs);
  await write(t.path('state.json'), '{"step": 2}\n');
  await t.pass(5000);
  expect(bytesOf(t).at(-1)).toBe('{"step": 2}\n');
});
