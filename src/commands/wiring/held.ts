import { stateBefore } from '../../core/segment.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type { SegmentBatch } from '../../core/transport.ts';

/**
 * Which streams of a batch have to wait. With one cluster what begins beyond the stream's document comes after a gap. With two, the bytes between
 * may be in the other one: not taken in yet, or taken in by whoever reads it. So, in this order: the index is asked again; then the
 * transport, whether the other cluster may still have them; when it says no, the index once more. What is missing then is a gap.
 */
export interface HeldOptions {
  documentOf: (stream: string) => StreamDocument | undefined;
  /** Asks the index again for these streams. */
  reload: (streams: readonly string[]) => Promise<void>;
  signal: AbortSignal;
}

/** By stream: from which offset on its segments wait. What comes before is taken in, as the other cluster may wait for it. */
export type Held = ReadonlyMap<string, number>;

export async function heldStreams(
  batch: SegmentBatch,
  { documentOf, reload, signal }: HeldOptions,
): Promise<Held> {
  const none = new Map<string, number>();
  if (!batch.mayBePreceded) return none;
  const look = () => beyond(batch, documentOf);
  const again = async (): Promise<Held> => {
    const streams = look();
    if (streams.size > 0) await reload([...streams.keys(), ...statesBefore(batch, streams)]);
    return look();
  };
  if ((await again()).size === 0) return none;
  if (await batch.mayBePreceded(signal)) return look();
  await again();
  return none;
}

/** Of a batch's streams, those that begin beyond what is held, and the states of rewritten files of which the one before is not known. */
function beyond(
  { segments }: SegmentBatch,
  documentOf: (stream: string) => StreamDocument | undefined,
): Held {
  const ends = new Map<string, number>();
  const found = new Map<string, number>();
  const endOf = (stream: string) => ends.get(stream) ?? documentOf(stream)?.end;
  for (const { segment } of segments) {
    const { stream, start, end } = segment;
    const before = stateBefore(segment);
    const reached = endOf(stream);
    const isFirstState = reached === undefined && before !== null && endOf(before) === undefined;
    if (found.has(stream)) continue;
    if (start > (reached ?? 0) || isFirstState) found.set(stream, start);
    else ends.set(stream, Math.max(reached ?? 0, end));
  }
  return found;
}

function statesBefore({ segments }: SegmentBatch, streams: Held): string[] {
  return segments.flatMap(({ segment }) => (streams.has(segment.stream) ? (stateBefore(segment) ?? []) : []));
}
