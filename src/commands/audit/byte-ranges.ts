/** A set of byte offsets as sorted ranges that do not touch; `end` is exclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

export class ByteRanges {
  #ranges: ByteRange[] = [];

  /** Adds a range and returns the parts of it that were in already. Cheap when ranges come in order. */
  add(start: number, end: number): ByteRange[] {
    if (end <= start) return [];
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    const overlaps: ByteRange[] = [];
    let merged: ByteRange = { start, end };
    for (; last < this.#ranges.length; last += 1) {
      const range = this.#ranges[last];
      if (!range || range.start > end) break;
      const overlap = { start: Math.max(start, range.start), end: Math.min(end, range.end) };
      if (overlap.end > overlap.start) overlaps.push(overlap);
      merged = { start: Math.min(merged.start, range.start), end: Math.max(merged.end, range.end) };
    }
    this.#ranges.splice(first, last - first, merged);
    return overlaps;
  }

  /** The parts of [start, end) that are not in the set. */
  missing(start: number, end: number): ByteRange[] {
    const missing: ByteRange[] = [];
    let from = start;
    for (let i = this.#firstEndingAtOrAfter(start); i < this.#ranges.length && from < end; i += 1) {
      const range = this.#ranges[i];
      if (!range || range.start >= end) break;
      if (range.start > from) missing.push({ start: from, end: range.start });
      from = Math.max(from, range.end);
    }
    if (from < end) missing.push({ start: from, end });
    return missing;
  }

  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  get bytes(): number {
    return this.#ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.end ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
