import { expect, test } from 'vitest';
import { OutgoingRecords } from '../../../src/transport/kafka/outgoing-records.ts';

const neverAborted = new AbortController().signal;

/** Whether an immediate that was due before had its turn while so many records of so many bytes were made ready. */
async function hadItsTurn(records: number, valueBytes: number): Promise<boolean> {
  const outgoing = new OutgoingRecords();
  for (let i = 0; i < records; i += 1)
    outgoing.add({
      topic: 'facts',
      partition: 0,
      encode: () => ({ key: 'run', value: Buffer.alloc(valueBytes) }),
      encoded: null,
      bytes: 0,
      alone: false,
      resolve: () => undefined,
      reject: () => undefined,
    });
  let had = false;
  setImmediate(() => {
    had = true;
  });
  await outgoing.prepare(neverAborted);
  expect(outgoing.takeReady()).toHaveLength(records);
  return had;
}

test('others get their turn behind a segment, not behind every fact', async () => {
  expect(await hadItsTurn(1, 100_000)).toBe(true);
  expect(await hadItsTurn(10, 400)).toBe(false);
  expect(await hadItsTurn(100, 400)).toBe(true);
});
