import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { beginsWithTextLine, binaryHeadBytes, isBinaryHead } from '../../src/events/binary.ts';

/** A 64-bit little-endian length, as tfevents and safetensors begin. */
function lengthHead(length: bigint): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(length);
  return head;
}

describe('isBinaryHead', () => {
  it.each<[string, Buffer]>([
    ['gzip', gzipSync('text')],
    ['zstd', zstdCompressSync('text')],
    ['pickle', Buffer.from([0x80, 0x04, 0x95, 0, 0, 0, 0, 0])],
    ['torch.save', Buffer.from('PK\u0003\u0004....')],
    ['numpy', Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1')],
    ['tfevents', lengthHead(24n)],
    ['safetensors', lengthHead(8_000n)],
    ['wandb', Buffer.from(':W&B\u00e1\u00be\u0000\u0001', 'latin1')],
  ])('%s', (_, head) => expect(isBinaryHead(head.subarray(0, binaryHeadBytes))).toBe(true));

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['ASCII', Buffer.from('step 1: loss 4.2')],
    ['UTF-8', Buffer.from('étape 1')],
    ['a byte order mark', Buffer.from('\ufeffstep 1')],
    ['ANSI colours', Buffer.from('\u001b[32mINFO\u001b[0m')],
    ['a zip by name alone', Buffer.from('PK files ')],
    ['a hole', Buffer.alloc(8)],
    ['a hole with text behind it', Buffer.from('\0\0\0\0text')],
    ['UTF-16', Buffer.from('step', 'utf16le')],
    ['a length without its high half', lengthHead(24n).subarray(0, 7)],
    ['a length that no record has', lengthHead(2n ** 40n)],
    ['Latin-1', Buffer.from([0x80, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67])],
  ])('not %s', (_, head) => expect(isBinaryHead(head.subarray(0, binaryHeadBytes))).toBe(false));
});

it.each([
  ['loss\n', true],
  ['a\tb\r\n', true],
  ['été\n', true],
  ['loss', false],
  ['\n', false],
  // Line ends that could be the first byte of a record length.
  ['ab\n', false],
  ['a\0bc\n', false],
  ['', false],
])('%j begins with a line of text: %s', (text, expected) => {
  expect(beginsWithTextLine(Buffer.from(text))).toBe(expected);
});
