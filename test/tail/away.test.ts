import { appendFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

describe('files that are away for a time', () => {
  it.each([
    ['their directory is renamed, and renamed back', 'sub', '../sub'],
    ['the volume comes after the agent', '', '../elsewhere'],
  ])('are the same ones when the agent was restarted meanwhile: %s', async (_, directory, elsewhere) => {
    await using t = await TailHarness.create();
    await mkdir(t.path('sub'), { recursive: true });
    // One that has its final marker, and one that is written to.
    await writeFile(t.path('sub/a.log.1'), 'old\n');
    await writeFile(t.path('sub/a.log'), 'one\n');
    await t.start();
    await t.pass(8000);
    t.crash();
    await rename(t.path(directory), t.path(elsewhere));
    await t.start(['**/*.log{,.1}']);
    await t.pass(5000);
    await rename(t.path(elsewhere), t.path(directory));
    await appendFile(t.path('sub/a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.text('a.log')).toBe('one\ntwo\n');
    expect(t.publisher.of('a.log')).toMatchObject([{ final: false, gaps: [] }]);
    expect(t.publisher.of('a.log.1')).toMatchObject([{ final: true, gaps: [] }]);
  });

  it('are the same ones when they were spooled meanwhile', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    await t.pass(1000);
    await rename(t.path('a.log'), t.path('a.txt'));
    await t.pass(4000);
    t.crash();
    t.publisher.acks = false;
    await t.start();
    await t.pass(1000);
    await rename(t.path('a.txt'), t.path('a.log'));
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(3000);
    t.publisher.release();
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['one\ntwo\n']);
    expect(await readdir(join(t.state, 'spool'))).toEqual([]);
  });

  it.each([
    ['come back', 'one\n', 'one\ntwo\n'],
    ['are others by now, which have their inode', 'one\ntwo\n', 'one\nthree\nfour\n'],
  ])('of which nothing could be cut before they were spooled: %s', async (_, was, is) => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('big.log'), `${'.'.repeat(1023)}\n`.repeat(9000));
    t.publisher.acks = false;
    await t.start();
    await writeFile(t.path('a.log'), was);
    await t.pass(2000);
    await rename(t.path('a.log'), t.path('a.txt'));
    await t.pass(4000);
    t.crash();
    await writeFile(t.path('a.txt'), is);
    await rename(t.path('a.txt'), t.path('a.log'));
    await t.start();
    await t.pass(30_000);
    const texts = t.publisher.of('a.log').map(({ bytes }) => bytes.toString());
    expect(texts).toEqual(is.startsWith(was) ? [is] : [was, is]);
    expect(await readdir(join(t.state, 'spool'))).toEqual([]);
  });

  it('are the same ones when they could not be read since the agent was restarted', async () => {
    await using t = await TailHarness.following('one\n');
    t.crash();
    const { open } = t.fs;
    t.fs.open = async () => await Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await t.start();
    await t.pass(1000);
    await rename(t.path('a.log'), t.path('a.txt'));
    await t.pass(5000);
    await rename(t.path('a.txt'), t.path('a.log'));
    t.fs.open = open;
    await t.pass(20_000);
    expect(t.publisher.of('a.log')).toMatchObject([{ bytes: Buffer.from('one\n'), gaps: [] }]);
  });

  it('are the same ones, with all that was not sent, when the spool was full and the agent was restarted meanwhile', async () => {
    await using t = await TailHarness.create();
    t.spoolBytesMax = 0;
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    await rename(t.path('a.log'), t.path('a.txt'));
    await t.pass(4000);
    t.crash();
    await t.start();
    await t.pass(1000);
    await rename(t.path('a.txt'), t.path('a.log'));
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log')).toMatchObject([{ bytes: Buffer.from('one\ntwo\n'), gaps: [] }]);
  });

  it('are the same ones when they may not be read for a time after they came back, which is told once', async () => {
    await using t = await TailHarness.following('one\n');
    t.publisher.acks = false;
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(1000);
    await rename(t.path('a.log'), t.path('a.txt'));
    await t.pass(70_000);
    const { open } = t.fs;
    t.fs.open = async () => await Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' }));
    await rename(t.path('a.txt'), t.path('a.log'));
    t.publisher.release();
    await t.pass(5000);
    expect(t.warnings.map(({ message }) => message)).toEqual(['cannot be compared with known streams']);
    t.fs.open = open;
    await appendFile(t.path('a.log'), 'three\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['one\ntwo\nthree\n']);
  });

  it('are gone, with what was seen of them, when a file is in their place that cannot be opened', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'one\n');
    let isBroken = false;
    const check = () => {
      if (isBroken) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    t.beforeReads(check);
    const { open } = t.fs;
    t.fs.open = async (path) => {
      check();
      return await open(path);
    };
    await t.start();
    await t.pass(1000);
    isBroken = true;
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(3000);
    await writeFile(t.path('next'), 'another\n');
    await rename(t.path('next'), t.path('a.log'));
    await t.pass(20_000);
    isBroken = false;
    await t.pass(5000);
    const [first, second] = t.publisher.of('a.log');
    expect(first).toMatchObject({ final: true, gaps: [{ start: 4, end: 8 }] });
    expect(second?.bytes.toString()).toBe('another\n');
  });

  it('are gone when a process that does not follow them has not found them', async () => {
    await using t = await TailHarness.following('one\n');
    t.crash();
    await rename(t.path('a.log'), t.path('a.txt'));
    const tail = await t.tail();
    await tail.once(AbortSignal.timeout(10_000));
    expect(t.publisher.of('a.log')).toMatchObject([{ final: true, gaps: [{ start: 4, end: 4 }] }]);
  });
});
