/**
 * Reads whole topics without being a consumer of them: from the beginning (or a time) to today's end, or on and on. kafkajs
 * fetches only as a member of a group, so a group with a name of its own is made, which commits nothing and is deleted afterwards.
 */
import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import { errorText } from '../../core/errors.ts';
import { WakeUp } from '../wake-up.ts';
import { PullConsumer } from './pull-consumer.ts';
import type { FetchedBatch, PullConsumerOptions } from './pull-consumer.ts';
import { withTimeout } from './send-queue.ts';

export interface RecordReaderOptions extends Omit<
  PullConsumerOptions,
  'topics' | 'wakeUp' | 'startOffset' | 'groupId'
> {
  admin: () => ReturnType<Kafka['admin']>;
  topicPrefix: string;
}

interface Range {
  next: bigint;
  end: bigint;
}

const wakeIntervalMs = 1000;

/** Batches of one partition each, in its order; `end` bounds which of their records count. */
export async function* readRecords(
  options: RecordReaderOptions,
  topics: readonly string[],
  read: { since?: number; follow?: boolean; signal?: AbortSignal; onCaughtUp?: () => void },
): AsyncIterable<FetchedBatch> {
  const over = new AbortController();
  const signal = read.signal ? AbortSignal.any([read.signal, over.signal]) : over.signal;
  const ranges = await findRanges(options, topics, read, signal);
  let isCaughtUp = false;
  const isComplete = (): boolean => {
    if (!isCaughtUp && [...ranges.values()].every(({ next, end }) => next >= end)) {
      isCaughtUp = true;
      read.onCaughtUp?.();
    }
    return isCaughtUp && !read.follow;
  };
  if (signal.aborted || isComplete()) return;
  const wakeUp = new WakeUp();
  const groupId = `${options.topicPrefix}-scan-${randomUUID()}`;
  const consumer = new PullConsumer({
    ...options,
    topics,
    groupId,
    wakeUp,
    startOffset: (topic, partition) => String(ranges.get(`${topic}/${partition}`)?.next ?? 0n),
  });
  let failure: { error: unknown } | null = null;
  const running = consumer.run(signal).catch((error: unknown) => {
    failure = { error };
    wakeUp.notify();
  });
  try {
    while (!signal.aborted && !isComplete()) {
      if (failure !== null) throw (failure as { error: unknown }).error;
      const seen = wakeUp.count;
      const fetched = consumer.take();
      if (fetched === null) {
        await wakeUp.wait(seen, wakeIntervalMs, options.clock, signal);
        continue;
      }
      const range = rangeOf(ranges, fetched);
      const wanted = fetched.messages.filter((message) =>
        isWanted(BigInt(message.offset), range, read.follow),
      );
      if (wanted.length > 0) yield { ...fetched, messages: wanted };
      range.next = fetched.nextOffset;
      consumer.done(fetched);
    }
  } finally {
    over.abort();
    await running;
    await deleteGroup(options, groupId);
  }
}

async function findRanges(
  options: RecordReaderOptions,
  topics: readonly string[],
  read: { since?: number },
  signal: AbortSignal,
): Promise<Map<string, Range>> {
  await options.ready(signal);
  return await options.connectivity.attempt(async () => {
    const admin = options.admin();
    await admin.connect();
    try {
      return await fetchRanges(admin, topics, read.since);
    } finally {
      await admin.disconnect();
    }
  }, signal);
}

async function fetchRanges(
  admin: Admin,
  topics: readonly string[],
  since?: number,
): Promise<Map<string, Range>> {
  const ranges = new Map<string, Range>();
  for (const topic of topics) {
    const ends = await admin.fetchTopicOffsets(topic);
    const starts = since === undefined ? null : await admin.fetchTopicOffsetsByTimestamp(topic, since);
    for (const { partition, low, high } of ends) {
      const start = starts?.find((found) => found.partition === partition)?.offset ?? low;
      ranges.set(`${topic}/${partition}`, { next: BigInt(start), end: BigInt(high) });
    }
  }
  return ranges;
}

/** A partition that was added meanwhile is read when following. */
function rangeOf(ranges: Map<string, Range>, { topic, partition }: FetchedBatch): Range {
  const key = `${topic}/${partition}`;
  const range = ranges.get(key) ?? { next: 0n, end: 0n };
  ranges.set(key, range);
  return range;
}

function isWanted(offset: bigint, range: Range, follow?: boolean): boolean {
  return offset >= range.next && (follow === true || offset < range.end);
}

/** A group that stays behind is empty and expires by itself; it must not fail a scan that is done. */
async function deleteGroup(options: RecordReaderOptions, groupId: string): Promise<void> {
  const admin = options.admin();
  const work = async (): Promise<void> => {
    try {
      await admin.connect();
      await admin.deleteGroups([groupId]);
    } catch (error) {
      options.logger.debug({ groupId, error: errorText(error) }, 'the group of a scan could not be deleted');
    } finally {
      await admin.disconnect();
    }
  };
  await withTimeout(work(), 3000);
}
