import { appendFile, copyFile, mkdir, rename, rm, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { compare, randomOf } from '../scenario/oracle.ts';
import { TailHarness } from './harness.ts';

const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

/** A writer that never stops, and logrotate with `copytruncate` and `rotate 3`; returns all lines that no copy lost. */
async function writeAndRotate(t: TailHarness, rotations: number, copyTo: (n: number) => string) {
  const random = randomOf(seed);
  const written: string[] = [];
  const write = async (lines: number) => {
    const batch = Array.from(
      { length: lines },
      (_, i) => `line ${written.length + i} ${'x'.repeat(random() * 80)}\n`,
    );
    written.push(...batch);
    await appendFile(t.path('a.log'), batch.join(''));
  };
  for (let rotation = 0; rotation < rotations; rotation += 1) {
    for (let burst = 0; burst < 4; burst += 1) {
      await write(1 + Math.floor(random() * 200));
      if (random() < 0.6) await t.pass(random() * 3000);
    }
    for (let n = 3; n > 1; n -= 1) await rename(copyTo(n - 1), copyTo(n)).catch(() => undefined);
    await copyFile(t.path('a.log'), copyTo(1));
    if (random() < 0.5) await t.pass(random() * 2000);
    await truncate(t.path('a.log'), 0);
    if (random() < 0.5) await t.pass(random() * 2000);
  }
  await write(10);
  return written;
}

describe('copytruncate', () => {
  it('between a look at what is to be sent again and its read leaves it to the copy', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('a.log'), 'one\ntwo\n');
    t.publisher.acks = false;
    await t.start();
    await t.pass(1000);
    t.crash();
    let reads = 0;
    t.beforeReads(async () => {
      reads += 1;
      if (reads !== 2) return;
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await truncate(t.path('a.log'), 0);
    });
    await t.start();
    await t.pass(10_000);
    expect(reads).toBeGreaterThan(2);
    expect(t.publisher.of('a.log')).toMatchObject([{ gaps: [], final: true }]);
    expect(t.publisher.text('a.log')).toBe('one\ntwo\n');
  });

  it('is known for what it is when there is no room for a long time to see the truncation', async () => {
    await using t = await TailHarness.following('one\n');
    t.publisher.acks = false;
    await appendFile(t.path('b.log'), `${'x'.repeat(1023)}\n`.repeat(8 * 1024));
    await t.pass(2000);
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await truncate(t.path('a.log'), 0);
    await t.pass(20_000);
    t.publisher.release();
    await t.pass(20_000);
    expect(t.publisher.text('a.log') + t.publisher.text('a.log.1')).toBe('one\n');
  });

  it('is known when it is written over one that was longer and of which nothing was cut', async () => {
    await using t = await TailHarness.following('one\n');
    await appendFile(t.path('a.log.1'), 'older\n');
    await t.pass(2000);
    t.publisher.acks = false;
    await appendFile(t.path('b.log'), `${'x'.repeat(1023)}\n`.repeat(8 * 1024));
    await t.pass(2000);
    // Nobody looks.
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'a long line that is in the copy alone\n');
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(2000);
    t.publisher.release();
    await t.pass(250);
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await truncate(t.path('a.log'), 0);
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['one\n', 'two\n']);
    expect(t.publisher.of('a.log.1').map(({ bytes }) => bytes.toString())).toEqual(['older\n']);
  });

  it('is known in a file that was written over with it, and is gone before anybody looks again', async () => {
    await using t = await TailHarness.following('one\n');
    await appendFile(t.path('a.log.1'), 'an older one, which is longer\n');
    await t.pass(2000);
    t.publisher.acks = false;
    await appendFile(t.path('b.log'), `${'x'.repeat(1023)}\n`.repeat(8 * 1024));
    await t.pass(2000);
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'two\n');
    await rm(t.path('a.log.1'));
    await t.pass(3000);
    t.publisher.release();
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['one\n', 'two\n']);
    expect(t.publisher.text('a.log.1')).toBe('an older one, which is longer\n');
  });

  it('is not waited for when a copy stays beside an original that is written to all the time', async () => {
    await using t = await TailHarness.following('one\n');
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    for (let i = 0; i < 150; i += 1) {
      await appendFile(t.path('a.log'), 'more\n');
      await t.pass(100);
    }
    expect(t.publisher.text('a.log.1')).toBe('one\n');
  });

  it('is not seen in a short file that holds something else than the one in its place', async () => {
    await using t = await TailHarness.following('old\n');
    await truncate(t.path('a.log'), 0);
    await rename(t.path('a.log'), t.path('a.log.1'));
    await appendFile(t.path('a.log'), 'a head that is longer\n');
    await t.pass(2000);
    await appendFile(t.path('a.log.1'), 'late\n');
    await t.pass(3000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual([
      'old\n',
      'a head that is longer\n',
    ]);
    expect(t.publisher.text('a.log.1')).toBe('late\n');
  });

  it('does not wait for a copy in a file that was emptied and renamed', async () => {
    await using t = await TailHarness.following('old\n');
    await truncate(t.path('a.log'), 0);
    await rename(t.path('a.log'), t.path('a.log.1'));
    await appendFile(t.path('a.log'), 'new\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes }) => bytes.toString())).toEqual(['old\n', 'new\n']);
  });

  it('with the copy in the patterns: every line once, under load', { timeout: 120_000 }, async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await t.start();
    const written = await writeAndRotate(t, 25, (n) => t.path(`a.log.${n}`));
    await t.pass(30_000);
    const linesOf = (text: string) => text.split('\n').slice(0, -1);
    const verdict = compare(linesOf(written.join('')), linesOf(t.publisher.text()));
    expect({ seed, ...verdict, warnings: t.warnings }).toEqual({
      seed,
      missing: 0,
      duplicate: 0,
      wrong: 0,
      warnings: [],
    });
  });

  it('with the copy elsewhere: only what came after the last look is lost, and that is told', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('a.log'), 'read\n');
    await t.start();
    await appendFile(t.path('a.log'), 'seen, and not whole');
    await t.pass(300);
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'next\n');
    await t.pass(5000);
    expect(t.publisher.of('a.log').map(({ bytes, gaps }) => [bytes.toString(), gaps])).toEqual([
      ['read\n', [{ start: 5, end: 24, reason: 'truncated' }]],
      ['next\n', []],
    ]);
    const { values } = await t.metrics.gapBytes.get();
    expect(values).toMatchObject([{ labels: { reason: 'truncated' }, value: 19 }]);
  });

  it('with the copy elsewhere, when everything was read before: nothing is lost, under load', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await t.start();
    const written: string[] = [];
    for (let rotation = 0; rotation < 25; rotation += 1) {
      for (let i = 0; i < 50; i += 1) written.push(`rotation ${rotation} line ${i}\n`);
      await appendFile(t.path('a.log'), written.slice(-50).join(''));
      await t.pass(1500);
      await truncate(t.path('a.log'), 0);
      if (rotation % 2 === 0) await t.pass(1000);
    }
    await t.pass(10_000);
    expect(t.publisher.text()).toBe(written.join(''));
  });
});

describe('a copy', () => {
  it('that was empty before is not shipped again', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('a.log'), '');
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await t.start();
    await t.pass(20_000);
    await appendFile(t.path('a.log'), 'one\n');
    await t.pass(2000);
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await t.pass(3000);
    await truncate(t.path('a.log'), 0);
    await t.pass(20_000);
    expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe('one\n');
  });

  it.each([
    ['with birth times', false],
    ['without', true],
  ])('that is written over an older one, once and again: every line once, %s', async (_, areUnborn) => {
    await using t = await TailHarness.create();
    if (areUnborn) withoutBirthTimes(t);
    await mkdir(t.logs, { recursive: true });
    await t.start();
    const written: string[] = [];
    for (let rotation = 0; rotation < 4; rotation += 1) {
      written.push(`rotation ${rotation}\n`);
      await appendFile(t.path('a.log'), written.at(-1) ?? '');
      await t.pass(rotation === 3 ? 70_000 : 4000);
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await t.pass(5000);
      await truncate(t.path('a.log'), 0);
      await t.pass(4000);
    }
    expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe(
      written.join(''),
    );
  });

  it.each([
    ['read before the truncation', 0, 300],
    ['not read before it', 300, 0],
  ])(
    'that is written over an older one of which nothing was cut is not shipped again, %s',
    async (_, ...ms) => {
      await using t = await TailHarness.create();
      await mkdir(t.logs, { recursive: true });
      await appendFile(t.path('a.log'), 'older, and not whole');
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await truncate(t.path('a.log'), 0);
      await appendFile(t.path('a.log'), 'one\ntwo\nthree and four');
      await t.start();
      await t.pass(ms[0]);
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await t.pass(ms[1]);
      await truncate(t.path('a.log'), 0);
      await t.pass(20_000);
      expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe(
        'one\ntwo\nthree and four',
      );
    },
  );

  it('is not seen in an empty file that was rotated away: it does not hold up its successor', async () => {
    await using t = await TailHarness.create();
    withoutBirthTimes(t);
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('a.log.1'), '');
    const open = t.fs.open.bind(t.fs);
    t.fs.open = async () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    await t.start();
    await appendFile(t.path('a.log'), '');
    await t.pass(1500);
    t.fs.open = open;
    await appendFile(t.path('a.log'), 'one\n');
    await t.pass(3000);
    expect(t.publisher.text()).toBe('one\n');
  });

  it.each([
    ['with birth times', false],
    ['without', true],
  ])(
    'that has the name and the inode of an older one after a restart is not shipped again, %s',
    async (_, areUnborn) => {
      await using t = await TailHarness.create();
      if (areUnborn) withoutBirthTimes(t);
      await mkdir(t.logs, { recursive: true });
      await appendFile(t.path('a.log'), 'one\n');
      await t.start();
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await truncate(t.path('a.log'), 0);
      await appendFile(t.path('a.log'), 'two\n');
      await t.pass(4000);
      t.crash();
      await copyFile(t.path('a.log'), t.path('a.log.1'));
      await t.start();
      await t.pass(4000);
      await truncate(t.path('a.log'), 0);
      await t.pass(20_000);
      expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe(
        'one\ntwo\n',
      );
    },
  );

  it('that appears together with its original is known where files have no time of birth', async () => {
    await using t = await TailHarness.create();
    withoutBirthTimes(t);
    await mkdir(t.logs, { recursive: true });
    await t.start();
    await appendFile(t.path('a.log'), 'one\n');
    await copyFile(t.path('a.log'), t.path('a.log.1'));
    await t.pass(3000);
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe('one\ntwo\n');
  });

  it('in the family is preferred to a file elsewhere that begins with the same bytes', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('b.log'), 'head\n');
    await t.start();
    await appendFile(t.path('c.log'), 'head\nof another\n');
    await copyFile(t.path('b.log'), t.path('b.log.1'));
    await truncate(t.path('b.log'), 0);
    await appendFile(t.path('b.log'), 'next\n');
    await t.pass(20_000);
    const textsOf = (name: string) => t.publisher.of(name).map(({ bytes }) => bytes.toString());
    expect(textsOf('b.log')).toEqual(['head\n', 'next\n']);
    expect(textsOf('c.log')).toEqual(['head\nof another\n']);
  });

  it('in another directory takes the stream over when the family has none', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.path('old'), { recursive: true });
    await appendFile(t.path('a.log'), 'one\n');
    await t.start();
    await copyFile(t.path('a.log'), t.path('old/a.log.1'));
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(t.publisher.published.map(({ segment }) => segment.bytes.toString()).join('')).toBe('one\ntwo\n');
  });

  it('holds all that was seen: a file with less of it is another one, and the rest is told', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await appendFile(t.path('a.log'), 'head\n');
    await t.start();
    await appendFile(t.path('a.log'), 'seen, and not whole');
    await t.pass(300);
    await truncate(t.path('a.log'), 0);
    await appendFile(t.path('b.log'), 'head\n');
    await t.pass(20_000);
    expect(t.publisher.of('a.log').map(({ bytes, gaps }) => [bytes.toString(), gaps])).toEqual([
      ['head\n', [{ start: 5, end: 24, reason: 'truncated' }]],
    ]);
    expect(t.publisher.text('b.log')).toBe('head\n');
  });
});

function withoutBirthTimes(t: TailHarness): void {
  const { open, stat } = t.fs;
  const unborn = <T extends object>(found: T): T => ({ ...found, birthtimeMs: 0 });
  t.fs.stat = async (path) => {
    const found = await stat(path);
    return found && unborn(found);
  };
  t.fs.open = async (path) => {
    const file = await open(path);
    return file && { ...file, stat: async () => unborn(await file.stat()) };
  };
}
