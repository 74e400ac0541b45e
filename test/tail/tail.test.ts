import {
  appendFile,
  mkdir,
  rename,
  truncate,
  unlink,
  writeFile,
  copyFile,
  link,
  symlink,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
}

describe('Tail', () => {
  it('cuts at the last line end, and an unterminated rest after a second', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\ntwo\nthr');
    await t.start();
    expect(t.publisher.text()).toBe('one\ntwo\n');
    await t.pass(500);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    await t.pass(1000);
    expect(t.publisher.text()).toBe('one\ntwo\nthr');
    await write(t.path('a.log'), 'ee\n');
    await t.pass(1000);
    expect(t.publisher.text()).toBe('one\ntwo\nthree\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('finds files and directories that appear later, and empty files when they are written', async () => {
    await using t = await TailHarness.create();
    await t.start();
    await write(t.path('sub/deep/a.log'), '');
    await t.pass(2000);
    expect(t.publisher.published).toEqual([]);
    await write(t.path('sub/deep/a.log'), 'x\n');
    await t.pass(2000);
    expect(t.publisher.text()).toBe('x\n');
  });

  it('keeps the stream over a rename, drains it first, and links its successor', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'old 1\n');
    await t.start();
    await write(t.path('a.log'), 'old 2\n');
    await rename(t.path('a.log'), t.path('a.log.1'));
    await write(t.path('a.log'), 'new 1\n');
    await t.pass(2000);
    const [old, fresh] = t.publisher.of('a.log');
    expect(old?.bytes.toString()).toBe('old 1\nold 2\n');
    expect(fresh?.bytes.toString()).toBe('new 1\n');
    expect(fresh?.first.previous).toBe(old?.first.stream);
    expect(fresh?.first.created).toBeGreaterThan(old?.first.created ?? 0);
    await t.pass(6000);
    expect(t.publisher.of('a.log').map((stream) => stream.final)).toEqual([true, false]);
  });

  it('loses nothing in five renames between two polls', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'gen 0\n');
    await t.start();
    for (let generation = 1; generation <= 5; generation += 1) {
      for (let n = generation; n > 0; n -= 1) {
        await rename(n === 1 ? t.path('a.log') : t.path(`a.log.${n - 1}`), t.path(`a.log.${n}`));
      }
      await write(t.path('a.log'), `gen ${generation}\n`);
    }
    await t.pass(3000);
    expect(t.publisher.text()).toBe('gen 0\ngen 1\ngen 2\ngen 3\ngen 4\ngen 5\n');
    expect(t.publisher.streams.size).toBe(6);
  });

  it('begins a new stream after a truncation, and tells what was lost', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'first line\n');
    await t.start();
    await truncate(t.path('a.log'), 0);
    await write(t.path('a.log'), 'x\n');
    await t.pass(2000);
    const [old, fresh] = t.publisher.of('a.log');
    expect(old?.final).toBe(true);
    expect(fresh?.bytes.toString()).toBe('x\n');
    expect(fresh?.first.previous).toBe(old?.first.stream);
  });

  it('notices by the anchor that a file was truncated and has grown past the offset since', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'same head\nabcdef\n');
    await t.start();
    await truncate(t.path('a.log'), 0);
    await write(t.path('a.log'), 'same head\nother bytes that are more than before\n');
    await t.pass(2000);
    expect(t.publisher.of('a.log').map((stream) => stream.bytes.toString())).toEqual([
      'same head\nabcdef\n',
      'same head\nother bytes that are more than before\n',
    ]);
  });

  it('begins a new stream when a file has less than was seen of it, though what was read is there again', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'head\nseen, and not whole');
    await t.start();
    await truncate(t.path('a.log'), 5);
    await t.pass(500);
    await appendFile(t.path('a.log'), 'more\n');
    await t.pass(8000);
    expect(t.publisher.of('a.log').map(({ bytes, gaps }) => [bytes.toString(), gaps])).toEqual([
      ['head\n', [{ start: 5, end: 24, reason: 'truncated' }]],
      ['head\nmore\n', []],
    ]);
  });

  it('publishes a gap for bytes that were seen and truncated before they could be read', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'kept\n');
    await t.start();
    await write(t.path('a.log'), 'unterminated');
    await t.pass(500);
    await truncate(t.path('a.log'), 0);
    await t.pass(2000);
    expect(t.publisher.of('a.log')[0]?.gaps).toEqual([{ start: 5, end: 17, reason: 'truncated' }]);
  });

  it('copytruncate within the patterns: nothing lost, nothing shipped twice', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'line 1\nline 2\n');
    await t.start();
    await write(t.path('a.log'), 'line 3\n');
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await truncate(t.path('a.log'), 0);
    await write(t.path('a.log'), 'line 4\n');
    await t.pass(3000);
    expect(t.publisher.text()).toBe('line 1\nline 2\nline 3\nline 4\n');
    expect(t.publisher.streams.size).toBe(2);
    expect(t.warnings).toEqual([]);
  });

  it('holds back a copy beside its original until that is truncated', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'line 1\nline 2\n');
    await t.start();
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await t.pass(3000);
    await write(t.path('a.log.1'), 'caught in the copy\n');
    await truncate(t.path('a.log'), 0);
    await t.pass(3000);
    expect(t.publisher.text()).toBe('line 1\nline 2\ncaught in the copy\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('ships a copy that stays beside its original as a file of its own', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'line 1\nline 2\n');
    await t.start();
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await t.pass(15_000);
    expect(t.publisher.streams.size).toBe(2);
  });

  it('ships files that are equal to the last byte, each', async () => {
    await using t = await TailHarness.create();
    await write(t.path('0/stdout.log'), 'same\n');
    await write(t.path('1/stdout.log'), 'same\n');
    await t.start();
    await t.pass(1000);
    expect(t.publisher.streams.size).toBe(2);
  });

  it('ships a file with two names once', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'x\n');
    await link(t.path('a.log'), t.path('b.log'));
    await t.start();
    await t.pass(2000);
    expect(t.publisher.streams.size).toBe(1);
  });

  it('follows links within the directories and refuses those that lead out', async () => {
    await using t = await TailHarness.create();
    await write(t.path('real/a.txt'), 'inside\n');
    await symlink(t.path('real/a.txt'), t.path('in.log'));
    await symlink('/etc/hostname', t.path('out.log'));
    await t.start();
    await t.pass(2000);
    expect(t.publisher.text()).toBe('inside\n');
    expect(t.warnings.map(({ message }) => message)).toEqual(['cannot be followed']);
  });

  it('gives each of many files that reuse an inode and begin alike a stream of its own', async () => {
    await using t = await TailHarness.create();
    await write(t.path('keep.log'), 'x\n');
    await t.start();
    for (let i = 0; i < 5; i += 1) {
      await write(t.path('a.log'), `same head\n${'abcdefgh'[i]}\n`);
      await t.pass(1500);
      await unlink(t.path('a.log'));
      await t.pass(70_000);
    }
    expect(t.publisher.of('a.log').map((stream) => stream.bytes.toString().slice(10))).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((letter) => `${letter}\n`),
    );
  });

  it('drains a deleted file from its descriptor, then ends it', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'x\n');
    await t.start();
    await write(t.path('a.log'), 'unread\n');
    await unlink(t.path('a.log'));
    await t.pass(8000);
    expect(t.publisher.text()).toBe('x\nunread\n');
    expect(t.publisher.of('a.log')[0]?.final).toBe(true);
  });

  it('stops reading, and nothing else, while nothing is acknowledged', async () => {
    await using t = await TailHarness.create();
    await write(t.path('big.log'), `${'x'.repeat(999)}\n`.repeat(20_000));
    t.publisher.acks = false;
    await t.start();
    await t.pass(3000);
    const bytes = t.publisher.published.reduce((sum, { segment }) => sum + segment.bytes.length, 0);
    expect(bytes).toBeLessThan(9 * 1024 * 1024);
    await unlink(t.path('big.log'));
    t.publisher.release();
    await t.pass(3000);
    expect(t.publisher.text()).toHaveLength(20_000_000);
  });

  it('keeps the bytes of a file that appears and is deleted while there is no room', async () => {
    await using t = await TailHarness.create();
    await write(t.path('big.log'), `${'x'.repeat(999)}\n`.repeat(10_000));
    t.publisher.acks = false;
    await t.start();
    await write(t.path('short.log'), 'short-lived\n');
    await t.pass(2000);
    await unlink(t.path('short.log'));
    await t.pass(2000);
    await write(t.path('short.log'), 'its successor\n');
    t.publisher.release();
    await t.pass(5000);
    expect(t.publisher.text('short.log')).toBe('short-lived\nits successor\n');
  });

  it('tells of a file that went away before it could be opened, and goes on with its successor', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'never seen\n');
    const open = t.fs.open.bind(t.fs);
    t.fs.open = async (path) => {
      if (path.endsWith('a.log')) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return await open(path);
    };
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(4000);
    t.fs.open = open;
    await write(t.path('a.log'), 'seen\n');
    await t.pass(4000);
    expect(t.publisher.text()).toBe('seen\n');
    expect(t.warnings.map(({ message }) => message)).toEqual([
      'out of file descriptors: files take turns',
      'a file went away before it could be opened',
    ]);
  });

  it.each([0, 5000])(
    'knows the files of a directory that was moved away for %i ms more than three seconds',
    async (ms) => {
      await using t = await TailHarness.create();
      await write(t.path('run/a.log.1'), 'older\n');
      await write(t.path('run/a.log'), 'one\n');
      await t.start();
      // So quiet that nothing keeps the descriptors any longer.
      await t.pass(70_000);
      await rename(t.path('run'), `${t.logs}-away`);
      await t.pass(3000 + ms);
      await rename(`${t.logs}-away`, t.path('run'));
      await write(t.path('run/a.log'), 'two\n');
      await t.pass(20_000);
      expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe(
        'older\none\ntwo\n',
      );
    },
  );

  it('knows a file that comes back while there are no descriptors, when there are some again', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    await t.start();
    const open = t.fs.open.bind(t.fs);
    t.fs.open = async () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    // It is let go for this one, which finds no descriptor.
    await write(t.path('b.log'), 'another\n');
    await rename(t.path('a.log'), t.path('away'));
    await t.pass(3000);
    await rename(t.path('away'), t.path('a.log'));
    await t.pass(3000);
    t.fs.open = open;
    await write(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes, final }) => [bytes.toString(), final])).toEqual([
      ['one\ntwo\n', false],
    ]);
    expect(t.publisher.text('b.log')).toBe('another\n');
  });

  it('sends again what the transport refuses, until it takes it, and keeps the order', async () => {
    await using t = await TailHarness.create();
    t.publisher.refuse = () => new Error('no permission');
    await write(t.path('a.log'), 'one\n');
    const tail = await t.start();
    await write(t.path('a.log'), 'two\n');
    await t.pass(3000);
    expect(t.publisher.published).toEqual([]);
    expect(t.warnings.map(({ message }) => message)).toEqual([
      'the transport refuses segments: they are sent again until it takes them',
    ]);
    expect(tail.notReady).toContain('no permission');
    t.publisher.refuse = null;
    await t.pass(60_000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(tail.notReady).toBeNull();
  });

  it('asks again for a partition until it is told', async () => {
    await using t = await TailHarness.create();
    t.publisher.unreachable = new Error('answers HTTP, not Kafka');
    await write(t.path('a.log'), 'one\n');
    const tail = await t.start();
    await write(t.path('a.log'), 'two\n');
    await t.pass(3000);
    expect(tail.notReady).toContain('answers HTTP');
    t.publisher.unreachable = null;
    await t.pass(60_000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.warnings).toHaveLength(1);
  });

  it('ends once with the refusal', async () => {
    await using t = await TailHarness.create();
    t.publisher.refuse = () => new Error('no permission');
    await write(t.path('a.log'), 'one\n');
    const tail = await t.tail();
    await expect(tail.once(new AbortController().signal)).rejects.toThrow('no permission');
  });
});

describe('Tail after a crash', () => {
  it('sends the same cuts again, with the same observed times, and goes on', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\ntwo\n');
    t.publisher.acks = false;
    await t.start();
    await write(t.path('a.log'), 'three\n');
    await t.pass(1000);
    const before = t.publisher.published.map(({ segment }) => segment);
    t.crash();
    await write(t.path('a.log'), 'four\n');
    await t.clock.advance(5000);
    t.publisher.published.length = 0;
    await t.start();
    const again = t.publisher.published.map(({ segment }) => segment);
    expect(again.slice(0, 2)).toEqual(before);
    expect(again[2]?.bytes.toString()).toBe('four\n');
  });

  it('finds its streams again after three rotations, in order', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'gen 0\n');
    await t.start();
    t.crash();
    await write(t.path('a.log'), 'gen 0 unread\n');
    for (let generation = 1; generation <= 3; generation += 1) {
      for (let n = generation; n > 0; n -= 1) {
        await rename(n === 1 ? t.path('a.log') : t.path(`a.log.${n - 1}`), t.path(`a.log.${n}`));
      }
      await write(t.path('a.log'), `gen ${generation}\n`);
    }
    await t.start();
    await t.pass(2000);
    expect(t.publisher.text()).toBe('gen 0\ngen 0 unread\ngen 1\ngen 2\ngen 3\n');
    const streams = [...t.publisher.streams.values()].sort((a, b) => a.first.created - b.first.created);
    expect(streams.map((stream) => stream.first.previous)).toEqual([
      null,
      ...streams.slice(0, 3).map((stream) => stream.first.stream),
    ]);
  });

  it('publishes a gap for a cut whose bytes were rewritten meanwhile', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\ntwo\n');
    t.publisher.acks = false;
    await t.start();
    t.crash();
    t.publisher.published.length = 0;
    await writeFile(t.path('a.log'), 'entirely other\n');
    await t.start();
    await t.pass(2000);
    const [old, fresh] = t.publisher.of('a.log');
    expect(old?.gaps[0]).toEqual({ start: 0, end: 8, reason: 'truncated' });
    expect(fresh?.bytes.toString()).toBe('entirely other\n');
  });

  it('publishes a gap for a file that went away while nobody ran', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    await t.start();
    await t.pass(1000);
    t.crash();
    t.publisher.published.length = 0;
    await unlink(t.path('a.log'));
    await t.start();
    await t.pass(12_000);
    expect(t.publisher.of('a.log')[0]).toMatchObject({
      final: true,
      gaps: [{ start: 4, end: 4, reason: 'gone' }],
    });
  });

  it('does not call a file gone that no longer matches, and sends what was cut of it', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    t.crash();
    t.publisher.published.length = 0;
    await t.start(['**/*.other']);
    await t.pass(12_000);
    expect(t.publisher.text()).toBe('one\n');
    expect(t.warnings).toEqual([]);
    t.crash();
    await write(t.path('a.log'), 'two\n');
    await t.start();
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('does not call a file gone that no longer matches and may no longer be read', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    await t.start();
    t.crash();
    t.publisher.published.length = 0;
    const open = t.fs.open.bind(t.fs);
    t.fs.open = async () =>
      await Promise.reject(Object.assign(new Error('permission denied'), { code: 'EACCES' }));
    await t.start(['**/*.other']);
    await t.pass(12_000);
    t.fs.open = open;
    expect(t.publisher.published).toEqual([]);
    expect(t.warnings.map(({ message }) => message)).toEqual([
      'cannot be read, and no longer matches the patterns',
    ]);
    t.crash();
    await write(t.path('a.log'), 'two\n');
    await t.start();
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('reads again under the same ids when the state is lost', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    await t.start();
    const [before] = t.publisher.streams.keys();
    t.crash();
    const { rm } = await import('node:fs/promises');
    await rm(t.state, { recursive: true });
    await t.start();
    expect([...t.publisher.streams.keys()]).toEqual([before]);
  });

  it('works through what is there with once, and stops', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log.1'), 'rotated\n');
    await write(t.path('a.log'), 'current, unterminated');
    const tail = await t.tail();
    await tail.once(new AbortController().signal);
    expect(t.publisher.text()).toBe('rotated\ncurrent, unterminated');
  });
});
