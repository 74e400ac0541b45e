import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CabooseError } from '../../../src/core/errors.ts';
import { JuteReader, JuteWriter } from '../../../src/lease/zookeeper/jute.ts';
import {
  bodies,
  connectRequest,
  readConnectResponse,
  readMultiResponse,
  readReplyHeader,
  readStat,
  readWatchEvent,
} from '../../../src/lease/zookeeper/protocol.ts';

const field = fc.oneof(
  fc.record({ type: fc.constant('int' as const), value: fc.integer() }),
  fc.record({ type: fc.constant('long' as const), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
  fc.record({ type: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({
    type: fc.constant('buffer' as const),
    value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({
    type: fc.constant('string' as const),
    value: fc.string({ unit: 'grapheme' }).filter((s) => s.isWellFormed()),
  }),
  fc.record({ type: fc.constant('strings' as const), value: fc.array(fc.string()) }),
);

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const writer = new JuteWriter();
      for (const { type, value } of fields) {
        if (type === 'int') writer.int(value);
        else if (type === 'long') writer.long(value);
        else if (type === 'boolean') writer.boolean(value);
        else if (type === 'buffer') writer.buffer(value);
        else if (type === 'string') writer.string(value);
        else writer.vector(value, (w, item) => w.string(item));
      }
      const reader = new JuteReader(writer.bytes());
      const read = fields.map(({ type }) => {
        if (type === 'strings') return reader.vector((r) => r.string());
        return reader[type]();
      });
      expect(read).toEqual(fields.map(({ value }) => value));
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('garbage is refused by a clear error, and never read past its end', () => {
  const readers = [
    (bytes: Buffer) => readConnectResponse(bytes),
    (bytes: Buffer) => readReplyHeader(new JuteReader(bytes)),
    (bytes: Buffer) => readWatchEvent(new JuteReader(bytes)),
    (bytes: Buffer) => readStat(new JuteReader(bytes)),
    (bytes: Buffer) => readMultiResponse(new JuteReader(bytes)),
  ];
  const outcome = (read: (bytes: Buffer) => unknown, bytes: Buffer): unknown => {
    try {
      read(bytes);
      return 'read';
    } catch (error) {
      return error instanceof CabooseError ? error.code : error;
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...readers), (bytes, read) => {
      expect(['read', 'ZOOKEEPER_BAD_FRAME']).toContain(outcome(read, Buffer.from(bytes)));
    }),
  );
});

test('a length that the frame cannot hold allocates nothing', () => {
  const hostile = new JuteWriter().int(0x7fffffff).bytes();
  for (const read of ['buffer', 'string'] as const) {
    expect(() => new JuteReader(hostile)[read]()).toThrow(/length 2147483647/);
  }
  expect(() => new JuteReader(hostile).vector((r) => r.int())).toThrow(/vector of length/);
  expect(() => new JuteReader(new JuteWriter().int(-2).bytes()).buffer()).toThrow(/length -2/);
});

test('null buffers, strings and vectors read as empty', () => {
  const reader = new JuteReader(new JuteWriter().int(-1).int(-1).int(-1).bytes());
  expect([reader.buffer(), reader.string(), reader.vector((r) => r.int())]).toEqual([
    Buffer.alloc(0),
    '',
    [],
  ]);
});

// Bytes written down by hand from zookeeper.jute, so that writer and reader cannot be wrong together.
test('a connect request has the layout of the protocol', () => {
  const bytes = connectRequest({ id: 1n, password: Buffer.alloc(16, 7), timeoutMs: 10_000, lastZxid: 258n });
  const expected = `00000000000000000000010200002710000000000000000100000010${'07'.repeat(16)}00`;
  expect(bytes.toString('hex')).toBe(expected);
});

test('a create request has the layout of the protocol', () => {
  const bytes = bodies.create('/a', Buffer.from('x'), 'ephemeralSequential', 'open');
  const world = `0000001f00000005${Buffer.from('world').toString('hex')}00000006${Buffer.from('anyone').toString('hex')}`;
  expect(bytes.toString('hex')).toBe(`000000022f61000000017800000001${world}00000003`);
});
