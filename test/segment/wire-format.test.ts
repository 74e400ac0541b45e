import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CabooseError } from '../../src/core/errors.ts';
import { segmentBytesMax } from '../../src/core/segment.ts';
import { compressionLevels } from '../../src/segment/compression.ts';
import { codecs, decodeHeader, decodeSegment, encodeSegment } from '../../src/segment/wire-format.ts';
import type { ReceivedRecord } from '../../src/segment/wire-format.ts';
import { arbitrarySegment, exampleSegment } from './arbitrary-segment.ts';

describe('round trip', () => {
  test('any segment comes back as it was', () => {
    fc.assert(
      fc.property(arbitrarySegment, fc.constantFrom(...codecs), (segment, codec) => {
        const record = encodeSegment(segment, { codec });
        expect(decodeSegment(record)).toEqual(segment);
        const { bytes: _, ...header } = segment;
        expect(decodeHeader(record)).toEqual(header);
      }),
    );
  });

  test('all headers survive as bytes of UTF-8', () => {
    fc.assert(
      fc.property(arbitrarySegment, (segment) => {
        for (const text of Object.values(encodeSegment(segment).headers)) {
          expect(Buffer.from(text).toString()).toBe(text);
        }
      }),
    );
  });

  test('the largest segment, compressible and not', () => {
    for (const bytes of [Buffer.alloc(segmentBytesMax, 'a line of a log\n'), randomBytes(segmentBytesMax)]) {
      expect(decodeSegment(encodeSegment(exampleSegment({ bytes }))).bytes.equals(bytes)).toBe(true);
    }
  });

  test.each(compressionLevels)('at level %s what is sent is a frame like any other', (level) => {
    const line = '2026-01-01T00:00:00Z INFO step 17 loss 2.51234 of rank 3';
    const text = Array.from({ length: 20_000 }, (_, i) => `${line} ${i * 7919}\n`).join('');
    const bytes = Buffer.from(text).subarray(0, segmentBytesMax);
    const segment = exampleSegment({ start: 0, end: bytes.length, bytes });
    const record = encodeSegment(segment, { level });
    expect(record.headers['codec']).toBe('zstd');
    expect(record.value.length).toBeLessThan(bytes.length / 2);
    expect(decodeSegment(record).bytes.equals(bytes)).toBe(true);
  });

  test('bytes that do not shrink go with codec none', () => {
    expect(encodeSegment(exampleSegment({ bytes: randomBytes(5000) })).headers['codec']).toBe('none');
    expect(encodeSegment(exampleSegment()).headers['codec']).toBe('zstd');
  });

  test('a label named __proto__ stays a label', () => {
    const labels = Object.fromEntries([['__proto__', 'x']]);
    expect(Object.entries(decodeHeader(encodeSegment(exampleSegment({ labels }))).labels)).toEqual([
      ['__proto__', 'x'],
    ]);
  });
});

describe('the writer refuses', () => {
  test.each([
    ['a wrong length', { end: 7, start: 0 }],
    ['a range that runs backwards', { start: 10, end: 5 }],
    ['a fractional offset', { start: 0.5, end: 1.5, bytes: Buffer.from('x') }],
    ['a gap with bytes', { gap: 'hole' as const }],
    ['a stream id of other shape', { stream: 'nope' }],
    ['a time before 1970', { created: -1 }],
    ['too many labels', { labels: { text: 'x'.repeat(70_000) } }],
  ])('%s', (_name, over) => {
    expect(codeOf(() => encodeSegment(exampleSegment(over)))).toBe('SEGMENT_INVALID');
  });
});

describe('hostile input', () => {
  const good = encodeSegment(exampleSegment());
  const withHeader = (name: string, value: string | string[] | undefined): ReceivedRecord => ({
    ...good,
    headers: { ...good.headers, [name]: value },
  });

  test.each([
    ['no headers', { ...good, headers: {} }, 'SEGMENT_HEADER'],
    ['a missing header', withHeader('path', undefined), 'SEGMENT_HEADER'],
    ['a header that came twice', withHeader('start', ['1', '2']), 'SEGMENT_HEADER'],
    ['a negative offset', withHeader('start', '-1'), 'SEGMENT_HEADER'],
    ['an offset past the safe integers', withHeader('end', '9999999999999999'), 'SEGMENT_HEADER'],
    ['a hexadecimal offset', withHeader('start', '0x10'), 'SEGMENT_HEADER'],
    ['a time of NaN', withHeader('observed', 'NaN'), 'SEGMENT_HEADER'],
    ['labels that are a list', withHeader('labels', '[]'), 'SEGMENT_HEADER'],
    ['labels that are no JSON', withHeader('labels', '{'), 'SEGMENT_HEADER'],
    ['labels with numbers', withHeader('labels', '{"a":1}'), 'SEGMENT_HEADER'],
    ['an unknown gap', withHeader('gap', 'eaten'), 'SEGMENT_HEADER'],
    ['a flag of 0', withHeader('final', '0'), 'SEGMENT_HEADER'],
    ['a garbled checksum', withHeader('sum', 'xyz'), 'SEGMENT_HEADER'],
    ['a garbled version', withHeader('v', 'one'), 'SEGMENT_HEADER'],
    ['a newer version', withHeader('v', '2'), 'SEGMENT_VERSION'],
    ['start behind end', withHeader('start', '90000'), 'SEGMENT_RANGE'],
    ['a range that is too large', withHeader('end', String(200 + segmentBytesMax)), 'SEGMENT_RANGE'],
    ['another key', { ...good, key: 'cd'.repeat(16) }, 'SEGMENT_KEY'],
    ['no key', { ...good, key: null }, 'SEGMENT_KEY'],
    ['an unknown codec', withHeader('codec', 'brotli'), 'SEGMENT_CODEC'],
    ['a value that is not zstd', { ...good, value: Buffer.from('hello') }, 'SEGMENT_CODEC'],
    ['no value', { ...good, value: null }, 'SEGMENT_LENGTH'],
    ['a value cut short', { ...good, value: good.value.subarray(0, -3) }, 'SEGMENT_LENGTH|SEGMENT_CODEC'],
    ['a wrong checksum', withHeader('sum', '00000000'), 'SEGMENT_CHECKSUM'],
    [
      'a flipped bit in a frame',
      { ...good, value: flipped(good.value, good.value.length - 1) },
      'SEGMENT_CHECKSUM',
    ],
    ['a frame without the checksum that is promised', { ...good, value: unchecked() }, 'SEGMENT_CHECKSUM'],
    ['a raw value that cannot check itself', rawWith({ sum: 'codec' }), 'SEGMENT_CHECKSUM'],
    ['a flipped bit in a raw value', rawWith({}, 3), 'SEGMENT_CHECKSUM'],
    ['a range longer than the bytes', withHeader('end', '901'), 'SEGMENT_LENGTH'],
    ['a gap with bytes', withHeader('gap', 'hole'), 'SEGMENT_LENGTH'],
  ])('%s', (_name, record, code) => {
    expect(codeOf(() => decodeSegment(record))).toMatch(new RegExp(`^(${code})$`));
  });

  function flipped(value: Buffer, at: number): Buffer {
    const copy = Buffer.from(value);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  }
  function unchecked(): Buffer {
    return zstdCompressSync(exampleSegment().bytes);
  }
  function rawWith(headers: Record<string, string>, flipAt?: number): ReceivedRecord {
    const raw = encodeSegment(exampleSegment(), { codec: 'none' });
    const value = flipAt === undefined ? raw.value : flipped(raw.value, flipAt);
    return { ...raw, value, headers: { ...raw.headers, ...headers } };
  }

  test('a newer version says so', () => {
    expect(() => decodeSegment(withHeader('v', '12'))).toThrow(/newer Caboose/);
  });

  test('a decompression bomb is refused without being unpacked', () => {
    const bomb = { ...good, value: zstdCompressSync(Buffer.alloc(256 * 1024 * 1024)) };
    const before = process.memoryUsage.rss();
    expect(codeOf(() => decodeSegment(bomb))).toBe('SEGMENT_LENGTH');
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('arbitrary garbage never throws anything but a CabooseError with a hint', () => {
    const garbage = fc.record({
      key: fc.option(fc.string()),
      value: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
      headers: fc
        .dictionary(
          fc.oneof(fc.constantFrom(...Object.keys(good.headers), 'gap', 'final', 'previous'), fc.string()),
          fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string()), fc.constantFrom('1', '0', '{}')),
        )
        .chain((noise) => fc.constantFrom(noise, { ...good.headers, ...noise })),
    });
    fc.assert(
      fc.property(garbage, (record) => {
        // codeOf throws on whatever is no CabooseError with a hint.
        const code = codeOf(() => decodeSegment({ ...record, key: record.key ?? good.key }));
        expect(code ?? 'a segment').toMatch(/^(a segment|SEGMENT_[A-Z]+)$/);
      }),
      { numRuns: 500 },
    );
  });

  test('any single flipped bit of the value is noticed', () => {
    fc.assert(
      fc.property(fc.nat({ max: good.value.length * 8 - 1 }), (bit) => {
        const value = Buffer.from(good.value);
        value.writeUInt8(value.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        let decoded: Buffer | undefined;
        const code = codeOf(() => (decoded = decodeSegment({ ...good, value }).bytes));
        // A frame header has bits without a meaning for the bytes; what decodes must be what was sent.
        const outcome = code ?? (decoded?.equals(exampleSegment().bytes) ? 'as sent' : 'other bytes');
        expect(outcome).toMatch(/^(as sent|SEGMENT_(CODEC|LENGTH|CHECKSUM))$/);
      }),
    );
  });
});

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof CabooseError && (error.hint || error.code === 'SEGMENT_INVALID')) return error.code;
    throw error;
  }
}
