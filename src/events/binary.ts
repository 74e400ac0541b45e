/**
 * Files that are no text, told by their first bytes alone, so that they do not become garbage events. The whole stream
 * then has no text events: its document says `context.events.format: 'binary'`, and the audit counts its bytes as held.
 */

/** So many first bytes are needed to decide; a stream that ends before is text. */
export const binaryHeadBytes = 8;

const magics: readonly (readonly number[])[] = [
  [0x1f, 0x8b], // gzip
  [0x28, 0xb5, 0x2f, 0xfd], // zstd
  [0x42, 0x5a, 0x68, 0x39], // bzip2
  [0xfd, 0x37, 0x7a, 0x58, 0x5a], // xz
  [0x50, 0x4b, 0x03, 0x04], // zip: torch.save, npz
  [0x89, 0x50, 0x4e, 0x47], // PNG
  [0x89, 0x48, 0x44, 0x46], // HDF5
  [0x7f, 0x45, 0x4c, 0x46], // ELF
  [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], // numpy
  [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20, 0x66], // SQLite
  [0x50, 0x41, 0x52, 0x31], // parquet
  [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe], // wandb transaction log (":W&B", 0xBEE1)
];

export function isBinaryHead(head: Buffer): boolean {
  if (magics.some((magic) => magic.every((byte, i) => head[i] === byte))) return true;
  if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 9) <= 5) return true; // pickle protocols 2 to 5
  return isRecordLength(head);
}

/**
 * tfevents and other TFRecord files, and safetensors, open with a 64-bit little-endian length: small, so that its high
 * bytes are zero. A hole at the head of a text file is zeros only, and is none of these.
 */
function isRecordLength(head: Buffer): boolean {
  if (head.length < binaryHeadBytes) return false;
  const low = head.readUInt32LE(0);
  return low !== 0 && low < 0x0100_0000 && head.readUInt32LE(4) === 0;
}

/**
 * Printable text up to a line end: a stream of one short line need not wait for more bytes. Ask isBinaryHead first. A line end
 * earlier than this could be a byte of a record length.
 */
const shortestLine = 3;

export function beginsWithTextLine(head: Buffer): boolean {
  const lineEnd = head.indexOf(0x0a);
  if (lineEnd < shortestLine) return false;
  return head
    .subarray(0, lineEnd)
    .every((byte) => byte === 0x09 || byte === 0x0d || (byte >= 0x20 && byte !== 0x7f));
}
