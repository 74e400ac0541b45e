import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

/** Start and topic of what was published, each once: after a crash some is sent again. */
const topicsOf = ({ publisher }: TailHarness, pathEnd: string) => [
  ...new Set(
    publisher.published
      .filter(({ segment }) => segment.path.endsWith(pathEnd))
      .map(({ segment, topicPrefix }) => `${segment.end} ${topicPrefix}`),
  ),
];

it('a stream stays in the topic in which it began, over a restart with other routes', async () => {
  await using t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  await writeFile(t.path('a.log'), 'one\n');
  t.topicPrefix = 'first';
  await t.start();
  t.crash();
  t.topicPrefix = 'second';
  await appendFile(t.path('a.log'), 'two\n');
  await writeFile(t.path('b.log'), 'x\n');
  await t.start();
  await t.pass(2_000);
  expect(topicsOf(t, 'a.log')).toEqual(['4 first', '8 first']);
  expect(topicsOf(t, 'b.log')).toEqual(['2 second']);
});

it('a stream from before there were routes stays where it is, too', async () => {
  await using t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  await writeFile(t.path('a.log'), 'one\n');
  await t.start();
  t.crash();
  t.topicPrefix = 'second';
  await appendFile(t.path('a.log'), 'two\n');
  await t.start();
  await t.pass(2_000);
  expect(topicsOf(t, 'a.log')).toEqual(['4 undefined', '8 undefined']);
});

it('a state of a rewritten file goes where the states before it are', async () => {
  await using t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  await writeFile(t.path('state.json'), '{"step": 1}');
  t.topicPrefix = 'first';
  await t.start(['**/*.json']);
  await t.pass(5_000);
  t.crash();
  t.topicPrefix = 'second';
  await writeFile(t.path('state.json'), '{"step": 2, "more": true}');
  await t.start(['**/*.json']);
  await t.pass(10_000);
  expect(topicsOf(t, 'state.json')).toEqual(['11 first', '25 first']);
});
