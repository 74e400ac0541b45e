import { appendFile, link, mkdir, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';
import { MemoryTail } from './memory-tail.ts';

async function harness(): Promise<TailHarness> {
  const t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  return t;
}

describe('files that look like others', () => {
  it('a hundred with the same first 4 KiB are a hundred streams', async () => {
    await using t = await harness();
    const head = '# the same banner of every rank\n'.repeat(128);
    expect(head.length).toBe(4096);
    const contents = Array.from({ length: 100 }, (_, rank) => `${head}rank ${rank}\n`);
    for (const [rank, content] of contents.entries()) await writeFile(t.path(`rank${rank}.log`), content);
    await t.start();
    for (const rank of contents.keys()) await appendFile(t.path(`rank${rank}.log`), `more of ${rank}\n`);
    await t.pass(3000);
    expect(t.publisher.streams.size).toBe(100);
    for (const [rank, content] of contents.entries())
      expect(t.publisher.text(`/rank${rank}.log`)).toBe(`${content}more of ${rank}\n`);
  });

  it('created and deleted in a loop on the same inode: each is a stream of its own, whole', async () => {
    await using t = await harness();
    t.openFilesMax = 4;
    await t.start();
    const inodes = new Set<number>();
    const written: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      written.push(`same head\nfile ${i}\n`);
      await writeFile(t.path('a.log'), written.at(-1) ?? '');
      inodes.add((await stat(t.path('a.log'))).ino);
      await t.pass(1500);
      await unlink(t.path('a.log'));
      // Sometimes the descriptor is let go before the next one comes, so that the inode can be handed out again.
      await t.pass(i % 2 === 0 ? 70_000 : 1500);
    }
    await t.pass(70_000);
    expect(inodes.size).toBeLessThan(60);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(written);
  });

  it('one that grows byte by byte is one stream from its first byte on', async () => {
    await using t = await harness();
    await t.start();
    const text = `first line, slowly written\nand a second one${'.'.repeat(100)}\n`;
    for (let i = 0; i < text.length; i += 1) {
      await appendFile(t.path('a.log'), text.charAt(i));
      await t.pass(i % 5 === 0 ? 1300 : 90);
    }
    await t.pass(3000);
    expect(t.publisher.text()).toBe(text);
    expect(t.publisher.streams.size).toBe(1);
  });

  it('one with several names, under several patterns, is shipped once', async () => {
    await using t = await harness();
    await mkdir(t.path('real'));
    await writeFile(t.path('real/a.log'), 'x\n');
    await link(t.path('real/a.log'), t.path('hard.txt'));
    await symlink('real/a.log', t.path('soft.log'));
    await symlink('real', t.path('directory'));
    await t.start(['**/*.log', 'real/*', 'hard.txt', 'directory/*.log', '**/a.*']);
    await appendFile(t.path('hard.txt'), 'y\n');
    await t.pass(3000);
    await unlink(t.path('real/a.log'));
    await appendFile(t.path('hard.txt'), 'z\n');
    await t.pass(3000);
    expect(t.publisher.text()).toBe('x\ny\nz\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('rotated three times while nobody ran, with the same head: all, in order', async () => {
    await using t = await harness();
    await writeFile(t.path('a.log'), 'banner\ngen 0\n');
    await t.start();
    t.crash();
    for (let generation = 1; generation <= 3; generation += 1) {
      for (let n = generation; n > 0; n -= 1)
        await rename(n === 1 ? t.path('a.log') : t.path(`a.log.${n - 1}`), t.path(`a.log.${n}`));
      await writeFile(t.path('a.log'), `banner\ngen ${generation}\n`);
    }
    await t.start();
    await t.pass(2000);
    expect(t.publisher.text()).toBe([0, 1, 2, 3].map((n) => `banner\ngen ${n}\n`).join(''));
  });

  it('one that is renamed during the first walk of a process loses its stream to none that begins alike', async () => {
    await using t = await harness();
    await writeFile(t.path('a.log'), 'banner\n');
    await t.start();
    await t.pass(1000);
    t.crash();
    await rename(t.path('a.log'), t.path('a.log.1'));
    await writeFile(t.path('a.log'), 'banner\nnew\n');
    const { readDirectory } = t.fs;
    let walks = 0;
    t.fs.readDirectory = async (path) => {
      walks += 1;
      const entries = await readDirectory(path);
      return walks === 1 && entries ? entries.filter(({ name }) => name !== 'a.log.1') : entries;
    };
    await t.start();
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual([
      'banner\n',
      'banner\nnew\n',
    ]);
  });

  it('one of another name that has the inode of one that is gone leaves the stream to its copy', async () => {
    const files = new MemoryFiles();
    const before = new MemoryTail(files);
    files.append('a.log', 'banner\n');
    await (await before.open()).start();
    await before.pass(1000);
    // It is killed: its clock stands still.
    const ino = files.inoOf('a.log');
    files.remove('a.log');
    files.append('b.log', 'banner\nmore\n', ino);
    const after = new MemoryTail(files, before.journal, before.spool);
    after.publisher.published.push(...before.publisher.published);
    await (await after.open()).start();
    await after.pass(2000);
    files.append('a.log.1', 'banner\nlate\n');
    await after.pass(20_000);
    expect(after.publisher.text('a.log')).toBe('banner\nlate\n');
    expect(after.publisher.text('b.log')).toBe('banner\nmore\n');
  });
});
