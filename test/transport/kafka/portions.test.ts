import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { portionsOf } from '../../../src/transport/kafka/portions.ts';

const mebibyte = 1024 * 1024;

function message(start: number | null, end: number, carried = 100): KafkaMessage {
  const range = start === null ? {} : { start: Buffer.from(String(start)), end: String(end) };
  return { offset: '0', headers: range, value: Buffer.alloc(carried) } as unknown as KafkaMessage;
}

const sizes = (messages: readonly KafkaMessage[]) => portionsOf(messages).map(({ length }) => length);

describe('the portions of a fetch', () => {
  it('is one for what a fetch usually unpacks to, also for none', () => {
    expect(portionsOf([])).toEqual([[]]);
    const messages = Array.from({ length: 100 }, (_, i) => message(i * 60_000, (i + 1) * 60_000, 8_000));
    expect(portionsOf(messages)).toEqual([messages]);
  });

  it('bounds what records unpack to, however small they are carried', () => {
    const messages = Array.from({ length: 1_000 }, (_, i) => message(i * 880_000, (i + 1) * 880_000));
    const portions = portionsOf(messages);
    expect(portions.flat()).toEqual(messages);
    expect(Math.max(...portions.map(({ length }) => length)) * 880_000).toBeLessThanOrEqual(8 * mebibyte);
    expect(Math.min(...portions.map(({ length }) => length))).toBeGreaterThan(0);
  });

  it('takes one that is larger than a portion by itself', () => {
    expect(sizes([message(0, 5), message(5, 20 * mebibyte), message(0, 5)])).toEqual([1, 1, 1]);
  });

  it('counts a gap as nothing, and a record without a range as what it is', () => {
    expect(sizes([message(0, 50 * mebibyte, 0), message(0, 50 * mebibyte, 0)])).toEqual([2]);
    expect(sizes([message(null, 0, 5 * mebibyte), message(null, 0, 5 * mebibyte)])).toEqual([1, 1]);
  });
});
