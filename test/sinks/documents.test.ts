import { expect, test } from 'vitest';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import { summarizeRuns } from '../../src/sinks/documents.ts';
import { makeStream, newStream, startTime } from '../contract/event-index.suite.ts';

const told = { step: 10, total: 100, label: null, rate: 1, etaMs: 90_000, time: startTime };

/** A stream of an attempt that says so much. */
function stream(attempt: number, progress?: StreamDocument['progress']): StreamDocument {
  const document = makeStream({ stream: newStream(), run: 'gpt', end: 10, observed: startTime });
  const origin = { ...document.origin, attempt };
  return progress === undefined ? { ...document, origin } : { ...document, origin, progress };
}

async function progressOf(...documents: StreamDocument[]) {
  async function* streams() {
    yield* documents;
  }
  const [run] = await summarizeRuns(streams());
  return run?.progress;
}

test('a run is as far as its last attempt says', async () => {
  expect(await progressOf(stream(0))).toBeUndefined();
  expect(await progressOf(stream(0, { ...told, from: { step: 1, time: startTime } }))).toEqual(told);
  expect(await progressOf(stream(1, { ...told, step: 20 }), stream(0, told))).toMatchObject({ step: 20 });
  expect(await progressOf(stream(0, told), stream(1))).toBeUndefined();
});

test('of ranks that tell it at one moment, the one with the most steps; of others the last one', async () => {
  const more = { ...told, total: 1000, time: startTime - 1_000 };
  expect(await progressOf(stream(0, told), stream(0, more))).toEqual(more);
  const old = { ...more, time: startTime - 600_000 };
  expect(await progressOf(stream(0, old), stream(0, told))).toEqual(told);
});
