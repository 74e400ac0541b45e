import { appendFile, mkdir, rename } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import { takeIn } from '../../src/events/take-in.ts';
import { TailHarness } from './harness.ts';

async function harness(): Promise<TailHarness> {
  const t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  return t;
}

/** The messages of the events that a consumer makes of what was published. */
function messagesOf(t: TailHarness): string[] {
  const documents = new Map<string, StreamDocument>();
  const messages: string[] = [];
  for (const { lane, partition, segment } of t.publisher.published) {
    const taken = takeIn(documents.get(segment.stream) ?? null, { lane, partition }, segment);
    documents.set(segment.stream, taken.document);
    messages.push(...taken.closed.map(({ message }) => message));
  }
  return messages;
}

it('a line that is cut off by a kill is one event, whole', async () => {
  await using t = await harness();
  await appendFile(t.path('a.log'), 'before\nthe first ha');
  await t.start();
  await t.pass(1500);
  expect(t.publisher.text()).toBe('before\nthe first ha');
  t.crash();
  await appendFile(t.path('a.log'), 'lf and the second\nafter\nlast\n');
  await t.start();
  await t.pass(1000);
  expect(messagesOf(t)).toEqual(['before', 'the first half and the second', 'after']);
});

it('an event of many lines whose writer is rotated away in its midst is one event', async () => {
  await using t = await harness();
  await appendFile(
    t.path('a.log'),
    'INFO before\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n',
  );
  await t.start();
  await t.pass(1200);
  await rename(t.path('a.log'), t.path('a.log.1'));
  // As a logger that has the file open, and opens the new one with its next record.
  await appendFile(t.path('a.log.1'), '    g()\nValueError: x\n');
  await appendFile(t.path('a.log'), 'INFO in the new file\nINFO last\n');
  await t.pass(8000);
  expect(messagesOf(t).sort()).toEqual([
    'INFO before',
    'INFO in the new file',
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: x',
  ]);
});

it('an event behind a hole is whole', async () => {
  await using t = await harness();
  await appendFile(t.path('a.log'), Buffer.concat([Buffer.from('INFO cut o'), Buffer.alloc(5000)]));
  await appendFile(t.path('a.log'), 'INFO the next line\nINFO last\n');
  await t.start();
  await t.pass(3000);
  expect(messagesOf(t)).toEqual(['INFO cut o', 'INFO the next line']);
});
