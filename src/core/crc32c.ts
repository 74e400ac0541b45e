/** Castagnoli's polynomial, reflected: https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4 */
const polynomial = 0x82f63b78;
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;

/**
 * The checksum of Kafka's record batches and of TFRecord files, unsigned; of the bytes [start, end). `before`: the one of the bytes before them. Eight
 * bytes at a time ("slicing by 8").
 */
export function crc32c(bytes: Uint8Array, before = 0, start = 0, end = bytes.length): number {
  let crc = ~before;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < end; i += 1) crc = t0[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Tables = [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** Table k holds the checksum of a byte with k zero bytes behind it. */
function makeTables(): Tables {
  const made = Array.from({ length: 8 }, () => new Int32Array(256)) as Tables;
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    made[0][byte] = crc;
  }
  for (let k = 1; k < 8; k += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const shorter = made[k - 1]![byte]!;
      made[k]![byte] = (shorter >>> 8) ^ made[0][shorter & 0xff]!;
    }
  }
  return made;
}
