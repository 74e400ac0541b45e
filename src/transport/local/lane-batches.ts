import type { CarriedSegment, Lane } from '../../core/segment.ts';
import type { RejectedRecord, SegmentBatch } from '../../core/transport.ts';
import { receive, rejectedRecord } from '../received-segment.ts';
import type { LogEntry, LogReader } from './log-reader.ts';

export interface LaneContent {
  segments: CarriedSegment[];
  rejected: RejectedRecord[];
  /** The position behind what is in here. */
  end: number;
}

/** Stored bytes read at once, and raw bytes after which a batch is full: they are unpacked in one go, while the other lane waits. */
const readBytesMax = 1024 * 1024;
const rawBytesMax = 2 * 1024 * 1024;

export const localPartition = 0;

export function segmentLog(lane: Lane): string {
  return `segments.${lane}`;
}

/** What comes next in a lane, bounded in raw bytes; null at the end. `onSkipped` is told of what retention took away. */
export async function readLane(
  lane: Lane,
  reader: LogReader,
  onSkipped: (entry: LogEntry) => void,
): Promise<LaneContent | null> {
  const entries = await reader.next(readBytesMax);
  const content: LaneContent = { segments: [], rejected: [], end: reader.position };
  let rawBytes = 0;
  for (const entry of entries) {
    if (rawBytes > rawBytesMax) {
      reader.seek(entry.position);
      content.end = entry.position;
      break;
    }
    if (entry.kind === 'skipped') onSkipped(entry);
    else if (entry.kind === 'corrupt') content.rejected.push(corruptRecord(lane, entry));
    else {
      const place = { lane, partition: localPartition, position: entry.position };
      const received = receive(place, entry.record);
      if (received === 'no match') continue;
      if ('rejected' in received) content.rejected.push(received.rejected);
      else {
        content.segments.push(received.segment);
        rawBytes += received.segment.segment.bytes.length;
      }
    }
  }
  return entries.length === 0 ? null : content;
}

export function corruptRecord(lane: Lane, entry: LogEntry & { kind: 'corrupt' }): RejectedRecord {
  return rejectedRecord(
    { lane, partition: localPartition, position: entry.position },
    { key: null, headers: {}, value: entry.bytes },
    `LOG_CORRUPT: ${entry.end - entry.position} bytes of the local log are no record (damaged on disk?)`,
  );
}

export function isEmpty(batch: Pick<SegmentBatch, 'segments' | 'rejected'>): boolean {
  return batch.segments.length === 0 && batch.rejected.length === 0;
}
