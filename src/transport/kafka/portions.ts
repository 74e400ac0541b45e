import type { KafkaMessage } from 'kafkajs';

/** Four batches may be worked on at once (subscriber.ts): what they unpack to has to fit into memory. */
const rawBytesMax = 8 * 1024 * 1024;

/**
 * The records of a fetch in portions of their order, at least one. A fetch is bounded in bytes as they are carried, and a megabyte of
 * them may be more than a gigabyte of raw ones: a file that repeats itself. What a record unpacks to is read off its headers; if they
 * lie, unpacking it fails.
 */
export function portionsOf(messages: readonly KafkaMessage[]): KafkaMessage[][] {
  const portions: KafkaMessage[][] = [];
  let portion: KafkaMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const next = rawBytes(message);
    if (portion.length > 0 && bytes + next > rawBytesMax) {
      portions.push(portion);
      portion = [];
      bytes = 0;
    }
    portion.push(message);
    bytes += next;
  }
  return [...portions, portion];
}

/** A gap has a range, and no bytes. A record without a range, as facts are, is what it is. */
function rawBytes({ headers, value }: KafkaMessage): number {
  const carried = value?.length ?? 0;
  if (carried === 0) return 0;
  const range = Number(headers?.['end']) - Number(headers?.['start']);
  return range > carried ? range : carried;
}
