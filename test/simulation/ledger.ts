import type { Segment } from '../../src/core/segment.ts';
import type { Cut } from '../../src/tail/cut-state.ts';
import { told, toldFull } from './epoch.ts';
import type { Epoch } from './epoch.ts';

/** Bytes [start, end) of an epoch that were taken in more often than they may be. */
export interface Again {
  epoch: Epoch;
  start: number;
  end: number;
  detail: string;
}

/** Bytes [start, end) of a stream are those of this epoch, under the same offsets. */
interface Attribution {
  start: number;
  end: number;
  epoch: Epoch;
}

export interface HeldStream {
  first: Segment;
  end: number;
  observed: number;
  final: boolean;
  /** What was taken in, in order. */
  parts: Part[];
  /** What came again of a part, and not all of it at once. */
  pieces: Map<Part, Segment[]>;
}

interface Part {
  start: number;
  end: number;
  observed: number;
  gap: string | null;
  epoch: Epoch | null;
}

/** What one call has read. */
export interface Read {
  epoch: Epoch;
  start: number;
  bytes: number;
}

export interface Violation {
  kind: string;
  detail: string;
}

/**
 * Two accounts: which epoch the bytes of each cut were read from, and what a consumer that follows the rules for readers of
 * docs/WIRE-FORMAT.md makes of the published segments. Whatever breaks a promise at once is a violation here; what is missing at the
 * end is judged in verdict.ts.
 */
export class Ledger {
  readonly streams = new Map<string, HeldStream>();
  readonly violations: Violation[] = [];
  /** What came twice: verdict.ts knows at the end whether it may. */
  readonly again: Again[] = [];
  /** Decisions were lost with a full state disk: from then on delivery is at least once, as documented. */
  atLeastOnce = false;
  /** Files are closed to spare descriptors: what comes between two looks at a deleted one is lost, as documented. */
  closesFiles = false;
  /** Model ms of the first time that there was no descriptor to be had: from then on the agent takes it that there are few. */
  descriptorsRanOutAt = Infinity;
  readonly #attributions = new Map<string, Attribution[]>();

  violate(kind: string, detail: string): void {
    if (this.violations.length < 20) this.violations.push({ kind, detail });
  }

  /** A stream is begun with the bytes that were read last. */
  begin(stream: string, read: Read | null): void {
    if (read && !this.#attributions.has(stream))
      this.#attributions.set(stream, [{ start: 0, end: 0, epoch: read.epoch }]);
  }

  /** A cut was decided; `read` is what was read for it, null if that was in the spool: then it is of the same file as the cut before. */
  cut(stream: string, cut: Cut, read: Read | null): void {
    // A hole is of the file in which it was seen.
    if ((cut.gap !== null && !(cut.gap === 'hole' && read)) || cut.end === cut.start) return;
    const epoch = read ? read.epoch : this.epochOf(stream);
    if (!epoch || (read && (read.start > cut.start || read.start + read.bytes < cut.end))) {
      this.violate('cut', `[${cut.start}, ${cut.end}) of ${stream} was cut and not read`);
      return;
    }
    epoch.markCut(cut.start, cut.end);
    const known = this.#attributions.get(stream)?.filter(({ start }) => start < cut.start) ?? [];
    for (const before of known) before.end = Math.min(before.end, cut.start);
    this.#attributions.set(stream, [...known, { start: cut.start, end: cut.end, epoch }]);
  }

  /** The epoch that the stream's last cut was read from. */
  epochOf(stream: string): Epoch | null {
    return this.#attributions.get(stream)?.at(-1)?.epoch ?? null;
  }

  /** A segment is stored. */
  take(segment: Segment): void {
    const held = this.streams.get(segment.stream) ?? this.#begin(segment);
    if (!this.atLeastOnce) this.#compare(held, segment);
    if (segment.gap !== null && this.atLeastOnce) this.#tellHeld(segment, held.end);
    const isMarker = segment.start === segment.end;
    if (segment.end < held.end || (segment.end === held.end && (!isMarker || held.final))) return;
    if (segment.start > held.end) {
      this.violate('hole', `${about(segment)} comes when the stream is held to ${held.end}`);
    }
    if (segment.observed < held.observed && !this.atLeastOnce)
      this.violate(
        'observed',
        `${about(segment)} was observed ${held.observed - segment.observed} ms before what precedes it`,
      );
    const start = Math.max(segment.start, held.end);
    for (const part of this.#partsOf(segment.stream, start, segment.end)) this.#takePart(held, segment, part);
    held.end = Math.max(held.end, segment.end);
    held.observed = segment.observed;
    held.final = segment.final;
  }

  #begin(segment: Segment): HeldStream {
    const held: HeldStream = {
      first: segment,
      end: 0,
      observed: 0,
      final: false,
      parts: [],
      pieces: new Map(),
    };
    this.streams.set(segment.stream, held);
    const before = segment.previous === null ? undefined : this.streams.get(segment.previous);
    if (before && before.first.created >= segment.created && !this.atLeastOnce)
      this.violate('created', `${about(segment)} was not created later than its previous`);
    return held;
  }

  /** What comes again must be cut the same way, unless a part of it is not to be had any more: then that is a gap. */
  #compare(held: HeldStream, segment: Segment): void {
    if (segment.start >= held.end || segment.start === segment.end) return;
    const same = held.parts.filter(({ start, end }) => start < segment.end && segment.start < end);
    for (const part of same) {
      const within = part.start >= segment.start && part.end <= segment.end;
      const isPiece = segment.start >= part.start && segment.end <= part.end;
      if (part.observed !== segment.observed || !(within || isPiece)) this.#violateCut(segment, part);
      else if (!within) held.pieces.set(part, [...(held.pieces.get(part) ?? []), segment]);
    }
  }

  /** At the end. */
  judgePieces(): void {
    for (const { pieces } of this.streams.values())
      for (const [part, segments] of pieces)
        if (!segments.some(({ gap }) => gap !== null))
          for (const segment of segments) this.#violateCut(segment, part);
  }

  #violateCut(segment: Segment, { start, end }: Part): void {
    this.violate('recut', `${about(segment)} comes when [${start}, ${end}) was cut there`);
  }

  /** A consumer that holds other bytes there passes this over: decisions were lost, and the offsets are another file's. */
  #tellHeld({ stream, start, end }: Segment, heldEnd: number): void {
    for (const part of this.#partsOf(stream, start, Math.min(end, heldEnd)))
      for (const piece of part.epoch?.pieces(part.start, Math.min(part.end, part.epoch.size)) ?? [])
        piece.epoch.told.fill(told, piece.start, piece.end);
  }

  #takePart(
    held: HeldStream,
    segment: Segment,
    part: Attribution | { start: number; end: number; epoch: null },
  ): void {
    const { start, end, epoch } = part;
    held.parts.push({ start, end, observed: segment.observed, gap: segment.gap, epoch });
    if (epoch === null) {
      if (segment.gap === null) this.violate('unknown', `${about(segment)} was never cut`);
      return;
    }
    if (segment.gap !== null) {
      const mark = segment.gap === 'spool-full' ? toldFull : told;
      for (const piece of epoch.pieces(start, Math.min(end, epoch.size)))
        piece.epoch.told.fill(mark, piece.start, piece.end);
      return;
    }
    const bytes = segment.bytes.subarray(start - segment.start, end - segment.start);
    if (!this.atLeastOnce && !bytes.equals(epoch.content.subarray(start, end)))
      this.violate('wrong', `${about(segment)} holds other bytes than ${epoch.name} (epoch ${epoch.index})`);
    if (!this.atLeastOnce) this.#checkPrefix(held, segment, epoch);
    for (const piece of epoch.pieces(start, end)) this.#ship(held, segment, piece);
  }

  #ship(held: HeldStream, segment: Segment, { epoch, start, end }: Attribution): void {
    const again: number[] = [];
    for (let i = start; i < end; i += 1) {
      const times = (epoch.shipped[i] ?? 0) + 1;
      epoch.shipped[i] = Math.min(255, times);
      if (times > (epoch.allowed[i] ?? 1)) again.push(i);
    }
    const [first] = again;
    if (first !== undefined && !this.atLeastOnce && !wentOnElsewhere(held, epoch)) {
      const others = [...this.streams.values()].filter(
        ({ first, parts }) =>
          first.stream !== segment.stream && parts.some((part) => part.gap === null && part.epoch === epoch),
      );
      const elsewhere = others.map(({ first }) => `${first.path} ${first.stream.slice(0, 6)}`).join(', ');
      this.again.push({
        epoch,
        start: first,
        end: (again.at(-1) ?? first) + 1,
        detail: `${about(segment)}: ${again.length} bytes of ${epoch.name} again (also in ${elsewhere})`,
      });
    }
  }

  /** When a stream goes on in another file, that one must begin with what the stream holds already. */
  #checkPrefix(held: HeldStream, segment: Segment, epoch: Epoch): void {
    for (const part of held.parts) {
      if (part.epoch === null || part.epoch === epoch || part.gap !== null) continue;
      const there = epoch.content.subarray(part.start, part.end);
      if (!there.equals(part.epoch.content.subarray(part.start, part.end)))
        return this.violate('mixed', `${about(segment)} goes on in ${epoch.name}, which begins otherwise`);
    }
  }

  #partsOf(
    stream: string,
    start: number,
    end: number,
  ): (Attribution | { start: number; end: number; epoch: null })[] {
    const known = this.#attributions.get(stream) ?? [];
    const parts: (Attribution | { start: number; end: number; epoch: null })[] = [];
    let at = start;
    for (const [i, attribution] of known.entries()) {
      // What lies beyond the last cut was seen of the same file and never cut.
      const to = i === known.length - 1 ? end : Math.min(end, attribution.end);
      if (to <= at) continue;
      parts.push({ start: at, end: to, epoch: attribution.epoch });
      at = to;
    }
    if (at < end || parts.length === 0) parts.push({ start: at, end, epoch: null });
    return parts.filter((part) => part.end > part.start);
  }
}

/** Its first bytes were read from a file that begins with the same ones: nobody can tell that this is another, or a copy of another. */
function wentOnElsewhere({ parts }: HeldStream, epoch: Epoch): boolean {
  return parts.some((part) => part.epoch !== null && part.epoch.origin !== epoch.origin);
}

export function about({ stream, start, end, gap, final, path }: Segment): string {
  const marks = `${gap === null ? '' : ` gap ${gap}`}${final ? ' final' : ''}`;
  return `[${start}, ${end})${marks} of ${path} ${stream.slice(0, 6)}`;
}
