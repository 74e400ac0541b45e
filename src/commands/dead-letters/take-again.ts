import { CabooseError, errorText } from '../../core/errors.ts';
import type { EventIndex, IndexItem } from '../../core/event-index.ts';
import type { DeadLetter, Publisher } from '../../core/transport.ts';
import { decodeSegment } from '../../segment/wire-format.ts';
import { itemOf, recordOf } from '../wiring/letters.ts';

/**
 * Takes letters in again, so that nothing is ever doubled or replaced by something older:
 *
 * - A `document` is written under its id and version, if its stream is known and nothing else is held in its range. A run that was
 *   replayed meanwhile may have cut its events otherwise: then what is held stays.
 * - A `record` that is a segment now is published to its partition, behind what is there, and goes the usual way. One whose range was
 *   given up meanwhile would only come late: it stays.
 * - `late` and `conflict` stay: their ranges are held, or were given up, and the events around them are closed.
 */
export type Outcome =
  /** It was taken in. */
  | { status: 'replayed' }
  /** What it speaks of is there already. */
  | { status: 'held' }
  /** It was tried and refused again. */
  | { status: 'refused'; reason: string }
  /** It was not tried; what to do instead. */
  | { status: 'kept'; reason: string };

export interface TakeAgainOptions {
  index: EventIndex;
  publisher: Publisher;
  signal: AbortSignal;
}

/** One outcome a letter, in their order. */
export async function takeAgain(
  letters: readonly DeadLetter[],
  options: TakeAgainOptions,
): Promise<Outcome[]> {
  const outcomes = new Map<DeadLetter, Outcome>();
  // In the order of the stream, so that a record finds the one before it taken in; events before the points that hang on them.
  const sorted = letters.toSorted((a, b) => (a.start ?? 0) - (b.start ?? 0));
  await writeDocuments(sorted, 'event', outcomes, options);
  await writeDocuments(sorted, 'points', outcomes, options);
  const ends = new Map<string, number>();
  for (const letter of sorted) {
    if (letter.kind === 'record') outcomes.set(letter, await publishAgain(letter, ends, options));
  }
  return letters.map((letter) => outcomes.get(letter) ?? kept(reasons[letter.kind]));
}

/** Why a letter stays as it is, and what to do instead. */
const reasons: Record<DeadLetter['kind'], string> = {
  document:
    'a stream document is written anew with the next segment of its stream; caboose replay RUN makes it at once',
  record: 'no record can be made of these bytes: see "Bytes again" in docs/OPERATIONS.md',
  late: 'its range was given up before it came: see "Bytes again" in docs/OPERATIONS.md',
  conflict: 'other bytes are held under its range, and are never replaced',
};

async function writeDocuments(
  letters: readonly DeadLetter[],
  kind: 'event' | 'points',
  outcomes: Map<DeadLetter, Outcome>,
  { index, signal }: TakeAgainOptions,
): Promise<void> {
  const items = letters.flatMap((letter) => {
    const item = letter.kind === 'document' ? itemOf(letter) : null;
    return item?.kind === kind ? [{ letter, item }] : [];
  });
  if (items.length === 0) return;
  const streams = await index.loadStreams(
    [...new Set(items.flatMap(({ letter }) => letter.stream ?? []))],
    signal,
  );
  await index.refresh();
  const wanted: typeof items = [];
  for (const each of items) {
    const known = streams.has(each.letter.stream ?? '');
    const held = known ? await heldInstead(each.item, index) : unknownStream(each.letter);
    if (held) outcomes.set(each.letter, held);
    else wanted.push(each);
  }
  const results = await index.write(
    wanted.map(({ item }): IndexItem => item),
    signal,
  );
  for (const [i, { letter }] of wanted.entries()) {
    const result = results[i];
    outcomes.set(
      letter,
      result?.status === 'rejected' ? { status: 'refused', reason: result.reason } : { status: 'replayed' },
    );
  }
}

function unknownStream({ run }: DeadLetter): Outcome {
  return kept(`the index does not know its stream any more: caboose replay ${run ?? 'RUN'}`);
}

/** Null where the item may be written. */
async function heldInstead(item: KeptItem, index: EventIndex): Promise<Outcome | null> {
  const { event, run, stream, start, end } = placeOf(item);
  const ranges = await Array.fromAsync(index.ranges(stream, { start, end }));
  if (ranges.some(({ id }) => id !== event))
    return kept(`other events are held in its range now: caboose replay ${run}`);
  const same = ranges.find(({ id }) => id === event);
  if (item.kind === 'event') return same && same.end >= end ? { status: 'held' } : null;
  return same ? null : kept('the event that it belongs to is not there: replay that letter first');
}

type KeptItem = NonNullable<ReturnType<typeof itemOf>>;

function placeOf(item: KeptItem): { event: string; run: string; stream: string; start: number; end: number } {
  if (item.kind === 'event') return { ...item.event, event: item.event.id, run: item.event.origin.run };
  const [point] = item.points;
  if (!point) throw new Error('an item without points is none');
  return point;
}

async function publishAgain(
  letter: DeadLetter,
  ends: Map<string, number>,
  { index, publisher, signal }: TakeAgainOptions,
): Promise<Outcome> {
  const record = recordOf(letter);
  if (!record) return kept(reasons.record);
  try {
    const segment = decodeSegment(record);
    const { stream, start, end, final } = segment;
    const document = (await index.loadStreams([stream], signal)).get(stream);
    if (document?.gaps.some((gap) => gap.start < end && start < gap.end)) return kept(reasons.late);
    const reached = Math.max(document?.end ?? 0, ends.get(stream) ?? 0);
    if (end < reached || (end === reached && (!final || document?.final === true))) return { status: 'held' };
    await publisher.publish(record.lane, record.partition, segment, record.topicPrefix);
    ends.set(stream, end);
    return { status: 'replayed' };
  } catch (error) {
    if (!(error instanceof CabooseError) || !error.code.startsWith('SEGMENT_')) throw error;
    return { status: 'refused', reason: `${error.code}: ${errorText(error)}` };
  }
}

function kept(reason: string): Outcome {
  return { status: 'kept', reason };
}
