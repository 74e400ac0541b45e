import { CabooseError, errorText } from '../errors.ts';
import { segmentBytesMax } from '../segment.ts';
import { scanModule, tableBytes } from './scan-code.ts';

/**
 * Where something that may be a secret is near: four bytes that each form of a secret has, rare in what trainers write. They are found in
 * one pass over all bytes; everything else (secrets.ts) looks at these places only.
 *
 * Fingerprints stand in eight groups. A group finds all that its members' bytes, each by its two halves, can be put together to: so those
 * that look alike are together, and what else is found is only looked at in vain.
 */
type Fingerprint = readonly [string, string, string, string];

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const word = `${letters}0123456789_`;
/** What may stand behind a name before its value. */
const behindName = '="\': \t\\\u001b';

const groups: readonly (readonly Fingerprint[])[] = [
  [
    ['h', 'f', '_', word],
    [':', '/', '/', `${word}:`],
  ],
  [
    ['g', 'h', 'pousr', '_'],
    ['p', 'a', 't', '_'],
    ['n', 'p', 'm', '_'],
    ['g', 's', 'k', '_'],
    ['o', 'r', 'g', '_'],
    ['_', 'v', '1', '_'],
  ],
  [
    ['A', 'KS', 'I', 'A'],
    ['A', 'I', 'z', 'a'],
    ['E', ' ', 'K', 'E'],
  ],
  [
    ['e', 'y', 'J', word],
    ['s', 'k', '-', word],
    ['x', 'o', 'x', 'abeoprs'],
  ],
  [
    ['sS', 'sS', 'wW', 'oOdD'],
    ['sS', 'sS', 'pP', 'hH'],
    ['uU', 'tT', 'hH', 'oO'],
    ['dv', 'a', 'p', 'i'],
  ],
  [
    ['cC', 'rR', 'eE', 'tT'],
    ['l', 'p', 'a', 't'],
  ],
  [['kK', 'eE', 'yY', behindName]],
  [
    ['kK', 'eE', 'nN', behindName],
    ['gG', 'iI', 'nN', ' '],
  ],
];

/** So many bytes before a cut are looked at with it. */
export const lookBackBytes = 4096;
const windowBytesMax = lookBackBytes + segmentBytesMax;
const foundAtOnce = 4096;
const stepBytes = 16;

const outAt = aligned(windowBytesMax + 2 * stepBytes);
const tablesAt = aligned(outAt + 4 * (foundAtOnce + stepBytes));
const pages = Math.ceil((tablesAt + tableBytes) / 65_536);

type Scan = (at: number, end: number, out: number, outEnd: number) => number;

interface Scanner {
  bytes: Uint8Array;
  found: Uint32Array;
  scan: Scan;
}

/** What is used of it: its types come with a browser's. */
interface WebAssemblyLike {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer }; scan: Scan } };
}

let scanner: Scanner | null = null;

/**
 * Calls back with each position at which a fingerprint may begin, in ascending order. `bytes`: at most a segment and what is looked
 * at before it; longer ones are a caller's fault.
 */
export function eachFingerprint(bytes: Buffer, onFound: (at: number) => void): void {
  if (bytes.length > windowBytesMax) throw new RangeError(`${bytes.length} bytes, at most ${windowBytesMax}`);
  const { bytes: memory, found, scan } = (scanner ??= startScanner());
  memory.set(bytes);
  // The last step looks beyond the end, and the first three bytes of a fingerprint are not enough.
  memory.fill(0, bytes.length, bytes.length + stepBytes);
  let resumed = -1;
  for (let at = 0; at < bytes.length;) {
    const outBytes = scan(at, bytes.length, outAt, outAt + 4 * foundAtOnce) - outAt;
    const positions = found.slice(0, outBytes / 4);
    for (const position of positions) if (position > resumed) onFound(position);
    if (positions.length < foundAtOnce) return;
    resumed = positions.at(-1) ?? resumed;
    // Begins anew at the step in which the last one began: its first three bytes are seen again.
    at = resumed - (resumed % stepBytes);
  }
}

/** Throws NO_WEBASSEMBLY. */
function startScanner(): Scanner {
  const { memory, scan } = instantiate();
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(fingerprintTables(), tablesAt);
  return { bytes, found: new Uint32Array(memory.buffer, outAt, foundAtOnce + stepBytes), scan };
}

function instantiate(): { memory: { buffer: ArrayBuffer }; scan: Scan } {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyLike };
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(scanModule(tablesAt, pages))).exports;
  } catch (error) {
    throw new CabooseError('NO_WEBASSEMBLY', `secrets cannot be looked for: ${errorText(error)}`, {
      cause: error,
      hint: 'Node must run WebAssembly with SIMD: start it without --jitless, on a processor of this decade; or set source.redact to "off"',
    });
  }
}

function fingerprintTables(): Uint8Array {
  const tables = new Uint8Array(tableBytes).fill(0, 0, 128).fill(15, 128);
  for (const [bit, fingerprints] of groups.entries()) {
    for (const fingerprint of fingerprints) {
      for (const [n, characters] of fingerprint.entries()) {
        for (const code of Buffer.from(characters, 'latin1')) {
          tables[n * 32 + (code & 15)]! |= 1 << bit;
          tables[n * 32 + 16 + (code >> 4)]! |= 1 << bit;
        }
      }
    }
  }
  return tables;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / stepBytes) * stepBytes;
}
