import { crc32 } from 'node:zlib';
import { crc32c } from '../../../src/core/crc32c.ts';

/** A record as TFRecord files have it. */
export function tfRecord(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(data.length);
  return Buffer.concat([length, maskedSum(length), data, maskedSum(data)]);
}

function maskedSum(bytes: Buffer): Buffer {
  const crc = crc32c(bytes);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return sum;
}

const blockBytes = 32 * 1024;
const chunkHeadBytes = 7;

/** A W&B log of these records, with its head. */
export function wandbLog(records: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (bytes: Buffer) => {
    parts.push(bytes);
    at += bytes.length;
  };
  add(Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]));
  for (const data of records) {
    for (let from = 0, isFirst = true; isFirst || from < data.length; isFirst = false) {
      const room = blockBytes - (at % blockBytes);
      if (room < chunkHeadBytes) {
        add(Buffer.alloc(room));
        continue;
      }
      const piece = data.subarray(from, from + room - chunkHeadBytes);
      from += piece.length;
      const isLast = from === data.length;
      add(chunk(isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3, piece));
    }
  }
  return Buffer.concat(parts);
}

function chunk(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(chunkHeadBytes);
  head.writeUInt32LE(crc32(Buffer.concat([Buffer.from([type]), data])), 0);
  head.writeUInt16LE(data.length, 4);
  head[6] = type;
  return Buffer.concat([head, data]);
}

/** A field of a message: a text, a message, or a number as a varint. */
export function field(number: number, value: string | Buffer | number): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

export function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

/** TensorBoard's Event with a Summary of one text (`add_text`). */
export function textEvent(step: number, tag: string, text: string): Buffer {
  const metadata = message(field(1, message(field(1, 'text'))));
  const tensor = message(field(1, 7), field(2, message(field(2, message(field(1, 1))))), field(8, text));
  const value = message(field(1, tag), field(9, metadata), field(8, tensor));
  return message(field(2, step), field(5, message(field(1, value))));
}

/** One that holds the hyperparameters of a run (`add_hparams`). */
export function hyperparametersEvent(values: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(values).map(([name, text]) =>
    field(1, message(field(1, name), field(2, message(field(3, text))))),
  );
  const content = message(field(3, message(...entries)));
  const plugin = message(field(1, 'hparams'), field(2, content));
  const value = message(field(1, '_hparams_/session_start_info'), field(9, message(field(1, plugin))));
  return message(field(2, 0), field(5, message(field(1, value))));
}

/** W&B's Record with the config of a run; values are JSON. */
export function configRecord(values: Readonly<Record<string, unknown>>): Buffer {
  const items = Object.entries(values).map(([key, value]) =>
    field(1, message(field(1, key), field(16, JSON.stringify(value)))),
  );
  return message(field(1, 7), field(5, message(...items)));
}

/** One with a piece of the console's output. */
export function outputRecord(line: string): Buffer {
  return message(field(1, 8), field(4, message(field(1, 1), field(3, line))));
}
