import { describe, expect, it } from 'vitest';
import { MemoryFiles } from './memory-files.ts';
import { MemoryDirectory } from './memory-store.ts';
import { MemoryTail } from './memory-tail.ts';

/** So many calls to the disk fail in a row. */
const failing = 3;
const windows = 40;

/** Throws like a full disk from its n-th call on, `failing` times. */
function fullFrom(n: number): { before: (call: string) => void; failed: () => number } {
  let calls = 0;
  let failed = 0;
  return {
    before(call) {
      calls += 1;
      const isRead = ['open', 'read', 'remove'].includes(call);
      if (isRead || calls < n || failed >= failing) return;
      failed += 1;
      throw Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), { code: 'ENOSPC' });
    },
    failed: () => failed,
  };
}

describe('a disk that is full at any call', () => {
  it.each(['journal', 'spool'] as const)(
    'of the %s: shipping goes on, and a restart finds a whole state',
    async (of) => {
      let windowsReached = 0;
      for (let n = 1; n <= windows; n += 1) {
        const files = new MemoryFiles();
        const tail = new MemoryTail(files);
        tail.growthBytesMax = 1500;
        const disk = fullFrom(n);
        tail[of].before = disk.before;
        const written = new Map<string, string>();
        const grow = (name: string, text: string) => {
          files.append(name, text);
          written.set(name, (written.get(name) ?? '') + text);
        };
        const textOf = (name: string) => tail.publisher.text(`/${name}`);
        grow('a.log', 'one\n');
        grow('b.log', 'one\n');
        await (await tail.open()).start();
        await tail.pass(1500);
        tail.publisher.acks = false;
        grow('a.log', 'two\n');
        grow('b.log', 'two\n');
        await tail.pass(1500);
        grow('a.log', 'three\n');
        files.remove('a.log');
        await tail.pass(12_000);
        grow('b.log', 'three\n');
        await tail.pass(20_000);
        // Nothing is held up by the disk.
        for (const [name, text] of written) expect(textOf(name), `${of} ${n}`).toBe(text);

        const again = new MemoryTail(files, copyOf(tail.journal), copyOf(tail.spool));
        again.publisher.published.push(...tail.publisher.published);
        await (await again.open()).once(AbortSignal.timeout(30_000));
        for (const [name, text] of written) {
          const seen = again.publisher.of(`/${name}`);
          expect(
            seen.map(({ bytes, gaps }) => [bytes.toString(), gaps]),
            `${of} ${n}`,
          ).toEqual([[text, []]]);
        }
        expect(again.errors, `${of} ${n}`).toEqual([]);
        if (disk.failed() > 0) windowsReached += 1;
        expect(tail.errors.length, `${of} ${n}`).toBe(disk.failed() > 0 ? 1 : 0);
      }
      expect(windowsReached).toBeGreaterThan(2);
    },
  );
});

function copyOf({ files }: MemoryDirectory): MemoryDirectory {
  return new MemoryDirectory(files);
}
