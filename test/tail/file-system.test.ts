import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileSystem as fs } from '../../src/tail/file-system.ts';

let dir: string;
const at = (name: string) => join(dir, name);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-fs-'));
});
afterEach(async () => await rm(dir, { recursive: true }));

describe('nodeFileSystem', () => {
  it('gives null for what is not there, whichever way it is not', async () => {
    await writeFile(at('file'), '');
    await symlink('nowhere', at('broken'));
    await symlink('circle', at('circle'));
    for (const name of ['none', 'file/inside', 'broken', 'circle']) {
      expect(await fs.stat(at(name)), name).toBeNull();
      expect(await fs.open(at(name)), name).toBeNull();
      expect(await fs.readDirectory(at(name)), name).toBeNull();
      expect(await fs.realPath(at(name)), name).toBeNull();
    }
  });

  it('tells the kinds of what is in a directory, and follows links only for stat', async () => {
    await mkdir(at('directory'));
    await writeFile(at('file'), 'four');
    await symlink('file', at('link'));
    spawnSync('mkfifo', [at('fifo')]);
    const entries = (await fs.readDirectory(dir)) ?? [];
    expect(Object.fromEntries(entries.map(({ name, kind }) => [name, kind]))).toEqual({
      directory: 'directory',
      file: 'file',
      link: 'link',
      fifo: 'other',
    });
    expect(await fs.stat(at('link'))).toMatchObject({ kind: 'file', size: 4, links: 1 });
    expect(await fs.stat(at('directory'))).toMatchObject({ kind: 'directory' });
    expect(await fs.stat(at('fifo'))).toMatchObject({ kind: 'other' });
  });

  it('opens a FIFO without waiting for a writer', async () => {
    spawnSync('mkfifo', [at('fifo')]);
    const file = await fs.open(at('fifo'));
    expect((await file?.stat())?.kind).toBe('other');
    await file?.close();
  });

  it('does not read a directory as a file', async () => {
    const file = await fs.open(dir);
    expect((await file?.stat())?.kind).toBe('directory');
    await expect(file?.read(Buffer.alloc(1), 0, 1, 0)).rejects.toMatchObject({ code: 'EISDIR' });
    await file?.close();
  });

  it('knows a file again by its key over a rename, and another one by another key', async () => {
    await writeFile(at('a'), '1');
    await writeFile(at('b'), '1');
    const before = await fs.stat(at('a'));
    await rename(at('a'), at('c'));
    const after = await fs.stat(at('c'));
    expect(after?.key).toBe(before?.key);
    expect(after?.key).toBe(`${after?.dev}:${after?.ino}`);
    expect((await fs.stat(at('b')))?.key).not.toBe(after?.key);
  });

  it('reads where it is told, less only at the end, also of a deleted file', async () => {
    await writeFile(at('a'), '0123456789');
    const file = await fs.open(at('a'));
    if (!file) throw new Error('the file is there');
    const buffer = Buffer.from('..........');
    expect(await file.read(buffer, 2, 4, 3)).toBe(4);
    expect(buffer.toString()).toBe('..3456....');
    expect(await file.read(buffer, 0, 10, 8)).toBe(2);
    expect(await file.read(buffer, 0, 10, 10)).toBe(0);
    await appendFile(at('a'), 'ab');
    await unlink(at('a'));
    expect(await file.read(buffer, 0, 10, 10)).toBe(2);
    expect(await file.stat()).toMatchObject({ links: 0, size: 12 });
    expect(await file.realPath()).toMatch(/\/a \(deleted\)$/);
    await file.close();
  });

  it('asks nothing of a file that was closed, whose number may be another one by then', async () => {
    await writeFile(at('a'), '1');
    const file = await fs.open(at('a'));
    await file?.close();
    await file?.close();
    const other = await fs.open(at('a'));
    await expect(file?.read(Buffer.alloc(1), 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file?.stat()).rejects.toMatchObject({ code: 'EBADF' });
    await expect(other?.read(Buffer.alloc(1), 0, 1, 0)).resolves.toBe(1);
    await other?.close();
  });

  it('holds no buffer that it has read into, however long the file stays open', async () => {
    const length = 32 * 1024;
    await writeFile(at('a'), Buffer.alloc(length, 1));
    const file = await fs.open(at('a'));
    const buffers: WeakRef<Buffer>[] = [];
    const readOnce = async (): Promise<void> => {
      const buffer = Buffer.alloc(length);
      expect(await file?.read(buffer, 0, length, 0)).toBe(length);
      buffers.push(new WeakRef(buffer));
    };
    for (let i = 0; i < 10; i += 1) await readOnce();
    // A weak reference holds until the end of the turn in which it was made.
    await nextTurn();
    collectGarbage();
    expect(buffers.filter((buffer) => buffer.deref() !== undefined).length).toBeLessThanOrEqual(1);
    await file?.close();
  });
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
