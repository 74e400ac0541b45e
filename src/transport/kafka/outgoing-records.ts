import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Message } from 'kafkajs';

/** Headers as texts, as we write them. */
export type OutgoingMessage = Message & { headers?: Record<string, string> };

export interface OutgoingRecord {
  topic: string;
  partition: number;
  /** Called once; its result replaces it. */
  encode: (() => OutgoingMessage) | null;
  encoded: OutgoingMessage | null;
  bytes: number;
  /** Goes in a send of its own: with others it was too large. */
  alone: boolean;
  resolve: () => void;
  reject: (error: Error) => void;
}

const sendBytesMax = 900 * 1024;
const sendRecordsMax = 1000;
/** Encoding is synchronous: after so many encoded bytes sockets and timers get their turn. A segment has more, dozens of facts have less. */
const turnBytes = 8 * 1024;

/**
 * The records of one lane that wait to be sent, in order, and of them the next send: records of one partition, encoded, up to
 * `sendBytesMax` (a broker's limit counts the batch).
 */
export class OutgoingRecords {
  #waiting: OutgoingRecord[] = [];
  #ready: OutgoingRecord[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length + this.#ready.length === 0;
  }

  get isReady(): boolean {
    return this.#ready.length > 0;
  }

  add(record: OutgoingRecord): void {
    this.#waiting.push(record);
  }

  /** The next send. */
  takeReady(): OutgoingRecord[] {
    return this.#ready.splice(0);
  }

  /** The send failed: it comes again before everything else. */
  putBack(records: readonly OutgoingRecord[]): void {
    this.#waiting.unshift(...records, ...this.#ready.splice(0));
  }

  takeAll(): OutgoingRecord[] {
    return [...this.#ready.splice(0), ...this.#waiting.splice(0)];
  }

  /** Makes the next send ready: the oldest waiting record, and those of the same partition that fit with it, encoded. */
  async prepare(signal: AbortSignal): Promise<void> {
    let bytes = this.#ready.reduce((sum, record) => sum + record.bytes, 0);
    let sinceTurn = 0;
    for (let i = 0; i < this.#waiting.length && this.#ready.length < sendRecordsMax;) {
      const record = this.#waiting[i]!;
      const first = this.#ready[0] ?? record;
      if (record.topic !== first.topic || record.partition !== first.partition) {
        i += 1;
        continue;
      }
      if (!encode(record)) {
        this.#waiting.splice(i, 1);
        continue;
      }
      const isAlone = record.alone || first.alone;
      if (this.#ready.length > 0 && (isAlone || bytes + record.bytes > sendBytesMax)) break;
      bytes += record.bytes;
      this.#ready.push(record);
      this.#waiting.splice(i, 1);
      sinceTurn += record.bytes;
      if (sinceTurn < turnBytes) continue;
      sinceTurn = 0;
      await nextTurn();
      if (signal.aborted) break;
    }
  }
}

/** False when it cannot be encoded; its caller has been told then. */
function encode(record: OutgoingRecord): boolean {
  if (record.encode === null) return true;
  try {
    record.encoded = record.encode();
    record.encode = null;
    record.bytes = encodedBytes(record.encoded);
    return true;
  } catch (error) {
    record.reject(error instanceof Error ? error : new Error(String(error)));
    return false;
  }
}

/** As Kafka's record batch counts it, rounded up. */
function encodedBytes(message: OutgoingMessage): number {
  let bytes = 100 + (message.key?.length ?? 0) + (message.value?.length ?? 0);
  for (const [name, text] of Object.entries(message.headers ?? {}))
    bytes += 10 + name.length + Buffer.byteLength(text);
  return bytes;
}
