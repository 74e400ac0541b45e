import type { IndexItem } from '../../core/event-index.ts';
import type { Logger } from '../../core/logger.ts';
import type { CarriedSegment, Lane } from '../../core/segment.ts';
import { lanes } from '../../core/segment.ts';
import type { DeadLetter, RejectedRecord } from '../../core/transport.ts';
import type { ReceivedRecord } from '../../segment/wire-format.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** Dead letters as they are written and read again: what of a refused thing has to be kept so that it can be taken in later. */

export function rejectedLetter(record: RejectedRecord, now: number): DeadLetter {
  const { headers, topicPrefix, lane, partition, position, key, value, error } = record;
  return {
    kind: 'record',
    reason: error,
    time: now,
    run: headers['run'] ?? null,
    stream: headers['stream'] ?? null,
    start: offsetOf(headers['start']),
    end: offsetOf(headers['end']),
    key,
    headers: {
      ...headers,
      ...(topicPrefix !== undefined && { topicPrefix }),
      lane,
      partition: String(partition),
      position: String(position),
    },
    value: value.toString('base64'),
  };
}

/** The record of a letter, and where it is to be published; null where the letter does not hold one. */
export function recordOf(
  letter: DeadLetter,
): (ReceivedRecord & Pick<CarriedSegment, 'topicPrefix' | 'lane' | 'partition'>) | null {
  const { topicPrefix, lane: place, partition, position: _, ...headers } = letter.headers ?? {};
  const lane = lanes.find((known: Lane) => known === place);
  if (lane === undefined || letter.value === undefined || headers['v'] === undefined) return null;
  return {
    ...(topicPrefix !== undefined && { topicPrefix }),
    lane,
    partition: Number(partition),
    key: letter.key ?? headers['stream'] ?? null,
    headers,
    value: Buffer.from(letter.value, 'base64'),
  };
}

export function refusedLetter(item: IndexItem, reason: string, now: number): DeadLetter {
  const letter = { kind: 'document' as const, reason, time: now };
  switch (item.kind) {
    case 'event': {
      const { stream, start, end, origin } = item.event;
      return { ...letter, run: origin.run, path: origin.path, stream, start, end, document: item };
    }
    case 'points': {
      const [point] = item.points;
      if (!point) return { ...letter, run: null, stream: null, start: null, end: null };
      const { run, path, stream, start, end } = point;
      return { ...letter, run, path, stream, start, end, document: item };
    }
    case 'stream': {
      const { origin, stream, closedEnd: start, end } = item.document;
      return { ...letter, run: origin.run, path: origin.path, stream, start, end };
    }
  }
}

/** What refusedLetter kept; null in a letter of a stream document, which is written anew with the stream's next segment. */
export function itemOf({ document }: DeadLetter): Exclude<IndexItem, { kind: 'stream' }> | null {
  const item = document as Exclude<IndexItem, { kind: 'stream' }> | undefined;
  if (item?.kind === 'event' && typeof item.event.id === 'string') return item;
  return item?.kind === 'points' && item.points.length > 0 ? item : null;
}

function offsetOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : null;
}

/** Counts them, and tells the operator of the first. */
export function tellLetters(
  letters: readonly DeadLetter[],
  { metrics, logger }: { metrics: Pick<Metrics, 'dropped'>; logger: Logger },
): void {
  for (const letter of letters) metrics.dropped.inc({ reason: letter.kind });
  const [first] = letters;
  if (!first) return;
  logger.error(
    {
      letters: letters.length,
      kind: first.kind,
      reason: first.reason,
      stream: first.stream,
      start: first.start,
      end: first.end,
      hint: 'see the dead letters; nothing else waits for these',
    },
    'some things could not be taken in and are in the dead letters',
  );
}
