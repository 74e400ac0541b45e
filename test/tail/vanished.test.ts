import {
  appendFile,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { readCutState } from '../../src/tail/cut-log.ts';
import { TailHarness } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';
import { MemoryTail } from './memory-tail.ts';

const kilobyte = `${'x'.repeat(1023)}\n`;

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
}

async function spoolFiles(t: TailHarness): Promise<string[]> {
  return await readdir(join(t.state, 'spool')).catch(() => []);
}

/** After kill -9: what was published is forgotten, so that only what is sent now counts. */
async function restart(t: TailHarness, include?: string[]): Promise<void> {
  t.crash();
  t.publisher.published.length = 0;
  await t.start(include);
}

describe('a file that is deleted while nothing is acknowledged', () => {
  it('is spooled; after a kill the same segments are sent, then the rest; then the spool file goes', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\ntwo\n');
    t.publisher.acks = false;
    await t.start();
    await write(t.path('a.log'), 'three\n');
    await t.pass(1000);
    const before = t.publisher.published.map(({ segment }) => segment);
    await write(t.path('a.log'), 'unterminated');
    await unlink(t.path('a.log'));
    await t.pass(800);
    await t.pass(2000);
    expect(await spoolFiles(t)).toHaveLength(1);
    const rest = t.publisher.published.slice(before.length).map(({ segment }) => segment);
    await restart(t);
    await t.pass(8000);
    const again = t.publisher.published.map(({ segment }) => segment);
    expect(again.slice(0, before.length + rest.length)).toEqual([...before, ...rest]);
    expect(t.publisher.text()).toBe('one\ntwo\nthree\nunterminated');
    expect(t.publisher.of('a.log')[0]).toMatchObject({ final: true, gaps: [] });
    expect(await spoolFiles(t)).toEqual([]);
    expect(t.warnings).toEqual([]);
  });

  it('is spooled from its descriptor when there was no room to read it, and keeps its order', async () => {
    await using t = await TailHarness.create();
    await write(t.path('big.log'), kilobyte.repeat(9000));
    t.publisher.acks = false;
    await t.start();
    await write(t.path('a.log'), 'first\n');
    await t.pass(2000);
    await rename(t.path('a.log'), t.path('a.log.1'));
    await write(t.path('a.log'), 'second\n');
    await t.pass(2000);
    await unlink(t.path('a.log.1'));
    await unlink(t.path('a.log'));
    await t.pass(3000);
    await restart(t);
    await write(t.path('a.log'), 'third\n');
    await t.pass(10_000);
    const order = t.publisher.published
      .filter(({ segment }) => !segment.path.endsWith('big.log'))
      .map(({ segment }) => segment.bytes.toString());
    expect(order.join('')).toBe('first\nsecond\nthird\n');
    expect(t.publisher.text('big.log')).toBe(kilobyte.repeat(9000));
    expect(await spoolFiles(t)).toEqual([]);
    expect(t.warnings).toEqual([]);
  });

  it.each([
    ['it is deleted, and its writer goes on, while the agent stops', true],
    ['it is deleted before the agent stops, and its writer goes on', false],
  ])('is spooled whole when %s', async (_, goesLater) => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    const tail = await t.start();
    await t.pass(1000);
    await using writer = await open(t.path('a.log'), 'a');
    if (!goesLater) await unlink(t.path('a.log'));
    const deadline = new AbortController();
    const stopped = tail.drain(deadline.signal);
    await t.settle();
    if (goesLater) await unlink(t.path('a.log'));
    await writer.write('two\n');
    deadline.abort();
    await stopped;
    await restart(t);
    await t.pass(8000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.publisher.of('a.log')[0]).toMatchObject({ final: true, gaps: [] });
  });

  it('survives kill after kill', async () => {
    await using t = await TailHarness.create();
    const text = kilobyte.repeat(12_000);
    await write(t.path('a.log'), text);
    t.publisher.acks = false;
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(3000);
    for (let kill = 0; kill < 3; kill += 1) {
      t.crash();
      t.publisher.acks = false;
      await t.start();
      await t.pass(2000);
    }
    await restart(t);
    await t.pass(10_000);
    expect(t.publisher.text()).toBe(text);
    expect(t.publisher.of('a.log')[0]?.gaps).toEqual([]);
    expect(await spoolFiles(t)).toEqual([]);
  });

  it('and written to all the same: what is written is spooled, too', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    const { open } = await import('node:fs/promises');
    await using writer = await open(t.path('a.log'), 'a');
    t.publisher.acks = false;
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(3000);
    await writer.write('two\n');
    await t.pass(3000);
    await restart(t);
    await t.pass(8000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
  });

  it('is final only when it has stayed quiet since it was deleted', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    const { open } = await import('node:fs/promises');
    await using writer = await open(t.path('a.log'), 'a');
    await t.start();
    await t.pass(20_000);
    await unlink(t.path('a.log'));
    await t.pass(1100);
    await writer.write('two\n');
    await t.pass(8000);
    const [stream] = t.publisher.of('a.log');
    expect(stream?.segments.map(({ bytes, final }) => [bytes.toString(), final])).toEqual([
      ['one\n', false],
      ['two\n', false],
      ['', true],
    ]);
  });

  it('is let go without a kill, too, and its inode may be another file', async () => {
    await using t = await TailHarness.create();
    t.publisher.acks = false;
    await write(t.path('a.log'), 'same head\nold\n');
    await t.start();
    const { ino } = await stat(t.path('a.log'));
    await unlink(t.path('a.log'));
    await t.pass(70_000);
    // Another process may be given the inode: then it is a new file with another one.
    for (let i = 0; ; i += 1) {
      await write(t.path('a.log'), 'same head\nnew and longer\n');
      if (i === 20 || (await stat(t.path('a.log'))).ino === ino) break;
      await rename(t.path('a.log'), t.path(`other-${i}`));
    }
    await t.pass(3000);
    t.publisher.release();
    await t.pass(10_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual([
      'same head\nold\n',
      'same head\nnew and longer\n',
    ]);
    expect(t.publisher.of('a.log')[0]?.final).toBe(true);
    expect(await spoolFiles(t)).toEqual([]);
  });

  it('is spooled before the agent ends by itself', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    const tail = await t.start();
    await unlink(t.path('a.log'));
    await t.pass(600);
    await tail.drain(AbortSignal.abort());
    await restart(t);
    await t.pass(8000);
    expect(t.publisher.text()).toBe('one\n');
    expect(t.publisher.of('a.log')[0]?.gaps).toEqual([]);
  });

  it('leaves no descriptor behind: two hundred of them, with ten at most', async () => {
    await using t = await TailHarness.create();
    t.openFilesMax = 10;
    t.publisher.acks = false;
    const tail = await t.start();
    const names = Array.from({ length: 200 }, (_, i) => `worker-${i}.log`);
    for (let from = 0; from < names.length; from += 20) {
      const some = names.slice(from, from + 20);
      for (const name of some) await write(t.path(name), `${name} 1\n`);
      await t.pass(1500);
      for (const name of some) await unlink(t.path(name));
      await t.pass(2500);
      expect(tail.lag().openFiles).toBeLessThanOrEqual(10);
    }
    expect(await spoolFiles(t)).toHaveLength(200);
    await restart(t);
    await t.pass(10_000);
    const texts = [...t.publisher.streams.values()].map((stream) => stream.bytes.toString());
    expect(texts.toSorted()).toEqual(names.map((name) => `${name} 1\n`).toSorted());
    expect(await spoolFiles(t)).toEqual([]);
    expect(t.warnings).toEqual([]);
  });

  it('is spooled from memory when its descriptor was given to another file', async () => {
    await using t = await TailHarness.create();
    t.openFilesMax = 4;
    t.publisher.acks = false;
    for (let i = 0; i < 8; i += 1) await write(t.path(`${i}.log`), `line ${i}\n`);
    await t.start();
    await t.pass(2000);
    for (let i = 0; i < 8; i += 1) await unlink(t.path(`${i}.log`));
    await t.pass(5000);
    await restart(t);
    await t.pass(8000);
    for (let i = 0; i < 8; i += 1) expect(t.publisher.text(`${i}.log`)).toBe(`line ${i}\n`);
    expect(t.warnings).toEqual([]);
  });

  it('and replaced on the same inode, closed before that, keeps its bytes', async () => {
    await using t = await TailHarness.create();
    t.openFilesMax = 4;
    t.publisher.acks = false;
    const names = Array.from({ length: 12 }, (_, i) => `${i}.log`);
    for (const name of names) await write(t.path(name), `old ${name}\n`);
    await t.start();
    for (const name of names) {
      await unlink(t.path(name));
      await write(t.path(name), `new ${name}\n`);
    }
    await t.pass(10_000);
    await restart(t);
    await t.pass(8000);
    const texts = [...t.publisher.streams.values()].map(({ bytes }) => bytes.toString());
    expect(texts.toSorted()).toEqual(names.flatMap((name) => [`old ${name}\n`, `new ${name}\n`]).toSorted());
  });

  it('or truncated: what was cut of it is spooled from memory', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    await writeFile(t.path('a.log'), 'other\n');
    await t.pass(5000);
    expect(await spoolFiles(t)).toHaveLength(1);
    await restart(t);
    await t.pass(8000);
    expect(t.publisher.text()).toBe('one\nother\n');
    expect(t.publisher.of('a.log')[0]).toMatchObject({ final: true, gaps: [] });
    expect(await spoolFiles(t)).toEqual([]);
  });

  it('that comes back under a path that matches is followed on, and nothing is sent twice', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    await rename(t.path('a.log'), t.path('a.away'));
    await t.pass(4000);
    expect(await spoolFiles(t)).toHaveLength(1);
    await rename(t.path('a.away'), t.path('a.log'));
    await write(t.path('a.log'), 'two\n');
    await t.pass(2000);
    expect(await spoolFiles(t)).toEqual([]);
    t.publisher.release();
    await t.pass(2000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.publisher.streams.size).toBe(1);
  });

  it('and is back after a kill: the file itself is followed, not its copy', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), 'one\n');
    t.publisher.acks = false;
    await t.start();
    await rename(t.path('a.log'), t.path('a.away'));
    await t.pass(4000);
    t.crash();
    t.publisher.published.length = 0;
    await rename(t.path('a.away'), t.path('a.log'));
    await write(t.path('a.log'), 'two\n');
    await t.start();
    await t.pass(2000);
    expect(t.publisher.text()).toBe('one\ntwo\n');
    expect(t.publisher.streams.size).toBe(1);
    expect(await spoolFiles(t)).toEqual([]);
  });
});

describe('a spool that is full', () => {
  it('keeps the oldest, tells it once, and publishes gaps for what did not fit after a kill', async () => {
    await using t = await TailHarness.create();
    t.spoolBytesMax = 1024 * 1024;
    t.publisher.acks = false;
    await write(t.path('a.log'), kilobyte.repeat(600));
    await write(t.path('b.log'), kilobyte.repeat(600));
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(3000);
    await unlink(t.path('b.log'));
    await t.pass(3000);
    expect(t.warnings.map(({ message }) => message)).toEqual(['the spool is full']);
    await restart(t);
    await t.pass(18_000);
    expect(t.publisher.text('a.log')).toBe(kilobyte.repeat(600));
    const [b] = t.publisher.of('b.log');
    expect(b?.gaps).toMatchObject([{ end: 600 * 1024, reason: 'spool-full' }]);
    expect(b?.final).toBe(true);
    expect(t.warnings.map(({ message }) => message)).toEqual([
      'the spool is full',
      'bytes of a file are gone before they were sent',
    ]);
    const lost = (await t.metrics.gapBytes.get()).values.find(({ labels }) => labels.reason === 'spool-full');
    expect(lost?.value).toBe(600 * 1024 - (b?.gaps[0]?.start ?? 0));
    expect(await spoolFiles(t)).toEqual([]);
  });

  it('loses nothing while descriptors last: the transport comes back, and all is sent', async () => {
    await using t = await TailHarness.create();
    t.spoolBytesMax = 0;
    t.publisher.acks = false;
    await write(t.path('a.log'), kilobyte.repeat(10_000));
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(100_000);
    t.publisher.release();
    await t.pass(5000);
    expect(t.publisher.text()).toBe(kilobyte.repeat(10_000));
    expect(t.publisher.of('a.log')[0]?.gaps).toEqual([]);
  });

  it('keeps the oldest when descriptors are gone as well, and tells of each of the others', async () => {
    await using t = await TailHarness.create();
    Object.assign(t, { spoolBytesMax: 0, openFilesMax: 4 });
    await write(t.path('big.log'), kilobyte.repeat(9000));
    t.publisher.acks = false;
    const tail = await t.start();
    await unlink(t.path('big.log'));
    await t.pass(3000);
    for (let i = 0; i < 6; i += 1) {
      await write(t.path(`${i}.log`), `line ${i}\n`);
      await t.pass(2500);
      await unlink(t.path(`${i}.log`));
      await t.pass(2500);
    }
    expect(tail.lag().openFiles).toBeLessThanOrEqual(4);
    t.publisher.release();
    await t.pass(10_000);
    expect(t.publisher.text('big.log')).toBe(kilobyte.repeat(9000));
    const kept = Array.from({ length: 6 }, (_, i) => t.publisher.text(`/${i}.log`));
    expect(kept).toEqual(['line 0\n', 'line 1\n', 'line 2\n', '', '', '']);
    const told = t.warnings.map(({ message }) => message);
    expect(told.filter((message) => message === 'the spool is full')).toHaveLength(1);
    const lost = 'a file went away before it could be opened';
    expect(told.filter((message) => message === lost)).toHaveLength(3);
  });
});

describe('a damaged spool', () => {
  async function spooled(t: TailHarness): Promise<string> {
    await write(t.path('a.log'), 'acknowledged\n');
    await t.start();
    await t.pass(1000);
    t.publisher.acks = false;
    await write(t.path('a.log'), kilobyte.repeat(1000));
    await t.pass(1000);
    await unlink(t.path('a.log'));
    await t.pass(3000);
    t.crash();
    t.publisher.published.length = 0;
    const [name = ''] = await spoolFiles(t);
    return join(t.state, 'spool', name);
  }

  it('costs the damaged frame, no more, and no other bytes take its place', async () => {
    await using t = await TailHarness.create();
    const file = await spooled(t);
    const bytes = await readFile(file);
    bytes[400_000] = (bytes[400_000] ?? 0) ^ 1;
    await writeFile(file, bytes);
    await t.start();
    await t.pass(18_000);
    const segments = t.publisher.published.map(({ segment }) => segment);
    const gaps = segments.filter(({ gap }) => gap !== null);
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({ gap: 'gone', path: t.path('a.log') });
    expect((gaps[0]?.end ?? 0) - (gaps[0]?.start ?? 0)).toBe(256 * 1024);
    const sent = segments.filter(({ gap }) => gap === null).reduce((sum, one) => sum + one.bytes.length, 0);
    expect(sent).toBe(1000 * 1024 - 256 * 1024);
    expect(segments.every((one) => one.gap !== null || /^[x\n]*$/.test(one.bytes.toString()))).toBe(true);
  });

  it('that was deleted is a gap of all of it', async () => {
    await using t = await TailHarness.create();
    await rm(await spooled(t));
    await t.start();
    await t.pass(18_000);
    const gaps = t.publisher.published.flatMap(({ segment }) => (segment.gap === null ? [] : [segment]));
    expect(gaps.map(({ start, end, gap }) => ({ start, end, gap }))).toEqual([
      { start: 13, end: expect.any(Number), gap: 'gone' },
      { start: expect.any(Number), end: 13 + 1000 * 1024, gap: 'gone' },
    ]);
  });

  it('brings its stream back when the cut log is lost', async () => {
    await using t = await TailHarness.create();
    await spooled(t);
    for (const name of await readdir(t.state)) if (name.startsWith('cuts-')) await rm(join(t.state, name));
    await t.start();
    await t.pass(8000);
    const segments = t.publisher.published.map(({ segment }) => segment);
    expect(segments[0]?.start).toBe(13);
    expect(Buffer.concat(segments.map(({ bytes }) => bytes)).toString()).toBe(kilobyte.repeat(1000));
    expect(new Set(segments.map(({ stream }) => stream)).size).toBe(1);
    expect(segments.at(-1)?.final).toBe(true);
    expect(await spoolFiles(t)).toEqual([]);
  });

  it('that is garbage is a gap, and goes', async () => {
    await using t = await TailHarness.create();
    await writeFile(await spooled(t), 'no frame of it is whole');
    await t.start();
    await t.pass(18_000);
    expect(t.publisher.published.every(({ segment }) => segment.bytes.length === 0)).toBe(true);
    expect(t.publisher.published.at(-1)?.segment.final).toBe(true);
    expect(await spoolFiles(t)).toEqual([]);
  });
});

describe('a spool file that cannot be removed', () => {
  it('keeps its stream known: it would bring it back', async () => {
    const files = new MemoryFiles();
    const memory = new MemoryTail(files);
    const { journal, spool, publisher } = memory;
    const knownStreams = async () =>
      (await readCutState({ store: journal.journalStore, source: 's', logger: silentLogger })).streams.size;
    files.append('a.log', 'one\n');
    publisher.acks = false;
    const tail = await memory.open();
    await tail.start();
    await memory.pass(1000);
    files.remove('a.log');
    await memory.pass(10_000);
    expect(spool.files.size).toBe(1);
    spool.before = (call) => {
      if (call === 'remove') throw new Error('not now');
    };
    publisher.release();
    await memory.pass(100_000);
    expect([spool.files.size, await knownStreams()]).toEqual([1, 1]);
    spool.before = () => undefined;
    await memory.pass(2000);
    await tail.drain(AbortSignal.abort());
    expect([spool.files.size, await knownStreams()]).toEqual([0, 0]);
  });
});
