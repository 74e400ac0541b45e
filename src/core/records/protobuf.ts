/**
 * Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding/), as much of it as reading needs: a message as the
 * list of its fields, in order, each with its number and its value as it stands on the wire. What a number means is the caller's.
 */

/** `varint` and `fixed64` are whole in `bits`, unsigned; a `fixed32` in its low half. */
export type WireField =
  | { number: number; wire: 'varint' | 'fixed64' | 'fixed32'; bits: bigint }
  | { number: number; wire: 'bytes'; bytes: Buffer };

/** A message with more fields than this is none of ours. */
const fieldsMax = 100_000;
const wires = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The fields of a message; null if the bytes are not one whole message. */
export function readMessage(bytes: Buffer): WireField[] | null {
  const fields: WireField[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    if (tag === null || tag.value >> 3n === 0n || fields.length >= fieldsMax) return null;
    const number = Number(tag.value >> 3n);
    at = tag.end;
    switch (Number(tag.value & 7n)) {
      case wires.varint: {
        const varint = varintAt(bytes, at);
        if (varint === null) return null;
        fields.push({ number, wire: 'varint', bits: varint.value });
        at = varint.end;
        break;
      }
      case wires.fixed64:
        if (at + 8 > bytes.length) return null;
        fields.push({ number, wire: 'fixed64', bits: bytes.readBigUInt64LE(at) });
        at += 8;
        break;
      case wires.fixed32:
        if (at + 4 > bytes.length) return null;
        fields.push({ number, wire: 'fixed32', bits: BigInt(bytes.readUInt32LE(at)) });
        at += 4;
        break;
      case wires.bytes: {
        const length = varintAt(bytes, at);
        if (length === null || length.value > BigInt(bytes.length - length.end)) return null;
        at = length.end + Number(length.value);
        fields.push({ number, wire: 'bytes', bytes: bytes.subarray(length.end, at) });
        break;
      }
      default:
        return null; // Groups are of version 1 and in none of the formats that are read here.
    }
  }
  return fields;
}

/** At most ten bytes, the low 64 bits of them. */
function varintAt(bytes: Buffer, from: number): { value: bigint; end: number } | null {
  const first = bytes[from];
  if (first !== undefined && first < 0x80) return { value: BigInt(first), end: from + 1 };
  let value = 0n;
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[from + i];
    if (byte === undefined) return null;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: from + i + 1 };
  }
  return null;
}

/** The last field of that number: of a field that is not repeated it is the one that counts. */
export function lastField(fields: readonly WireField[], number: number): WireField | undefined {
  return fields.findLast((field) => field.number === number);
}

/** An int32 or int64; 0, its default, where it is not there. Over 2^53 it is near. */
export function integerOf(field: WireField | undefined): number {
  return field?.wire === 'varint' ? Number(BigInt.asIntN(64, field.bits)) : 0;
}

/** A double or float; null where there is none. */
export function floatOf(field: WireField | undefined): number | null {
  if (field === undefined || (field.wire !== 'fixed64' && field.wire !== 'fixed32')) return null;
  scratch.setBigUint64(0, field.bits);
  return field.wire === 'fixed64' ? scratch.getFloat64(0) : scratch.getFloat32(4);
}
const scratch = new DataView(new ArrayBuffer(8));

/** A string; null where there is none. */
export function textOf(field: WireField | undefined): string | null {
  return field?.wire === 'bytes' ? field.bytes.toString('utf8') : null;
}

/** The fields of a message within the message; none where it is absent or no message. */
export function messageOf(field: WireField | undefined): WireField[] {
  return (field?.wire === 'bytes' ? readMessage(field.bytes) : null) ?? [];
}

/** The messages of a repeated field. */
export function messagesOf(fields: readonly WireField[], number: number): WireField[][] {
  return fields.filter((field) => field.number === number).map(messageOf);
}

/** The first number of a repeated field, packed or not; null where there is none. */
export function firstNumber(
  fields: readonly WireField[],
  number: number,
  type: 'integer' | 'double' | 'float',
): number | null {
  const field = fields.find((field) => field.number === number);
  if (field?.wire !== 'bytes') return type === 'integer' && field ? integerOf(field) : floatOf(field);
  const { bytes } = field;
  if (type === 'integer') {
    const varint = varintAt(bytes, 0);
    return varint === null ? null : integerOf({ number, wire: 'varint', bits: varint.value });
  }
  if (bytes.length < (type === 'double' ? 8 : 4)) return null;
  return type === 'double' ? bytes.readDoubleLE(0) : bytes.readFloatLE(0);
}
