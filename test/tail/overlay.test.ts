import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

/** A model: what the descriptors of before tell stays; what is looked up or opened after the call that is answered is the copy. */
function overlay(t: TailHarness, changesInode: boolean): () => void {
  let isCopiedUp = false;
  const copied = <T extends object>(found: T, up = isCopiedUp): T =>
    !up
      ? found
      : { ...found, birthtimeMs: 1, ...(changesInode ? { ino: '77', dev: '88', key: '88:77' } : {}) };
  const { open, stat: look } = t.fs;
  t.fs.stat = async (path) => {
    const found = await look(path);
    return found && copied(found);
  };
  t.fs.open = async (path) => {
    const file = await open(path);
    const up = isCopiedUp;
    return file && { ...file, stat: async () => copied(await file.stat(), up) };
  };
  return () => void (isCopiedUp = true);
}

describe('a file of a lower layer that is copied up (overlayfs)', () => {
  it('is not read again: on a real mount', async (context) => {
    await using t = await TailHarness.create();
    // The upper layer may lie on no overlay itself.
    const base = await mkdtemp(join(tmpdir(), 'caboose-overlay-'));
    const layer = (name: string) => join(base, name);
    for (const name of ['lower', 'upper', 'work']) await mkdir(layer(name));
    await mkdir(t.logs, { recursive: true });
    await writeFile(join(layer('lower'), 'a.log'), 'one\n');
    const options = `lowerdir=${layer('lower')},upperdir=${layer('upper')},workdir=${layer('work')}`;
    const mounted = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, t.logs]);
    if (mounted.status !== 0) {
      console.warn(`SKIPPED: NO OVERLAY CAN BE MOUNTED HERE: ${String(mounted.stderr ?? mounted.error)}`);
      await rm(base, { recursive: true });
      context.skip();
    }
    try {
      await t.start();
      const before = await stat(t.path('a.log'));
      await appendFile(t.path('a.log'), 'two\n');
      await t.pass(3000);
      t.crash();
      await appendFile(t.path('a.log'), 'three\n');
      await t.start();
      await t.pass(70_000);
      const after = await stat(t.path('a.log'));
      console.info(`overlay: inode ${before.ino} → ${after.ino}, device ${before.dev} → ${after.dev}`);
      expect(t.publisher.text()).toBe('one\ntwo\nthree\n');
      expect(t.publisher.streams.size).toBe(1);
    } finally {
      spawnSync('umount', ['-l', t.logs]);
      await rm(base, { recursive: true });
    }
  });

  it.each([
    ['with the same inode, and another time of birth', false, 'one\n'],
    ['with another inode, on another device', true, 'one\n'],
    ['the same, before anything was cut of it', true, 'unterminated '],
  ])('is not read again: %s', async (_, changesInode, before) => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), before);
    const copyUp = overlay(t, changesInode);
    await t.start();
    copyUp();
    await t.pass(3000);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.text()).toBe(`${before}two\n`);
    expect(t.publisher.streams.size).toBe(1);
  });

  it('is not read again: between the first walk after a restart and the first look', async () => {
    await using t = await TailHarness.following('one\n');
    t.crash();
    const copyUp = overlay(t, true);
    const { open } = t.fs;
    t.fs.open = async () => {
      t.fs.open = open;
      copyUp();
      return await open(t.path('a.log'));
    };
    await t.start();
    await t.pass(3000);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log')).toMatchObject([
      { bytes: Buffer.from('one\ntwo\n'), final: false, gaps: [] },
    ]);
  });

  it('is not confused with one that takes the name of a file that was moved away, and begins as it did', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'one\n');
    await t.start();
    await rename(t.path('a.log'), t.path('moved.txt'));
    await writeFile(t.path('a.log'), 'one\n');
    await t.pass(3000);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['one\n', 'one\ntwo\n']);
  });
});

describe('a file that takes the name of another one, which was moved out of the patterns', () => {
  it('is not taken for that one copied up, unless it has all of it', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'head\n');
    await t.start();
    // The next walk comes before the next look.
    await t.pass(800);
    await appendFile(t.path('a.log'), 'not read yet\n');
    await rename(t.path('a.log'), t.path('moved.txt'));
    await writeFile(t.path('a.log'), 'head\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual([
      'head\nnot read yet\n',
      'head\n',
    ]);
  });
});
