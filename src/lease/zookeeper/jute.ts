/**
 * Jute, ZooKeeper's serialisation: big-endian integers; buffers, strings and vectors behind an int32 length, -1 = null.
 * Source: zookeeper-jute, org.apache.jute.BinaryInputArchive and BinaryOutputArchive.
 *
 * Failure rule: a reader never reads past its frame and never allocates by a length that the frame cannot hold; what does
 * not fit throws ZOOKEEPER_BAD_FRAME, and the connection is dropped.
 */
import { CabooseError } from '../../core/errors.ts';

export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.#push(part);
  }

  long(value: bigint): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(value);
    return this.#push(part);
  }

  boolean(value: boolean): this {
    return this.#push(Buffer.from([value ? 1 : 0]));
  }

  buffer(value: Buffer): this {
    return this.int(value.length).#push(value);
  }

  string(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'));
  }

  vector<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.int(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** What was written, without a frame length. */
  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #push(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
}

export class JuteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  boolean(): boolean {
    const value = this.#bytes[this.#take(1)];
    if (value !== 0 && value !== 1) throw badFrame(`a boolean of ${value}`);
    return value === 1;
  }

  /** A null buffer reads as an empty one: nothing that a lease asks for tells them apart. */
  buffer(): Buffer {
    const length = this.#length('buffer');
    const start = this.#take(length);
    return Buffer.from(this.#bytes.subarray(start, start + length));
  }

  string(): string {
    const length = this.#length('string');
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  vector<T>(read: (reader: this) => T): T[] {
    const count = this.#length('vector');
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) items.push(read(this));
    return items;
  }

  /** Every element takes at least one byte, so a count beyond what remains is a lie as well. */
  #length(what: string): number {
    const length = this.int();
    if (length < -1 || length > this.remaining) throw badFrame(`a ${what} of length ${length}`);
    return Math.max(0, length);
  }

  #take(count: number): number {
    if (count > this.remaining) throw badFrame(`${count} bytes wanted, ${this.remaining} there`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}

export function badFrame(detail: string): CabooseError {
  return new CabooseError(
    'ZOOKEEPER_BAD_FRAME',
    `the server sent what is not ZooKeeper's protocol: ${detail}`,
    {
      hint: "check that the address is ZooKeeper's client port",
      retriable: true,
    },
  );
}
