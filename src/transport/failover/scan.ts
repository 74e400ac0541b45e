/**
 * Two clusters scanned as one, each stream in the order of its offsets. A stream that moved is in both, in parts; so they are read in turns, first
 * and second: what begins beyond what was handed on is left for a later turn. When neither has anything that continues, what lies between is nowhere,
 * and the next that there is goes on. A number a stream is remembered, no bytes.
 */
import type { CarriedSegment, SegmentHeader } from '../../core/segment.ts';
import type { ScanOptions, SegmentScanner } from '../../core/transport.ts';
import { merge } from '../merge.ts';

type Scan = SegmentScanner['scan'];

export async function* scanInOrder(
  clusters: readonly [Scan, Scan],
  options: ScanOptions,
): AsyncGenerator<CarriedSegment> {
  const { follow = false, ...toTheEnd } = options;
  const order = new StreamOrder();
  yield* inTurns(clusters, toTheEnd, order);
  if (!follow || options.signal?.aborted) return;
  yield* asTheyCome(merge(clusters.map((scan) => scan(options))), order);
}

/** How far each stream was handed on. */
class StreamOrder {
  readonly #reached = new Map<string, { end: number; isFinal: boolean }>();

  /** By stream: where a gap begins whose bytes neither cluster has. */
  readonly #missing = new Map<string, number>();

  /** By log and partition: the last position of the first pass. */
  readonly #passed = new Map<string, number>();

  /** Whether it continues what was handed on; the first state of a rewritten file continues the one before. */
  continues({ stream, start, snapshot, previous }: SegmentHeader): boolean {
    const known = this.#reached.get(stream);
    if (start > (known?.end ?? 0)) return false;
    return known !== undefined || !snapshot || previous === null || this.#reached.has(previous);
  }

  /** Whether it is a gap in place of bytes that may be found yet. A hole never had any. */
  mayBeFilled(header: SegmentHeader): boolean {
    const { stream, start, end, gap } = header;
    if (gap === null || gap === 'hole') return false;
    return end > (this.#reached.get(stream)?.end ?? 0) && this.#missing.get(stream) !== start;
  }

  isNews({ stream, end, final }: SegmentHeader): boolean {
    const known = this.#reached.get(stream);
    return known === undefined || end > known.end || (final && !known.isFinal && end === known.end);
  }

  handOn({ stream, end, final }: SegmentHeader): void {
    const known = this.#reached.get(stream);
    this.#reached.set(stream, {
      end: Math.max(known?.end ?? 0, end),
      isFinal: final || known?.isFinal === true,
    });
  }

  pass(carried: CarriedSegment): void {
    this.#passed.set(logOf(carried), carried.position);
  }

  hasPassed(carried: CarriedSegment): boolean {
    return carried.position <= (this.#passed.get(logOf(carried)) ?? -1);
  }

  /** What comes before is nowhere; nor is what begins there, when that had been reached. */
  leapTo(stream: string, start: number): void {
    const known = this.#reached.get(stream);
    if (known && start <= known.end) this.#missing.set(stream, start);
    this.#reached.set(stream, { end: Math.max(known?.end ?? 0, start), isFinal: false });
  }
}

function logOf({ cluster, topicPrefix, lane, partition }: CarriedSegment): string {
  return `${cluster} ${topicPrefix} ${lane} ${partition}`;
}

/** By stream: where the first segment begins that was left for later. */
type Left = ReadonlyMap<string, number>;

async function* inTurns(
  clusters: readonly [Scan, Scan],
  options: ScanOptions,
  order: StreamOrder,
): AsyncGenerator<CarriedSegment> {
  const left: (Left | null)[] = [null, null];
  for (let turn = 0, fruitless = 0; ; turn += 1) {
    const which = turn % 2;
    const scan = clusters[which as 0 | 1];
    const wanted = left[which] ?? null;
    const passed = { handed: 0, left: new Map<string, number>() };
    if (wanted === null || wanted.size > 0) yield* onePass(scan, { options, wanted, order, passed });
    if (options.signal?.aborted) return;
    left[which] = passed.left;
    if (turn > 0 && left.every((each) => each?.size === 0)) return;
    fruitless = passed.handed > 0 ? 0 : fruitless + 1;
    if (turn === 0 || fruitless < 2) continue;
    leapToNearest(left, order);
    fruitless = 0;
  }
}

async function* onePass(
  scan: Scan,
  {
    options,
    wanted,
    order,
    passed,
  }: {
    options: ScanOptions;
    /** Null: all, copies too. */
    wanted: Left | null;
    order: StreamOrder;
    passed: { handed: number; left: Map<string, number> };
  },
): AsyncGenerator<CarriedSegment> {
  const { match = () => true, onRejected, ...rest } = options;
  const isWanted = (header: SegmentHeader) =>
    wanted === null || (wanted.has(header.stream) && order.isNews(header));
  const segments = scan({
    ...rest,
    match: (header) => isWanted(header) && match(header),
    // Told once, in the first pass.
    ...(wanted === null && onRejected && { onRejected }),
  });
  for await (const carried of segments) {
    const { segment } = carried;
    if (wanted === null) order.pass(carried);
    const isLeft = passed.left.has(segment.stream) || !order.continues(segment) || order.mayBeFilled(segment);
    if (isLeft) {
      if (!passed.left.has(segment.stream)) passed.left.set(segment.stream, segment.start);
      continue;
    }
    order.handOn(segment);
    passed.handed += 1;
    yield carried;
  }
}

/** What continues these streams is nowhere: each goes on with its next bytes that there are. */
function leapToNearest(left: readonly (Left | null)[], order: StreamOrder): void {
  const nearest = new Map<string, number>();
  for (const [stream, start] of left.flatMap((each) => [...(each ?? [])]))
    nearest.set(stream, Math.min(start, nearest.get(stream) ?? Infinity));
  for (const [stream, start] of nearest) order.leapTo(stream, start);
}

const heldBytesMax = 64 * 1024 * 1024;

/** What comes from both at once: what begins beyond waits for what lies between, while there is room. */
async function* asTheyCome(
  segments: AsyncIterable<CarriedSegment>,
  order: StreamOrder,
): AsyncGenerator<CarriedSegment> {
  const held: CarriedSegment[] = [];
  let heldBytes = 0;
  for await (const carried of segments) {
    if (order.hasPassed(carried)) continue;
    held.push(carried);
    heldBytes += carried.segment.bytes.length;
    for (;;) {
      if (heldBytes > heldBytesMax) leapToNearest([startsOf(held)], order);
      const at = held.findIndex(({ segment }) => order.continues(segment));
      const [next] = at < 0 ? [] : held.splice(at, 1);
      if (!next) break;
      heldBytes -= next.segment.bytes.length;
      order.handOn(next.segment);
      yield next;
    }
  }
}

function startsOf(held: readonly CarriedSegment[]): Left {
  const starts = new Map<string, number>();
  for (const { segment } of held)
    starts.set(segment.stream, Math.min(segment.start, starts.get(segment.stream) ?? Infinity));
  return starts;
}
