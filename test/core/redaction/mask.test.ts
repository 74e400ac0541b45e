import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookBackBytes, mask, rulesOf, safeLength } from '../../../src/core/redaction/mask.ts';
import type { Rules } from '../../../src/core/redaction/mask.ts';
import { body, healthyTexts, hfToken, secretTexts } from './secret-texts.ts';

const rules = rulesOf([]);

function whole(text: string | Buffer, by = rules) {
  return mask({ window: Buffer.from(text), from: 0, offset: 0 }, by);
}

/** «secret» → the text, and the text with as many stars. */
function read(marked: string): { text: string; masked: string } {
  const text = marked.replaceAll(/[«»]/g, '');
  const masked = marked.replaceAll(/«([^»]*)»/g, (_, secret: string) => '*'.repeat(secret.length));
  return { text, masked };
}

/** Each cut with what an agent looks at before it. */
function maskCuts(bytes: Buffer, ends: readonly number[], by: Rules = rules): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    const offset = Math.max(0, start - lookBackBytes);
    parts.push(mask({ window: bytes.subarray(offset, end), from: start - offset, offset }, by).bytes);
    start = end;
  }
  return Buffer.concat(parts);
}

describe('secrets', () => {
  it.each(secretTexts)('are masked in %j', (marked, ...kinds) => {
    const { text, masked } = read(marked);
    for (const [before, behind] of [
      ['', '\n'],
      ['2026-01-01 INFO ', '\n'],
      ['', ''],
    ] as const) {
      const got = whole(before + text + behind);
      // An environment's line is known by its beginning.
      if (before !== '' && /^[A-Z_]+=.*[,;]/.test(text)) continue;
      expect(got.bytes.toString()).toBe(before + masked + behind);
      expect(got.secrets.map(({ kind }) => kind)).toEqual(kinds);
    }
  });

  it.each(healthyTexts)('are not seen in %j', (text) => {
    const got = whole(`${text}\n`);
    expect(got.bytes.toString()).toBe(`${text}\n`);
    expect(got.secrets).toEqual([]);
  });

  it('cost no copy where there are none', () => {
    const window = Buffer.from('step 1 loss 2.5\n');
    expect(mask({ window, from: 7, offset: 0 }, rules).bytes.buffer).toBe(window.buffer);
  });

  it('are all found where there are very many', () => {
    const line = `password=hunter2 ${'ken=ken=ken='.repeat(20)} ${hfToken}\n`;
    const many = whole(line.repeat(3000));
    expect(many.secrets.length).toBe(6000);
    expect(many.bytes.includes('hunter2')).toBe(false);
    expect(many.bytes.includes(hfToken)).toBe(false);
  });

  it('are masked in UTF-16', () => {
    for (const swap of [false, true]) {
      const { text, masked } = read(`épochs 1: password=«hunter2» und «${hfToken}» ende\n`);
      const wide = (of: string) => {
        const bytes = Buffer.from(`\ufeff${of}`, 'utf16le');
        return swap ? bytes.swap16() : bytes;
      };
      expect(whole(wide(text)).bytes.equals(wide(masked))).toBe(true);
      // A cut behind the first byte of a line end.
      expect(maskCuts(wide(text), [25]).equals(wide(masked))).toBe(true);
    }
  });

  it('leave any bytes as long as they are', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...secretTexts.map(([text]) => text),
        'token',
        'key=',
        '://',
        'eyJ',
        '-----BEGIN',
        'E KEY',
        '\\"',
        '\n',
      ),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const bytes = Buffer.from(pieces.join(''));
        const got = whole(bytes).bytes;
        expect(got.length).toBe(bytes.length);
        expect(got.every((byte, at) => byte === 0x2a || byte === bytes[at])).toBe(true);
      }),
    );
  });
});

const lines = fc
  .array(
    fc.oneof(
      fc.constantFrom(...secretTexts.map(([text]) => read(text).text)),
      fc.constantFrom(...healthyTexts),
      fc.constantFrom('', 'x', '     "'),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .chain((texts) =>
    fc.constantFrom('\n', ' ', ', ').map((between) => Buffer.from(`${texts.join(between)}\n`)),
  );

describe('masked bytes', () => {
  it('are the same however lines are cut', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat(30), { maxLength: 30 }), (bytes, skips) => {
        const lineEnds = [...bytes.entries()].flatMap(([at, byte]) => (byte === 0x0a ? [at + 1] : []));
        const ends = lineEnds.filter((_, i) => (skips[i] ?? 0) % 2 === 0);
        expect(maskCuts(bytes, ends).toString()).toBe(whole(bytes).bytes.toString());
      }),
    );
  });

  it('are the same however lines are cut in their middle, where that is safe', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 12 }), (bytes, lengths) => {
        const ends: number[] = [];
        let start = 0;
        for (const length of lengths) {
          // As the agent does: what may be the beginning of a secret waits for more.
          const end = Math.min(bytes.length, start + length);
          const offset = Math.max(0, start - lookBackBytes);
          const cut = { window: bytes.subarray(offset, end), from: start - offset, offset };
          const safe = start + safeLength(cut, rules);
          if (safe <= start) continue;
          ends.push((start = safe));
        }
        expect(maskCuts(bytes, ends).toString()).toBe(whole(bytes).bytes.toString());
      }),
      { numRuns: 300 },
    );
  });

  it('show no part of a token, wherever it is cut', () => {
    const bytes = Buffer.from(`x ${hfToken} y password=hunter2, z ghp_${body(36)} end\n`);
    const masked = whole(bytes).bytes;
    for (let at = 1; at < bytes.length; at += 1) {
      const got = maskCuts(bytes, [at]);
      const shown = [...got.entries()].filter(([i, byte]) => byte !== 0x2a && masked[i] === 0x2a);
      // Of one that is cut through, its prefix and less than four characters.
      expect(shown.length, got.toString()).toBeLessThan(8);
    }
  });
});

describe('patterns of the user', () => {
  it('mask their match, or their groups', () => {
    const own = rulesOf(['EMP[0-9]{6}', 'badge: (\\S+) of (?P<who>\\w+)']);
    expect(whole('EMP123456 badge: x1é of ann\nEMP12 EMP654321', own).bytes.toString()).toBe(
      '********* badge: **** of ***\nEMP12 *********',
    );
    expect(whole('EMP123456\n', own).secrets).toEqual([{ start: 0, end: 9, kind: 'pattern', open: false }]);
  });

  it('are looked for in single lines', () => {
    const own = rulesOf(['^a.*z$', 'b\\s+c']);
    expect(whole('a-z\na\nz\nb\nc\rb c\n', own).bytes.toString()).toBe('***\na\nz\nb\nc\r***\n');
  });

  it('are the same however lines are cut', () => {
    const own = rulesOf(['EMP[0-9]+']);
    const bytes = Buffer.from('id EMP123456 x\nid EMP999 y\n');
    expect(maskCuts(bytes, [15], own).equals(whole(bytes, own).bytes)).toBe(true);
  });

  it('are part of the version', () => {
    expect(rulesOf([]).version).toBe('1');
    expect(rulesOf(['a+']).version).toMatch(/^1\.[0-9a-f]{16}$/);
    expect(rulesOf(['a+']).version).toBe(rulesOf(['a+']).version);
    expect(rulesOf(['a+']).version).not.toBe(rulesOf(['a+', 'b']).version);
  });

  it('are refused when they are none', () => {
    expect(() => rulesOf(['(a'])).toThrow(/missing closing/);
    expect(() => rulesOf(['(?=a)b'])).toThrow(/unsupported/);
    expect(() => rulesOf(['a*'])).toThrow(/empty line/);
  });

  it('take no longer for being hard', () => {
    const own = rulesOf(['(x+x+)+y']);
    expect(whole(`${'x'.repeat(20_000)}\n`, own).secrets).toEqual([]);
  });
});
