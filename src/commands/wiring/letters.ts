import type { IndexItem } from '../../core/event-index.ts';
import type { DeadLetter, RejectedRecord } from '../../core/transport.ts';

/** The letter of a record that is no segment. */
export function rejectedLetter(record: RejectedRecord, now: number): DeadLetter {
  return {
    kind: 'record',
    reason: record.error,
    time: now,
    run: record.headers['run'] ?? null,
    stream: record.headers['stream'] ?? null,
    start: null,
    end: null,
    headers: {
      ...record.headers,
      lane: record.lane,
      partition: String(record.partition),
      position: String(record.position),
    },
    value: record.value.toString('base64'),
  };
}

/** The letter of an item that the index refuses for good. */
export function refusedLetter(item: IndexItem, reason: string, now: number): DeadLetter {
  const letter = { kind: 'document' as const, reason, time: now };
  switch (item.kind) {
    case 'event': {
      const { event } = item;
      return {
        ...letter,
        run: event.origin.run,
        stream: event.stream,
        start: event.start,
        end: event.end,
        document: item,
      };
    }
    case 'points': {
      const [point] = item.points;
      return {
        ...letter,
        run: point?.run ?? null,
        stream: point?.stream ?? null,
        start: point?.start ?? null,
        end: point?.end ?? null,
        document: item,
      };
    }
    case 'stream': {
      const { document } = item;
      return {
        ...letter,
        run: document.origin.run,
        stream: document.stream,
        start: document.closedEnd,
        end: document.end,
      };
    }
    default:
      throw new Error('unknown item');
  }
}
