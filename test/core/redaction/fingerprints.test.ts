import { afterEach, describe, expect, it, vi } from 'vitest';
import { eachFingerprint } from '../../../src/core/redaction/fingerprints.ts';

function found(bytes: Buffer): number[] {
  const positions: number[] = [];
  eachFingerprint(bytes, (at) => positions.push(at));
  return positions;
}

afterEach(() => vi.unstubAllGlobals());

describe('the search for fingerprints', () => {
  it('finds each at every position, over the steps and up to the end', () => {
    for (let at = 0; at < 70; at += 1) {
      for (const text of ['hf_a', 'key=', 'KEY:', 'sk-A', '://x', 'AKIA', 'eyJh', 'sswo', 'cret', 'xoxb']) {
        const bytes = Buffer.alloc(at, '.');
        expect(found(Buffer.concat([bytes, Buffer.from(text)]))).toEqual([at]);
        expect(found(Buffer.concat([bytes, Buffer.from(text), Buffer.alloc(at, '.')]))).toEqual([at]);
        const part = Buffer.from(text.slice(1));
        expect(found(Buffer.concat([bytes, part, Buffer.from('.')]))).toEqual([]);
      }
    }
  });

  it('does not see what a longer text before has left behind', () => {
    found(Buffer.alloc(200, 'hf_a'));
    expect(found(Buffer.from('hf_'))).toEqual([]);
    expect(found(Buffer.alloc(0))).toEqual([]);
  });

  it('finds all of very many, in order, each once', () => {
    const positions = found(Buffer.alloc(400_000, 'hf_a'));
    expect(positions).toEqual(Array.from({ length: 100_000 }, (_, i) => 4 * i));
  });

  it('refuses more than a segment and what is before it', () => {
    expect(() => found(Buffer.alloc(1_000_000))).toThrow(RangeError);
  });

  it('tells what to do where there is no WebAssembly', async () => {
    vi.resetModules();
    vi.stubGlobal('WebAssembly', undefined);
    const fresh = await import('../../../src/core/redaction/fingerprints.ts');
    expect(() => fresh.eachFingerprint(Buffer.alloc(1), () => undefined)).toThrow(
      expect.objectContaining({ code: 'NO_WEBASSEMBLY', hint: expect.stringContaining('source.redact') }),
    );
  });
});
