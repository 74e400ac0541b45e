import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../src/tail/file-system.ts';
import { hashOf } from '../../src/tail/identity.ts';
import type { CutBytes } from '../../src/core/redaction/mask.ts';
import { ReadBuffers } from '../../src/tail/read-buffers.ts';
import { cutLength, readNext } from '../../src/tail/reading.ts';
import type { ReadRequest } from '../../src/tail/reading.ts';
import { emptyFile } from './stream-state.ts';

describe('cutLength', () => {
  it.each([
    ['', false, 0],
    ['', true, 0],
    ['no end', false, 0],
    ['no end', true, 6],
    ['line\n', false, 5],
    ['line\nrest', false, 5],
    ['line\nrest', true, 5],
    ['one\ntwo\nrest', false, 8],
    ['one\r\ntwo\r', false, 5],
    [' 10%\r 20%\r 30%', false, 10],
    [' 10%\r 20%\r 30%', true, 10],
    ['\n', false, 1],
    ['\r', false, 1],
  ])('%j, anywhere %s: %d', (text, anywhere, expected) => {
    expect(cutLength(Buffer.from(text), anywhere)).toBe(expected);
  });

  it('leaves no whole line behind, and cuts within none', () => {
    const bytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0x00), { maxLength: 50 });
    fc.assert(
      fc.property(bytes, fc.boolean(), (values, anywhere) => {
        const buffer = Buffer.from(values);
        const length = cutLength(buffer, anywhere);
        expect(buffer.subarray(length).includes(0x0a)).toBe(false);
        const isLineEnd = [0x0a, 0x0d].includes(buffer[length - 1] ?? 0);
        expect(isLineEnd || length === 0 || (anywhere && length === buffer.length)).toBe(true);
      }),
    );
  });
});

/** A file of these bytes. `size`: as it is after the read. */
function fileOf(content: Buffer, size = content.length): OpenFile {
  return {
    stat: async () => await Promise.resolve({ ...emptyFile, size }),
    realPath: async () => await Promise.resolve(null),
    close: async () => await Promise.resolve(),
    read: async (buffer, at, length, position) =>
      await Promise.resolve(content.copy(buffer, at, position, Math.min(content.length, position + length))),
  };
}

async function read(content: string | Buffer, request: Partial<ReadRequest> = {}) {
  const bytes = Buffer.from(content);
  const { offset = 0 } = request;
  const whole = {
    offset,
    anchor: null,
    available: bytes.length - offset,
    bytesMax: 1000,
    cutAnywhere: false,
    zerosAreBytes: false,
  };
  const reading = await readNext(fileOf(bytes), { ...whole, ...request }, new ReadBuffers());
  return reading.kind === 'cut' ? { ...reading, bytes: reading.bytes.toString() } : reading;
}

describe('readNext', () => {
  it('does not take bytes for the old ones when the file was truncated and written anew before they were read', async () => {
    const old = Buffer.from('old one\nold two\nold three\n');
    const next = Buffer.from('new one\nnew two\n');
    const request = {
      offset: 0,
      anchor: null,
      available: 26,
      bytesMax: 8,
      cutAnywhere: false,
      zerosAreBytes: false,
    };
    const buffers = new ReadBuffers();
    // Before the read, and after it.
    expect(await readNext(fileOf(next), request, buffers)).toEqual({ kind: 'rewritten' });
    // What it was by then is told, lest it be lost in silence.
    expect(await readNext(fileOf(old, 99), request, buffers)).toMatchObject({ kind: 'cut', size: 99 });
    // Of a file that holds others by then, which are more, it is not the size.
    let [content, size] = [old, 26];
    const writtenOver: OpenFile = {
      ...fileOf(old),
      stat: async () => await Promise.resolve({ ...emptyFile, size }),
      read: async (...into) => {
        const got = await fileOf(content).read(...into);
        [content, size] = [Buffer.alloc(99), 99];
        return got;
      },
    };
    const reading = await readNext(writtenOver, request, buffers);
    expect(reading).toMatchObject({ bytes: Buffer.from('old one\n') });
    expect(reading).not.toHaveProperty('size');
    content = old;
    const cutShort: OpenFile = {
      ...fileOf(next),
      read: async (...into) => {
        const got = await fileOf(content).read(...into);
        content = next;
        return got;
      },
    };
    expect(await readNext(cutShort, request, buffers)).toMatchObject({ bytes: Buffer.from('old one\n') });
  });

  it('cuts the whole lines behind the offset, and anchors the end', async () => {
    const anchor = hashOf(Buffer.from('one\ntwo\n'));
    expect(await read('one\ntwo\nthr', { offset: 4, anchor: hashOf(Buffer.from('one\n')) })).toEqual({
      kind: 'cut',
      bytes: 'two\n',
      before: Buffer.from('one\n'),
      anchor,
      more: false,
    });
  });

  it('cuts a line without end where that is safe, and anywhere only when it has to', async () => {
    const torn = { safeLength: ({ from }: CutBytes) => (from === 0 ? 3 : 0), cutThrough: false };
    expect(await read('abcdef', { cutAnywhere: true, torn })).toMatchObject({ bytes: 'abc' });
    expect(await read('abcdef', { offset: 3, cutAnywhere: true, torn })).toEqual({
      kind: 'nothing',
      unterminatedBytes: 3,
      ofRecord: false,
    });
    expect(
      await read('abcdef', { offset: 3, cutAnywhere: true, torn: { ...torn, cutThrough: true } }),
    ).toMatchObject({ bytes: 'def' });
    // A full segment does not wait, and a line end is always safe.
    expect(await read('abcdef', { offset: 3, bytesMax: 2, torn })).toMatchObject({ bytes: 'de' });
    expect(await read('abcde\n', { torn })).toMatchObject({ bytes: 'abcde\n' });
  });

  it('says how much waits for its line end', async () => {
    expect(await read('one\ntwo', { offset: 4 })).toEqual({
      kind: 'nothing',
      unterminatedBytes: 3,
      ofRecord: false,
    });
    expect(await read('one\n', { offset: 4 })).toEqual({
      kind: 'nothing',
      unterminatedBytes: 0,
      ofRecord: false,
    });
  });

  it('cuts where a segment is full, and says that there may be more', async () => {
    expect(await read('x'.repeat(25), { bytesMax: 10 })).toMatchObject({ bytes: 'x'.repeat(10), more: true });
    expect(await read('ab\ncd\nef\ngh', { bytesMax: 10 })).toMatchObject({
      bytes: 'ab\ncd\nef\n',
      more: true,
    });
  });

  it.each([
    ['other bytes before the offset', 'ONE\ntwo\n'],
    ['a shorter file', 'one'],
    ['an empty file', ''],
  ])('notices %s', async (_, content) => {
    const request = { offset: 4, anchor: hashOf(Buffer.from('one\n')), available: 4 };
    expect(await read(content, request)).toEqual({ kind: 'rewritten' });
  });

  it('looks at 4 KiB before the offset, and no further', async () => {
    const before = Buffer.alloc(5000, 'a');
    const anchor = hashOf(before.subarray(-4096));
    const content = Buffer.concat([before, Buffer.from('new\n')]);
    content[10] = 0x62;
    expect(await read(content, { offset: 5000, anchor })).toMatchObject({ kind: 'cut', bytes: 'new\n' });
    content[4990] = 0x62;
    expect(await read(content, { offset: 5000, anchor })).toEqual({ kind: 'rewritten' });
  });

  it('looks at the head, too, where there are only zeros before the offset', async () => {
    const zeros = Buffer.alloc(5000);
    const anchor = hashOf(zeros.subarray(-4096));
    const head = { headBytes: 4, headHash: hashOf(Buffer.from('one\n')) };
    const request = { offset: 5004, anchor, head };
    const begun = (first: string) => Buffer.concat([Buffer.from(first), zeros, Buffer.from('two\n')]);
    expect(await read(begun('one\n'), request)).toMatchObject({ kind: 'cut', bytes: 'two\n' });
    expect(await read(begun('new\n'), request)).toEqual({ kind: 'rewritten' });
  });

  it('cuts before zeros that may be a hole, and says when it stands at them', async () => {
    const zeros = '\0'.repeat(64);
    expect(await read(`one\ntw${zeros}three\n`)).toMatchObject({ bytes: 'one\ntw', more: true });
    expect(await read(`one\ntw${zeros}`)).toMatchObject({ bytes: 'one\n', more: false });
    expect(await read(`tw${zeros}`)).toEqual({ kind: 'nothing', unterminatedBytes: 2, ofRecord: false });
    expect(await read(`${zeros}three\n`)).toEqual({ kind: 'zeros' });
    expect(await read(`one\n${zeros}three\n`, { offset: 4 })).toEqual({ kind: 'zeros' });
    expect(await read('\0\0\0\0\0\0\0\0x\n')).toEqual({ kind: 'zeros' });
    expect(await read(`${zeros}x\n`, { zerosAreBytes: true })).toMatchObject({ bytes: `${zeros}x\n` });
  });

  it.each(['\0'.repeat(7), `a\n${'\0'.repeat(63)}`])('takes few zeros for bytes', async (text) => {
    expect(await read(`${text}b\n`)).toMatchObject({ bytes: `${text}b\n` });
  });

  it('takes nothing of a file that has become shorter than it was a moment ago', async () => {
    expect(await read('one\n', { available: 999 })).toEqual({ kind: 'rewritten' });
    expect(await read('one\n', { offset: 4, available: -3 })).toMatchObject({ kind: 'nothing' });
  });

  it('gives any file back whole, whatever the size of a segment', async () => {
    const content = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 50 }), async (values, bytesMax) => {
        const bytes = Buffer.from(values);
        const pieces: Buffer[] = [];
        let anchor: string | null = null;
        for (let offset = 0; offset < bytes.length;) {
          const available = bytes.length - offset;
          const request = { offset, anchor, available, bytesMax, cutAnywhere: true, zerosAreBytes: false };
          const reading = await readNext(fileOf(bytes), request, new ReadBuffers());
          if (reading.kind !== 'cut') throw new Error(`${reading.kind} at ${offset}`);
          expect(reading.bytes.length).toBeLessThanOrEqual(bytesMax);
          pieces.push(reading.bytes);
          offset += reading.bytes.length;
          ({ anchor } = reading);
        }
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
      }),
    );
  });
});
