/** The one value of a TensorProto (tensorflow/core/framework: tensor.proto, tensor_shape.proto, types.proto). */
import {
  firstNumber,
  integerOf,
  lastField,
  messageOf,
  messagesOf,
  textOf,
} from '../core/records/protobuf.ts';
import type { WireField } from '../core/records/protobuf.ts';

type Message = readonly WireField[];

interface Type {
  /** The field that has the values if `tensor_content` has not, and how they stand there. */
  field: number;
  wire: 'integer' | 'double' | 'float';
  /** Bytes of a value in `tensor_content`, little-endian. */
  size: number;
  read(bytes: Buffer): number;
  /** A value of the field that is no number yet. */
  decode?(bits: number): number;
}

/** DataType → how its values are written. */
const types: Readonly<Record<number, Type>> = {
  1: { field: 5, wire: 'float', size: 4, read: (bytes) => bytes.readFloatLE() },
  2: { field: 6, wire: 'double', size: 8, read: (bytes) => bytes.readDoubleLE() },
  3: { field: 7, wire: 'integer', size: 4, read: (bytes) => bytes.readInt32LE() },
  4: { field: 7, wire: 'integer', size: 1, read: (bytes) => bytes.readUInt8() },
  5: { field: 7, wire: 'integer', size: 2, read: (bytes) => bytes.readInt16LE() },
  6: { field: 7, wire: 'integer', size: 1, read: (bytes) => bytes.readInt8() },
  9: { field: 10, wire: 'integer', size: 8, read: (bytes) => Number(bytes.readBigInt64LE()) },
  10: { field: 11, wire: 'integer', size: 1, read: (bytes) => bytes.readUInt8() },
  14: { field: 13, wire: 'integer', size: 2, read: (bytes) => bfloat(bytes.readUInt16LE()), decode: bfloat },
  17: { field: 7, wire: 'integer', size: 2, read: (bytes) => bytes.readUInt16LE() },
  19: { field: 13, wire: 'integer', size: 2, read: (bytes) => half(bytes.readUInt16LE()), decode: half },
  22: { field: 16, wire: 'integer', size: 4, read: (bytes) => bytes.readUInt32LE() },
  23: { field: 17, wire: 'integer', size: 8, read: (bytes) => Number(bytes.readBigUInt64LE()) },
};
const stringType = 7;
const stringField = 8;

/** The number of a tensor that holds one; null for any other. `isScalar`: it is said to be one, so that `[1]` is a fine shape, too. */
export function tensorNumber(tensor: Message, isScalar: boolean): number | null {
  const type = types[integerOf(lastField(tensor, 1))];
  const sizes = messagesOf(messageOf(lastField(tensor, 2)), 2).map((size) => integerOf(lastField(size, 1)));
  if (type === undefined || !(isScalar ? sizes.every((size) => size === 1) : sizes.length === 0)) return null;
  const content = lastField(tensor, 4);
  if (content?.wire === 'bytes' && content.bytes.length > 0)
    return content.bytes.length >= type.size ? type.read(content.bytes) : null;
  // Without a value it is zero: tensor_util.make_ndarray.
  const value = firstNumber(tensor, type.field, type.wire) ?? 0;
  return type.decode === undefined ? value : type.decode(value);
}

/** The first text of a tensor of texts; null if it has none. */
export function tensorText(tensor: Message): string | null {
  if (integerOf(lastField(tensor, 1)) !== stringType) return null;
  return textOf(tensor.find(({ number }) => number === stringField));
}

function bfloat(bits: number): number {
  scratch.setUint32(0, (bits & 0xffff) * 0x1_0000);
  return scratch.getFloat32(0);
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (fraction + 0x400) * 2 ** (exponent - 25));
}
const scratch = new DataView(new ArrayBuffer(4));
