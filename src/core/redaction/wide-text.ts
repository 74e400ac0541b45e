/** UTF-16, of which only ASCII is of interest here. */
export interface WideText {
  /** Its characters in a byte each; what is no ASCII is 0x80. */
  narrow: Buffer;
  /** Where the first of them stands in the bytes, and its low byte in each pair. */
  first: number;
  lowByte: 0 | 1;
}

const sampleBytes = 256;
/** Of the high bytes in a sample, so many of a hundred are zero in text of European languages; in UTF-8 none is. */
const zeroShareMin = 60;

/**
 * The bytes as UTF-16, if they look like it: zeros in every other byte. `offset`: of the first byte in its stream, in which characters
 * begin at even offsets.
 */
export function asWideText(bytes: Buffer, offset: number): WideText | null {
  const sample = bytes.subarray(-sampleBytes);
  if (sample.length < 8 || !sample.includes(0)) return null;
  const zeros = [0, 0];
  for (let at = bytes.length - sample.length; at < bytes.length; at += 1)
    if (bytes[at] === 0) zeros[(offset + at) % 2] = (zeros[(offset + at) % 2] ?? 0) + 1;
  const enough = (sample.length / 2) * (zeroShareMin / 100);
  const [even = 0, odd = 0] = zeros;
  if (Math.max(even, odd) < enough || Math.min(even, odd) * 10 > Math.max(even, odd)) return null;
  return narrowed(bytes, offset % 2, odd > even ? 0 : 1);
}

function narrowed(bytes: Buffer, first: number, lowByte: 0 | 1): WideText {
  const narrow = Buffer.alloc(Math.floor((bytes.length - first) / 2));
  for (let i = 0; i < narrow.length; i += 1) {
    const at = first + 2 * i;
    narrow[i] = bytes[at + 1 - lowByte] === 0 ? (bytes[at + lowByte] ?? 0) & 0xff : 0x80;
  }
  return { narrow, first, lowByte };
}
