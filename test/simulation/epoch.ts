/**
 * What a file held from its creation or truncation to the next: the model's own notion of a stream. A byte is known by its epoch and
 * offset. Bytes that are there again (a copy, what a truncation left, a rewrite with equal bytes) are those of the parent epoch, under
 * the same offsets.
 */
export class Epoch {
  readonly index: number;
  /** The writer's log, and the path at creation. */
  readonly name: string;
  /** Which writer's log it belongs to, and its place in the order of that log. */
  readonly log: number;
  /** Number of its inode. */
  readonly inode: number;
  size = 0;
  /** Bytes [0, shared) are the parent's. */
  parent: Epoch | null = null;
  shared = 0;
  /** How often each byte was taken in by the consumer, and how often it may be. */
  shipped = new Uint8Array(1024);
  allowed = new Uint8Array(1024).fill(1);
  /** 1 where a cut was made of the byte, or of the hole that it is in. */
  cut = new Uint8Array(1024);
  /** Where a gap has told of the byte: `toldFull` when the spool had no room for it, else `told`. */
  told = new Uint8Array(1024);
  /** When which bytes came, by ascending end. */
  readonly writes: { end: number; at: number }[] = [];
  /** While a living agent could read it. */
  readonly reachable: Interval[] = [];
  /** The same, while the transport was there too. */
  readonly unimpeded: Interval[] = [];
  /** The largest size that an agent saw in a descriptor, and which of its lives. */
  seen = { life: 0, size: 0, at: 0 };
  /** Set when its bytes are no longer in any file: model ms. */
  endedAt = Infinity;
  #content = Buffer.alloc(1024);

  constructor(index: number, name: string, log: number, inode: number) {
    this.index = index;
    this.name = name;
    this.log = log;
    this.inode = inode;
  }

  /** The oldest of its ancestors. */
  get origin(): Epoch {
    return this.parent?.origin ?? this;
  }

  get content(): Buffer {
    return this.#content.subarray(0, this.size);
  }

  append(bytes: Buffer, at: number): void {
    const end = this.size + bytes.length;
    this.#grow(end);
    bytes.copy(this.#content, this.size);
    this.#recogniseEqual(bytes);
    this.size = end;
    this.writes.push({ end, at });
  }

  /** Begins as the first `length` bytes of another. `again`: the consumer may get them once more. */
  inherit(parent: Epoch, length: number, at: number, again: boolean): void {
    this.#grow(length);
    parent.content.copy(this.#content, 0, 0, length);
    this.parent = parent;
    this.shared = length;
    this.size = length;
    if (length > 0) this.writes.push({ end: length, at });
    if (again) this.#allowAgain(0, length);
  }

  /** Follows its parent without a byte of it: equal ones that are written from the start on are the same bytes, which nobody can tell apart. */
  succeed(parent: Epoch): void {
    this.parent = parent;
  }

  /** The epochs whose own bytes these are. */
  *pieces(start: number, end: number): Generator<{ epoch: Epoch; start: number; end: number }> {
    const own = Math.max(start, this.shared);
    if (this.parent && start < this.shared) yield* this.parent.pieces(start, Math.min(end, this.shared));
    if (own < end) yield { epoch: this, start: own, end };
  }

  markCut(from: number, to: number): void {
    for (const { epoch, start, end } of this.pieces(from, to)) epoch.cut.fill(1, start, end);
  }

  /** Whether all of these bytes were cut at some time. */
  wasCut(from: number, to: number): boolean {
    return [...this.pieces(from, to)].every(({ epoch, start, end }) =>
      epoch.cut.subarray(start, end).every((times) => times > 0),
    );
  }

  writtenAt(offset: number): number {
    return this.writes.find(({ end }) => end > offset)?.at ?? Infinity;
  }

  #recogniseEqual(bytes: Buffer): void {
    if (!this.parent || this.shared !== this.size) return;
    const old = this.parent.content.subarray(this.size, this.size + bytes.length);
    let equal = 0;
    while (equal < old.length && old[equal] === bytes[equal]) equal += 1;
    this.#allowAgain(this.shared, this.shared + equal);
    this.shared += equal;
  }

  #allowAgain(from: number, to: number): void {
    if (!this.parent) return;
    for (const { epoch, start, end } of this.parent.pieces(from, to)) {
      for (let i = start; i < end; i += 1) epoch.allowed[i] = (epoch.allowed[i] ?? 0) + 1;
    }
  }

  #grow(size: number): void {
    if (size <= this.#content.length) return;
    const capacity = Math.max(size, 2 * this.#content.length);
    this.#content = Buffer.concat([this.#content], capacity);
    const grown = (old: Uint8Array, fill: number) => {
      const array = new Uint8Array(capacity).fill(fill);
      array.set(old);
      return array;
    };
    this.shipped = grown(this.shipped, 0);
    this.allowed = grown(this.allowed, 1);
    this.cut = grown(this.cut, 0);
    this.told = grown(this.told, 0);
  }
}

/** Marks in `Epoch.told`. */
export const told = 1;
export const toldFull = 2;

/** Model ms; `to` is Infinity while it lasts. `cause`: why it ended. */
export interface Interval {
  from: number;
  to: number;
  cause: string;
}
