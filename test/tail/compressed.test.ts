import {
  appendFile,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { until } from '../fakes/clock.ts';
import { TailHarness } from './harness.ts';

const include = ['**/*.log*'];

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
}

/** As `gzip` and `zstd --rm` do: the time of the original, which is deleted last. */
async function compress(path: string, end = '.gz'): Promise<void> {
  const bytes = await readFile(path);
  const { atime, mtime } = await stat(path);
  await writeFile(path + end, end === '.gz' ? gzipSync(bytes) : zstdCompressSync(bytes));
  await utimes(path + end, atime, mtime);
  await unlink(path);
}

async function rotate(t: TailHarness, name: string, times = 1): Promise<void> {
  for (let n = times; n > 0; n -= 1) {
    for (const end of ['', '.gz', '.zst']) {
      const from = n === 1 && end === '' ? name : `${name}.${n - 1}${end}`;
      await rename(t.path(from), t.path(`${name}.${n}${end}`)).catch(() => undefined);
    }
  }
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i} of the log\n`).join('');

describe.each(['.gz', '.zst'])('a rotated file that is compressed (%s)', (end) => {
  it('after it was shipped: nothing is shipped again, nor after restarts, nor is it decompressed again', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 500));
    await t.start(include);
    await rotate(t, 'a.log');
    await write(t.path('a.log'), 'new\n');
    await t.pass(3000);
    await compress(t.path('a.log.1'), end);
    await t.pass(20_000);
    const before = t.publisher.published.length;
    expect(t.publisher.text()).toBe(lines(0, 500) + 'new\n');
    await t.pass(100_000);
    let opened = 0;
    for (let restart = 0; restart < 3; restart += 1) {
      t.crash();
      const { open } = t.fs;
      t.fs.open = async (path) => {
        if (path.endsWith(end)) opened += 1;
        return await open(path);
      };
      await t.start(include);
      await rotate(t, 'a.log', 2 + restart);
      await t.pass(100_000);
      t.fs.open = open;
    }
    expect(opened).toBe(0);
    expect(t.publisher.published.slice(before).filter(({ segment }) => segment.bytes.length > 0)).toEqual([]);
    expect(t.publisher.of('a.log').map(({ final, gaps }) => ({ final, gaps }))).toEqual([
      { final: true, gaps: [] },
      { final: true, gaps: [] },
    ]);
    expect(t.warnings).toEqual([]);
  });

  it('while nobody ran and it was unread: goes on at the offset, before its successor', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 300));
    await t.start(include);
    t.crash();
    await write(t.path('a.log'), lines(300, 600));
    await rotate(t, 'a.log');
    await compress(t.path('a.log.1'), end);
    await write(t.path('a.log'), lines(600, 700));
    await rotate(t, 'a.log', 2);
    await compress(t.path('a.log.1'), end);
    await write(t.path('a.log'), lines(700, 800));
    await t.start(include);
    await t.pass(10_000);
    expect(t.publisher.text()).toBe(lines(0, 800));
    const [first, second, third, ...more] = t.publisher.of('');
    expect(more).toEqual([]);
    expect([second?.first.previous, third?.first.previous]).toEqual([
      first?.first.stream,
      second?.first.stream,
    ]);
    expect(t.warnings).toEqual([]);
  });

  it('with cuts that were not acknowledged: sends the same segments again', async () => {
    await using t = await TailHarness.create();
    t.publisher.acks = false;
    await write(t.path('a.log'), lines(0, 100));
    await t.start(include);
    await write(t.path('a.log'), lines(100, 200));
    await t.pass(1000);
    const sent = t.publisher.published.map(({ segment }) => segment);
    expect(sent).toHaveLength(2);
    t.crash();
    t.publisher.published.length = 0;
    await write(t.path('a.log'), lines(200, 300));
    await rotate(t, 'a.log');
    await compress(t.path('a.log.1'), end);
    await t.start(include);
    await t.pass(10_000);
    const again = t.publisher.published.map(({ segment }) => segment);
    expect(again.slice(0, 2)).toEqual(sent);
    expect(t.publisher.text()).toBe(lines(0, 300));
  });

  it('in the making beside its original: is held, and never shipped twice', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 5000));
    await t.start(include);
    await rotate(t, 'a.log');
    await write(t.path('a.log'), 'new\n');
    const bytes = await readFile(t.path('a.log.1'));
    const whole = end === '.gz' ? gzipSync(bytes) : zstdCompressSync(bytes);
    await writeFile(t.path(`a.log.1${end}`), whole.subarray(0, whole.length / 2));
    await t.pass(30_000);
    await appendFile(t.path(`a.log.1${end}`), whole.subarray(whole.length / 2));
    await t.pass(30_000);
    await unlink(t.path('a.log.1'));
    await t.pass(100_000);
    t.crash();
    await t.start(include);
    await t.pass(30_000);
    expect(t.publisher.text()).toBe(lines(0, 5000) + 'new\n');
    expect(t.publisher.streams.size).toBe(2);
  });

  it('before it was ever seen: is a stream of the decompressed bytes, in its place among the others', async () => {
    await using t = await TailHarness.create();
    for (const generation of [0, 1, 2]) {
      await write(t.path('a.log'), `gen ${generation}\n`);
      await rotate(t, 'a.log', 3);
      await compress(t.path('a.log.1'), end);
    }
    await write(t.path('a.log'), 'gen 3\n');
    await t.start(include);
    await t.pass(10_000);
    expect(t.publisher.text()).toBe('gen 0\ngen 1\ngen 2\ngen 3\n');
    const streams = t.publisher.of('');
    expect(streams.map(({ first }) => first.path.slice(t.logs.length + 1))).toEqual(
      [3, 2, 1].map((n) => `a.log.${n}${end}`).concat('a.log'),
    );
    expect(streams[2]?.first.previous).toBe(streams[1]?.first.stream);
    expect(streams.map(({ final }) => final)).toEqual([true, true, true, false]);
  });

  it('cut off: waits while it changes, ships what is there, and tells of the rest once', async () => {
    await using t = await TailHarness.create();
    const bytes = Buffer.from(lines(0, 20_000));
    const whole = end === '.gz' ? gzipSync(bytes) : zstdCompressSync(bytes);
    await write(t.path('a.log'), '');
    await writeFile(t.path(`b.log${end}`), whole.subarray(0, 10));
    await t.start(include);
    for (let length = 1000; length < 5000; length += 500) {
      await writeFile(t.path(`b.log${end}`), whole.subarray(0, length));
      await t.pass(3000);
    }
    expect(t.publisher.published).toEqual([]);
    await writeFile(t.path(`b.log${end}`), whole.subarray(0, whole.length - 20));
    await t.pass(60_000);
    const text = t.publisher.text();
    expect(text.length).toBeGreaterThan(end === '.gz' ? bytes.length - 2000 : bytes.length - 256 * 1024);
    expect(bytes.toString().startsWith(text)).toBe(true);
    const [stream] = t.publisher.of('');
    expect(stream).toMatchObject({
      final: true,
      gaps: [{ start: text.length, end: text.length, reason: 'gone' }],
    });
    expect(t.warnings.map(({ message }) => message)).toEqual(['a compressed file is damaged or cut off']);
    t.crash();
    await t.start(include);
    await t.pass(30_000);
    expect(t.warnings).toHaveLength(1);
    expect(t.publisher.text()).toBe(text);
    await writeFile(t.path(`b.log${end}`), whole);
    await t.pass(30_000);
    expect(t.publisher.text()).toBe(bytes.toString());
    expect(t.publisher.streams.size).toBe(1);
  });
});

describe('compressed files', () => {
  it('that are none are carried as they are', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log.gz'), 'plain\n');
    await t.start(include);
    await t.pass(3000);
    await write(t.path('a.log.gz'), 'more\n');
    await t.pass(3000);
    expect(t.publisher.text()).toBe('plain\nmore\n');
  });

  it('that a copytruncate makes at once take the stream over, and the file goes on with a new one', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 100));
    await t.start(include);
    await write(t.path('a.log'), lines(100, 200));
    await writeFile(t.path('a.log.1.gz'), gzipSync(await readFile(t.path('a.log'))));
    await truncate(t.path('a.log'), 0);
    await write(t.path('a.log'), 'after\n');
    await t.pass(20_000);
    expect(t.publisher.text()).toBe(lines(0, 200) + 'after\n');
    expect(t.publisher.streams.size).toBe(2);
    expect(t.warnings).toEqual([]);
  });

  it('beside an original that has come further, and is truncated then, are not shipped again', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 100));
    await t.start(include);
    await writeFile(t.path('a.log.1.gz'), gzipSync(await readFile(t.path('a.log'))));
    await t.pass(5000);
    await write(t.path('a.log'), lines(100, 110));
    await t.pass(5000);
    await truncate(t.path('a.log'), 0);
    await write(t.path('a.log'), 'after\n');
    await t.pass(30_000);
    t.crash();
    await t.start(include);
    await t.pass(30_000);
    expect(t.publisher.text()).toBe(lines(0, 110) + 'after\n');
    expect(t.publisher.streams.size).toBe(2);
  });

  it('of a file that vanished into the spool take its place when that is read to its end', async () => {
    await using t = await TailHarness.create();
    t.publisher.acks = false;
    const text = lines(0, 300_000);
    await write(t.path('a.log'), text);
    await t.start(include);
    await compress(t.path('a.log'));
    await t.pass(200_000);
    t.crash();
    await t.start(include);
    await t.pass(200_000);
    t.crash();
    await t.start(include);
    await t.pass(10_000);
    expect(t.publisher.text() === text).toBe(true);
    expect(t.publisher.streams.size).toBe(1);
    expect(t.publisher.of('')[0]?.gaps).toEqual([]);
  });

  it('beside an original of which nothing was cut yet are not shipped beside it', async () => {
    await using t = await TailHarness.following('one\n');
    t.publisher.acks = false;
    await appendFile(t.path('b.log'), `${'x'.repeat(1023)}\n`.repeat(8 * 1024));
    await t.pass(2000);
    await rename(t.path('a.log'), t.path('a.log.2'));
    await writeFile(t.path('a.log.1'), lines(0, 20));
    await writeFile(t.path('a.log.1.gz'), gzipSync(lines(0, 20)));
    await writeFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    t.publisher.release();
    await t.pass(2000);
    await unlink(t.path('a.log.1'));
    await t.pass(20_000);
    expect(t.publisher.text('a.log.1') + t.publisher.text('a.log.1.gz')).toBe(lines(0, 20));
    expect(t.publisher.text('a.log')).toBe('one\ntwo\n');
  });

  it('with the head of a live file, and other bytes, are files of their own', async () => {
    await using t = await TailHarness.create();
    await write(t.path('metrics.csv.log'), 'step,loss\n' + lines(0, 1000));
    await writeFile(t.path('metrics.csv.log.1.gz'), gzipSync('step,loss\n' + lines(5000, 5100)));
    await t.start(include);
    await t.pass(10_000);
    expect(t.publisher.text('.1.gz')).toBe('step,loss\n' + lines(5000, 5100));
  });

  it('that grow by a member go on where they ended', async () => {
    await using t = await TailHarness.create();
    await writeFile(await inLogs(t, 'a.log.gz'), gzipSync(lines(0, 100)));
    await t.start(include);
    await t.pass(5000);
    await appendFile(t.path('a.log.gz'), gzipSync(lines(100, 200)));
    await t.pass(5000);
    expect(t.publisher.text()).toBe(lines(0, 200));
    expect(t.publisher.streams.size).toBe(1);
  });

  it('that may not be read hold up no other, and are told of once', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), lines(0, 10));
    await t.start(include);
    t.crash();
    await rm(t.path('a.log'));
    await writeFile(t.path('a.log.1.gz'), gzipSync(lines(0, 20)));
    await write(t.path('a.log'), 'other\n');
    const { open } = t.fs;
    t.fs.open = async (path) => {
      if (path.endsWith('.gz')) throw Object.assign(new Error('EACCES: refused'), { code: 'EACCES' });
      return await open(path);
    };
    await t.start(include);
    await t.pass(10_000);
    expect(t.publisher.text()).toBe(lines(0, 10) + 'other\n');
    expect(t.warnings.map(({ message }) => message)).toContain('cannot be read');
  });

  it('are worked through by once', async () => {
    await using t = await TailHarness.create();
    await writeFile(await inLogs(t, 'a.log.2.gz'), gzipSync(lines(0, 10)));
    await writeFile(t.path('a.log.1.zst'), zstdCompressSync(lines(10, 20)));
    await write(t.path('a.log'), lines(20, 30));
    const tail = await t.tail(include);
    await tail.once(new AbortController().signal);
    expect(t.publisher.text('a.log')).toBe(lines(20, 30));
    expect(t.publisher.text('2.gz') + t.publisher.text('1.zst')).toBe(lines(0, 20));
  });

  it('that decompress to very much let others have their turn, and fill no memory', async () => {
    await using t = await TailHarness.create();
    const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024, 'not zeros '));
    expect(bomb.length).toBeLessThan(64 * 1024);
    await writeFile(await inLogs(t, 'bomb.log.zst'), bomb);
    await t.start(include);
    const before = process.memoryUsage().rss;
    let most = 0;
    await write(t.path('live.log'), 'live\n');
    await t.clock.advance(2000);
    await until(
      () => {
        most = Math.max(most, process.memoryUsage().rss);
        return t.publisher.of('live.log').length > 0;
      },
      'the live file is shipped',
      30_000,
    );
    expect(t.publisher.of('bomb.log.zst')).toEqual([]);
    expect(most - before).toBeLessThan(64 * 1024 * 1024);
  });
});

async function inLogs(t: TailHarness, name: string): Promise<string> {
  await mkdir(t.logs, { recursive: true });
  return t.path(name);
}
