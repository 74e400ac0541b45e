import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Segment } from '../../src/core/segment.ts';
import { MemoryFiles } from './memory-files.ts';
import { MemoryDirectory } from './memory-store.ts';
import { MemoryTail } from './memory-tail.ts';

/** CABOOSE_TEST_SEED replays a run; CABOOSE_TEST_MUTATIONS makes it longer. */
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);
const mutations = Number(process.env['CABOOSE_TEST_MUTATIONS'] ?? 10_000);
const mutationsEach = 250;

/** What an agent leaves that was killed in the middle of an outage: its files, its state, and what it had sent until then. */
interface Left {
  files: MemoryFiles;
  journal: ReadonlyMap<string, Buffer>;
  spool: ReadonlyMap<string, Buffer>;
  published: readonly Segment[];
  /** All that was ever written, by path; of deleted files, too. */
  written: ReadonlyMap<string, string>;
}

describe('the state directory', () => {
  it(
    `survives ${mutations} mutations: nothing lost, no other bytes under a held range, the same ids`,
    { timeout: 600_000 },
    async () => {
      for (let done = 0; done < mutations; done += mutationsEach) {
        const random = randomOf(seed + done);
        const left = await runUntilKilled(random);
        for (let i = 0; i < mutationsEach; i += 1) {
          const before = { journal: new Map(left.journal), spool: new Map(left.spool) };
          const mutation = mutate(before.journal, before.spool, random);
          const again = new MemoryTail(
            left.files,
            new MemoryDirectory(before.journal),
            new MemoryDirectory(before.spool),
          );
          const replay = `CABOOSE_TEST_SEED=${seed}, mutation ${done + i}: ${mutation.what}`;
          await (await again.open()).once(AbortSignal.timeout(30_000));
          const after = again.publisher.published.map(({ segment }) => segment);
          expect(faultsOf(left, after, mutation), replay).toEqual([]);
        }
      }
    },
  );
});

/** Files that grow, are acknowledged, and vanish at times; then the transport stalls, some more vanish, and the agent is killed. */
async function runUntilKilled(random: () => number): Promise<Left> {
  const files = new MemoryFiles();
  const tail = new MemoryTail(files);
  tail.growthBytesMax = 200 + random() * 4000;
  const written = new Map<string, string>();
  const grow = (name: string, lines: number) => {
    const text = Array.from({ length: lines }, () => `${name} ${Math.floor(random() * 1e9)}\n`).join('');
    files.append(name, text);
    written.set(`/logs/${name}`, (written.get(`/logs/${name}`) ?? '') + text);
  };
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}.log`);
  for (const name of names) grow(name, 1 + Math.floor(random() * 5));
  await (await tail.open()).start();
  for (let step = 0; step < 3; step += 1) {
    for (const name of names) if (random() < 0.5) grow(name, 1 + Math.floor(random() * 3));
    await tail.pass(300);
  }
  tail.publisher.acks = false;
  for (const name of names) grow(name, 1 + Math.floor(random() * 3));
  await tail.pass(600);
  for (const name of ['a.log', 'b.log', 'c.log']) {
    if (random() < 0.3) grow(name, 1);
    files.remove(name);
  }
  await tail.pass(4000);
  const { journal, spool, publisher } = tail;
  const published = publisher.published.map(({ segment }) => segment);
  return { files, journal: new Map(journal.files), spool: new Map(spool.files), published, written };
}

interface Mutation {
  what: string;
  /** Bytes of the spool are touched, so that bytes may really be gone: they must be told. */
  ofSpool: boolean;
}

function mutate(journal: Map<string, Buffer>, spool: Map<string, Buffer>, random: () => number): Mutation {
  const ofSpool = spool.size > 0 && random() < 0.3;
  const directory = ofSpool ? spool : journal;
  const names = [...directory.keys()].toSorted();
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  // The newest copy of the cut log is the one that counts.
  const name = ofSpool || random() < 0.2 ? pick(names) : (names.at(-1) ?? '');
  const bytes = Buffer.from(directory.get(name) ?? '');
  const at = Math.floor(random() * bytes.length);
  const kinds: Record<string, () => Buffer | null> = {
    'torn off': () => bytes.subarray(0, at),
    'a bit flipped': () => {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      return bytes;
    },
    'a stretch overwritten': () =>
      bytes.fill(Math.floor(random() * 256), at, Math.min(bytes.length, at + Math.floor(random() * 600))),
    'replaced by an older copy': () => directory.get(pick(names)) ?? bytes,
    emptied: () => Buffer.alloc(0),
    'of a newer version': () => (ofSpool ? bytes.subarray(at) : newerLog(bytes)),
    deleted: () => null,
    'all deleted': () => null,
  };
  const kind = pick(Object.keys(kinds));
  const mutated = kinds[kind]?.() ?? null;
  if (kind === 'all deleted') directory.clear();
  else if (mutated === null) directory.delete(name);
  else directory.set(name, Buffer.from(mutated));
  return { what: `${name} ${kind} at ${at}`, ofSpool };
}

function newerLog(bytes: Buffer): Buffer {
  const json = JSON.stringify({ t: 'log', v: 2, source: 's' });
  const rest = bytes.subarray(bytes.indexOf(0x0a) + 1);
  return Buffer.concat([Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`), rest]);
}

/** In words, what a consumer would hold against all that was published before and after. */
function faultsOf(left: Left, after: readonly Segment[], mutation: Mutation): string[] {
  const faults: string[] = [];
  const idsBefore = new Set(left.published.map(({ stream }) => stream));
  const held = new Map<string, (number | 'gap' | undefined)[]>();
  for (const segment of [...left.published, ...after]) {
    if (!idsBefore.has(segment.stream)) faults.push(`another id for ${segment.path}`);
    const bytes = held.get(segment.path) ?? [];
    held.set(segment.path, bytes);
    for (let at = segment.start; at < segment.end; at += 1) {
      const byte = segment.gap === null ? segment.bytes[at - segment.start] : 'gap';
      if (typeof bytes[at] === 'number' && typeof byte === 'number' && bytes[at] !== byte)
        faults.push(`other bytes at ${at} of ${segment.path}`);
      if (typeof bytes[at] !== 'number') bytes[at] = byte;
    }
  }
  for (const [path, text] of left.written) {
    const bytes = held.get(path) ?? [];
    const expected = Buffer.from(text);
    for (let at = 0; at < expected.length; at += 1) {
      if (bytes[at] === expected[at]) continue;
      if (bytes[at] === 'gap' && mutation.ofSpool) continue;
      faults.push(`${String(bytes[at])} at ${at} of ${path}`);
      break;
    }
  }
  return [...new Set(faults)];
}

/** The same seed gives the same numbers in [0, 1). */
function randomOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
