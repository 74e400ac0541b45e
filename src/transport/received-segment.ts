import { CabooseError, errorText } from '../core/errors.ts';
import type { CarriedSegment, Lane, SegmentHeader } from '../core/segment.ts';
import type { RejectedRecord } from '../core/transport.ts';
import { decodeHeader, decodeSegment } from '../segment/wire-format.ts';
import type { ReceivedRecord } from '../segment/wire-format.ts';

export interface Place {
  lane: Lane;
  partition: number;
  position: number;
}

export type Received = { segment: CarriedSegment } | { rejected: RejectedRecord } | 'no match';

/** Decodes a record at the edge of a transport: what is no segment becomes a RejectedRecord, never an exception. */
export function receive(
  place: Place,
  record: ReceivedRecord,
  match?: (header: SegmentHeader) => boolean,
): Received {
  try {
    if (match && !match(decodeHeader(record))) return 'no match';
    return { segment: { ...place, segment: decodeSegment(record) } };
  } catch (error) {
    if (!(error instanceof CabooseError)) throw error;
    return { rejected: rejectedRecord(place, record, `${error.code}: ${errorText(error)}`) };
  }
}

export function rejectedRecord(place: Place, record: ReceivedRecord, error: string): RejectedRecord {
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(record.headers)) {
    if (text !== undefined) headers[name] = typeof text === 'string' ? text : text.join(', ');
  }
  return { ...place, key: record.key ?? '', headers, value: record.value ?? Buffer.alloc(0), error };
}
