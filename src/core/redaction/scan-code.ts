/**
 * The code of the search for fingerprints (fingerprints.ts), as WebAssembly with SIMD: four table look-ups for 16 bytes at a time. A
 * regular expression for the same costs eight times as much (docs/adr/0010). Written out here, instruction for instruction, so that
 * there is nothing to build and nothing to trust: https://webassembly.github.io/spec/core/binary/instructions.html
 *
 *     scan(at, end, out, outEnd) → out behind the last position found
 *
 * looks at the memory [at, end) in steps of 16 and writes where fingerprints begin, 4 bytes each, in ascending order. It stops early,
 * behind a whole step, when `outEnd` is reached. The tables (128 bytes) stand at `tablesAt`: for each of the four bytes of a fingerprint
 * one for its low and one for its high half, a bit for each group; 16 times 15 follows them.
 */
const i32 = 0x7f;
const v128 = 0x7b;
const noResult = 0x40;
const block = 0x02;
const loop = 0x03;
const iff = 0x04;
const end = 0x0b;
const br = 0x0c;
const brIf = 0x0d;
const localGet = 0x20;
const localSet = 0x21;
const localTee = 0x22;
const i32Store = [0x36, 2, 0];
const i32GeU = 0x4f;
const i32Ctz = 0x68;
const i32Add = 0x6a;
const i32Sub = 0x6b;
const i32And = 0x71;
const v128Load = simd(0x00, 4);
const v128Zero = simd(0x0c, ...Array<number>(16).fill(0));
const i8x16Ne = simd(0x24);
const v128And = simd(0x4e);
const v128AnyTrue = simd(0x53);
const i8x16Bitmask = simd(0x64);
const i16x8ShrU = simd(0x8d);
/** Every index is below 16, where all processors agree. */
const relaxedSwizzle = simd(0x100);

const at = 0;
const scanEnd = 1;
const out = 2;
const outEnd = 3;
const found = 4;
const low = 5;
const high = 6;
/** What each of the first three tables says of these 16 bytes, and of the 16 before. */
const now = [7, 8, 9] as const;
const before = [10, 11, 12] as const;
const hits = 13;
const tables = 14;
const fifteens = tables + 8;
const vectorLocals = fifteens - low + 1;

export const tableBytes = 9 * 16;

/** The module: exports `memory`, of so many pages of 64 KiB, and `scan`. */
export function scanModule(tablesAt: number, pages: number): Uint8Array<ArrayBuffer> {
  const code = [2, 1, i32, vectorLocals, v128, ...scanBody(tablesAt)];
  return Uint8Array.from(
    joined(
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, [[0x60, 4, i32, i32, i32, i32, 1, i32]]),
      section(3, [[0]]),
      section(5, [[0, ...unsigned(pages)]]),
      section(7, [
        [...name('memory'), 2, 0],
        [...name('scan'), 0, 0],
      ]),
      section(10, [[...unsigned(code.length), ...code]]),
    ),
  );
}

function scanBody(tablesAt: number): number[] {
  const loads = Array.from({ length: 9 }, (_, n) =>
    joined(constant(tablesAt + n * 16), v128Load, [0, localSet, tables + n]),
  );
  return joined(
    ...loads,
    [block, noResult, loop, noResult],
    [localGet, at, localGet, scanEnd, i32GeU, brIf, 1],
    halves(),
    ...now.map((local, n) => [...lookUp(n), localSet, local]),
    lookUp(3),
    ...now.map((_, n) => [...shifted(n), ...v128And]),
    [localSet, hits],
    ...now.map((local, n) => [localGet, local, localSet, before[n] ?? 0]),
    [localGet, hits, ...v128AnyTrue, iff, noResult],
    writeHits(),
    [localGet, out, localGet, outEnd, i32GeU, brIf, 2, end],
    [localGet, at, ...constant(16), i32Add, localSet, at, br, 0, end, end],
    [localGet, out, end],
  );
}

/** The low and the high half of each of 16 bytes. */
function halves(): number[] {
  const mask = [localGet, fifteens, ...v128And];
  return joined(
    [localGet, at, ...v128Load, 0, localTee, high, ...mask, localSet, low],
    [localGet, high, ...constant(4), ...i16x8ShrU, ...mask, localSet, high],
  );
}

/** In which groups each byte may be the n-th of a fingerprint. */
function lookUp(n: number): number[] {
  const one = (table: number, half: number) => [localGet, table, localGet, half, ...relaxedSwizzle];
  return joined(one(tables + 2 * n, low), one(tables + 2 * n + 1, high), v128And);
}

/** What the n-th table says, moved to the fourth byte of a fingerprint. */
function shifted(n: number): number[] {
  const lanes = Array.from({ length: 16 }, (_, lane) => 13 + n + lane);
  return [localGet, before[n] ?? 0, localGet, now[n] ?? 0, ...simd(0x0d, ...lanes)];
}

function writeHits(): number[] {
  return joined(
    [localGet, hits, ...v128Zero, ...i8x16Ne, ...i8x16Bitmask, localSet, found],
    [loop, noResult],
    [localGet, out, localGet, at, localGet, found, i32Ctz, i32Add, ...constant(3), i32Sub, ...i32Store],
    [localGet, out, ...constant(4), i32Add, localSet, out],
    [localGet, found, localGet, found, ...constant(1), i32Sub, i32And, localTee, found, brIf, 0, end],
  );
}

function joined(...parts: readonly (readonly number[])[]): number[] {
  return parts.flat();
}

function simd(code: number, ...rest: number[]): number[] {
  return [0xfd, ...unsigned(code), ...rest];
}

function constant(value: number): number[] {
  return [0x41, ...signed(value)];
}

function section(id: number, entries: readonly number[][]): number[] {
  const content = [...unsigned(entries.length), ...entries.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

/** LEB128 */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Of what is not negative. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
