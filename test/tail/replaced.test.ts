import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

describe('a file that is replaced', () => {
  let t: TailHarness;
  beforeEach(async () => {
    t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log'), 'one\n');
    await writeFile(t.path('other.log'), 'other\n');
  });
  afterEach(async () => await t[Symbol.asyncDispose]());

  /** What was unread is drained, what took its place is told once, and nothing hangs. */
  async function replaceBy(make: (path: string) => Promise<void>): Promise<void> {
    await t.start();
    await appendFile(t.path('a.log'), 'unread\n');
    await unlink(t.path('a.log'));
    await make(t.path('a.log'));
    await appendFile(t.path('other.log'), 'goes on\n');
    await t.pass(10_000);
    expect(t.publisher.text('a.log')).toBe('one\nunread\n');
    expect(t.publisher.text('other.log')).toBe('other\ngoes on\n');
    expect(t.publisher.of('a.log')[0]?.final).toBe(true);
  }
  const told = () => t.warnings.map(({ message }) => message);

  it('by a directory is drained, and what is in that is followed', async () => {
    await replaceBy(async (path) => {
      await mkdir(path);
      await writeFile(join(path, 'inner.log'), 'inner\n');
    });
    expect(t.publisher.text('inner.log')).toBe('inner\n');
    expect(t.warnings).toEqual([]);
  });

  it('by a FIFO is drained, with one warning', async () => {
    await replaceBy(async (path) => {
      expect(spawnSync('mkfifo', [path]).status).toBe(0);
      await Promise.resolve();
    });
    expect(told()).toEqual(['cannot be followed']);
  });

  it('by a socket is drained, with one warning', async () => {
    const server = createServer();
    await replaceBy(async (path) => await new Promise<void>((done) => void server.listen(path, done)));
    expect(told()).toEqual(['cannot be followed']);
    await new Promise<void>((done) => void server.close(() => done()));
  });

  it('by a device is drained, with one warning', async (context) => {
    if (spawnSync('mknod', [t.path('probe'), 'c', '1', '3']).status !== 0) {
      console.warn('SKIPPED: no device can be made here');
      context.skip();
    }
    await replaceBy(async (path) => {
      spawnSync('mknod', [path, 'c', '1', '5']);
      await Promise.resolve();
    });
    expect(told()).toEqual(['cannot be followed']);
  });

  it('by one that may no longer be read is drained, told once, and followed when it may', async () => {
    const { open } = t.fs;
    let allowed = false;
    await t.start();
    await appendFile(t.path('a.log'), 'unread\n');
    await unlink(t.path('a.log'));
    await writeFile(t.path('a.log'), 'secret\n');
    t.fs.open = async (path) => {
      if (path.endsWith('/a.log') && !allowed) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
      return await open(path);
    };
    await t.pass(20_000);
    expect(t.publisher.text('a.log')).toBe('one\nunread\n');
    expect(t.warnings.map(({ message }) => message)).toEqual(['cannot be read']);
    allowed = true;
    await t.pass(2000);
    expect(t.publisher.text('a.log')).toBe('one\nunread\nsecret\n');
  });
});

describe('a symbolic link', () => {
  it('that is swapped (ln -s, mv -T): the old file is drained, then the new one read, within 2 s', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.path('data'), { recursive: true });
    await writeFile(t.path('data/1'), 'old\n');
    await symlink('data/1', t.path('current.log'));
    await t.start(['*.log']);
    await appendFile(t.path('data/1'), 'old, unread\n');
    await writeFile(t.path('data/2'), 'new\n');
    await symlink('data/2', t.path('next'));
    await rename(t.path('next'), t.path('current.log'));
    await t.pass(2000);
    expect(t.publisher.text('current.log')).toBe('old\nold, unread\nnew\n');
    const [, fresh] = t.publisher.of('current.log');
    expect(fresh?.first.previous).toBe(t.publisher.of('current.log')[0]?.first.stream);
    expect(t.publisher.streams.size).toBe(2);
  });

  describe('that leads out of the roots', () => {
    let outside: string;
    beforeEach(async () => {
      outside = await mkdtemp(join(tmpdir(), 'caboose-outside-'));
      await writeFile(join(outside, 'secret.log'), 'secret\n', { mode: 0o600 });
    });
    afterEach(async () => await rm(outside, { recursive: true }));

    it.each([
      ['to a file', async (t: TailHarness) => await symlink(join(outside, 'secret.log'), t.path('a.log'))],
      ['to a directory', async (t: TailHarness) => await symlink(outside, t.path('dir'))],
      [
        'by ..',
        async (t: TailHarness) =>
          await symlink(`../../${outside.split('/').at(-1)}/secret.log`, t.path('a.log')),
      ],
      [
        'over another link',
        async (t: TailHarness) => {
          await symlink(outside, t.path('hop'));
          await symlink('hop/secret.log', t.path('a.log'));
        },
      ],
    ])('%s is refused and told', async (_, make) => {
      await using t = await TailHarness.create();
      await mkdir(t.logs, { recursive: true });
      await make(t);
      await t.start(['**/*.log']);
      await t.pass(5000);
      expect(t.publisher.published).toEqual([]);
      expect(t.warnings.every(({ message }) => message === 'cannot be followed')).toBe(true);
      expect(t.warnings.length).toBeGreaterThan(0);
    });

    it('only once it is opened is refused by where the descriptor leads', async () => {
      await using t = await TailHarness.create();
      await mkdir(t.logs, { recursive: true });
      await writeFile(t.path('a.log'), 'harmless\n');
      const { open } = t.fs;
      // Between the walk and the opening the name becomes a link, to a file that even has the same inode number.
      t.fs.open = async (path) => {
        const { key } = (await t.fs.stat(path)) ?? {};
        const file = await open(join(outside, 'secret.log'));
        return file && { ...file, stat: async () => ({ ...(await file.stat()), key: key ?? '' }) };
      };
      await t.start(['**/*.log']);
      await t.pass(3000);
      expect(t.publisher.published).toEqual([]);
      expect(t.warnings.map(({ fields }) => JSON.stringify(fields)).join('')).toContain(
        'outside the followed directories',
      );
    });
  });
});
