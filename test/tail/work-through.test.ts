import { appendFile, copyFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

it.each([1, 2, 3, 5])(
  'once works to the end although acks make room while it does something else (%i turns apart)',
  async (turns) => {
    await using harness = await TailHarness.create();
    await mkdir(harness.logs, { recursive: true });
    const bytes = 40 * 1024 * 1024;
    await writeFile(harness.path('a.log'), Buffer.alloc(bytes, `${'x'.repeat(127)}\n`));
    let before = Promise.resolve();
    let acked = 0;
    harness.publisher.publish = async (_lane, _partition, segment) => {
      before = before.then(async () => {
        for (let turn = 0; turn < turns; turn += 1) await nextTurn();
      });
      await before;
      acked += segment.bytes.length;
    };
    await (await harness.tail()).once(new AbortController().signal);
    expect(acked).toBe(bytes);
  },
);

it('once ships the rotations of copytruncate, which it cannot tell from copies before it has read the file in its place', async () => {
  await using harness = await TailHarness.create();
  await mkdir(harness.logs, { recursive: true });
  await writeFile(harness.path('a.log'), 'old\n');
  await copyFile(harness.path('a.log'), harness.path('a.log.1'));
  await truncate(harness.path('a.log'));
  await appendFile(harness.path('a.log'), 'new\n');
  await (await harness.tail()).once(new AbortController().signal);
  expect(harness.publisher.text('a.log')).toBe('new\n');
  expect(harness.publisher.text('a.log.1')).toBe('old\n');
});
