import { describe, expect, it } from 'vitest';
import { segmentBytesMax } from '../../src/core/segment.ts';
import { anchorBytesMax } from '../../src/tail/identity.ts';
import { ReadBuffers } from '../../src/tail/read-buffers.ts';

const most = segmentBytesMax + anchorBytesMax;

describe('read buffers', () => {
  it.each([0, 1, 65_535, 65_536, 131_072, 131_073, 300_000, 600_000, most, most + 1])(
    'give %d bytes, of not much more than that',
    (length) => {
      const bytes = new ReadBuffers().take(length);
      expect(bytes.length).toBe(length);
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(2 * length);
    },
  );

  it('are used again, for whatever fits into the same size', () => {
    const buffers = new ReadBuffers();
    const first = buffers.take(200_000);
    expect(buffers.take(200_000).buffer).not.toBe(first.buffer);
    buffers.giveBack(first.subarray(5, 9));
    expect(buffers.take(100_000).buffer).not.toBe(first.buffer);
    expect(buffers.take(140_000).buffer).toBe(first.buffer);
  });

  it('are lent to one at a time, whatever is given back', () => {
    const buffers = new ReadBuffers();
    const first = buffers.take(100_000);
    buffers.giveBack(first);
    buffers.giveBack(first);
    buffers.giveBack(Buffer.allocUnsafeSlow(131_072));
    const [second, third] = [buffers.take(100_000), buffers.take(100_000)];
    expect(second.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(first.buffer);
  });

  it('are kept up to what is under way by default', () => {
    const buffers = new ReadBuffers();
    const taken = Array.from({ length: 20 }, () => buffers.take(most));
    for (const bytes of taken) buffers.giveBack(bytes);
    const again = new Set(Array.from({ length: 20 }, () => buffers.take(most).buffer));
    expect(taken.filter(({ buffer }) => again.has(buffer))).toHaveLength(9);
  });
});
