import type { Lane, Segment } from '../../src/core/segment.ts';
import type { Publisher } from '../../src/core/transport.ts';

/** Keeps what is published; a test decides when it is acknowledged. */
export class FakePublisher implements Publisher {
  readonly published: { lane: Lane; partition: number; segment: Segment; topicPrefix: string | undefined }[] =
    [];
  /** While set, it is thrown for segments that it fits, and they are not published. */
  refuse: ((segment: Segment) => Error | null) | null = null;
  /** While false, nothing is acknowledged. */
  acks = true;
  #held: (() => void)[] = [];

  /** While set, it is thrown by partitionFor. */
  unreachable: Error | null = null;

  async partitionFor(): Promise<number> {
    if (this.unreachable) throw this.unreachable;
    return 3;
  }

  async publish(lane: Lane, partition: number, segment: Segment, topicPrefix?: string): Promise<void> {
    const refusal = this.refuse?.(segment);
    if (refusal) throw refusal;
    const copy = { ...segment, bytes: Buffer.from(segment.bytes) };
    this.published.push({ lane, partition, segment: copy, topicPrefix });
    if (this.acks) return;
    await new Promise<void>((resolve) => void this.#held.push(resolve));
  }

  /** Acknowledges all that is held, and what comes. */
  release(): void {
    this.acks = true;
    for (const resolve of this.#held.splice(0)) resolve();
  }

  async stop(): Promise<void> {
    this.release();
  }

  get streams(): Map<string, StreamSeen> {
    const streams = new Map<string, StreamSeen>();
    for (const { segment } of this.published) {
      const seen = streams.get(segment.stream) ?? new StreamSeen(segment);
      seen.take(segment);
      streams.set(segment.stream, seen);
    }
    return streams;
  }

  /** The streams whose path ends so, oldest first. */
  of(pathEnd: string): StreamSeen[] {
    return [...this.streams.values()]
      .filter((stream) => stream.first.path.endsWith(pathEnd))
      .sort((a, b) => a.first.created - b.first.created);
  }

  /** All bytes of all streams in order of creation, each range once. */
  text(pathEnd = ''): string {
    return this.of(pathEnd)
      .map((stream) => stream.bytes.toString('latin1'))
      .join('');
  }
}

/** What a consumer would make of one stream: every range once, other bytes under a held range are an error. */
export class StreamSeen {
  readonly first: Segment;
  readonly segments: Segment[] = [];
  bytes = Buffer.alloc(0);
  final = false;
  gaps: { start: number; end: number; reason: string }[] = [];
  /** Behind the last byte or gap. */
  #end = 0;

  constructor(first: Segment) {
    this.first = first;
  }

  take(segment: Segment): void {
    this.segments.push(segment);
    this.final ||= segment.final;
    if (segment.gap !== null) {
      this.gaps.push({ start: segment.start, end: segment.end, reason: segment.gap });
      this.#end = Math.max(this.#end, segment.end);
      return;
    }
    if (segment.start > this.#end) throw new Error(`hole before ${segment.start} in ${segment.path}`);
    this.#end = Math.max(this.#end, segment.end);
    if (segment.bytes.length === 0) return;
    // A gap before them reads as zeros.
    const missing = Math.max(0, segment.start - this.bytes.length);
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(missing)]);
    const held = this.bytes.subarray(segment.start, segment.end);
    const again = segment.bytes.subarray(0, held.length);
    if (!held.equals(again)) throw new Error(`other bytes at ${segment.start} in ${segment.path}`);
    this.bytes = Buffer.concat([this.bytes, segment.bytes.subarray(held.length)]);
  }
}
