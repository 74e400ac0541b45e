import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { gatherSubjects } from '../../../src/commands/audit/subjects.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { compilePatterns } from '../../../src/tail/patterns.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { TailHarness } from '../../tail/harness.ts';

let other: string;

beforeEach(async () => {
  other = await mkdtemp(join(tmpdir(), 'caboose-subjects-'));
});

afterEach(async () => {
  await rm(other, { recursive: true });
});

function gather(t: TailHarness, include: readonly string[]) {
  return gatherSubjects({
    source: 's',
    stateDir: t.state,
    patterns: compilePatterns(include, [], t.logs),
    index: new FakeEventIndex(),
    partitions: async () => null,
    logger: silentLogger,
  });
}

it('brings the files of the cut log with their streams, whether a pattern matches them or not', async () => {
  await using t = await TailHarness.create();
  await writeFile(join(other, 'elsewhere.log'), 'not followed\n');
  await mkdir(t.logs);
  await t.start();
  await writeFile(t.path('here.log'), 'here\n');
  await t.pass(2000);
  const { subjects, unknown } = await gather(t, [`${other}/*.log`]);
  expect(subjects.map(({ path, file }) => [path, file?.size])).toEqual([[t.path('here.log'), 5]]);
  expect(unknown).toEqual([{ path: join(other, 'elsewhere.log'), size: 13 }]);
  expect((await gather(t, [])).subjects).toEqual(subjects);
});

it('does not take another file in the same place for the one that was', async () => {
  await using t = await TailHarness.create();
  await mkdir(t.logs);
  await t.start();
  await writeFile(t.path('a.log'), 'one\n');
  await t.pass(2000);
  // The descriptor of the tail keeps the inode: the new file has another.
  await unlink(t.path('a.log'));
  await writeFile(t.path('a.log'), 'three\n');
  const { subjects } = await gather(t, []);
  expect(subjects.find(({ path }) => path === t.path('a.log'))?.file).toBeNull();
});
