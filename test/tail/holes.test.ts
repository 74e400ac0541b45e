import { appendFile, mkdir, open, rename, truncate, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import { TailHarness } from './harness.ts';

/** As a program that opened its log with `>`: it does not append, but goes on at its own offset. */
class Writer {
  readonly #file: FileHandle;
  #at = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<Writer> {
    return new Writer(await open(path, 'w'));
  }

  async write(text: string | Buffer): Promise<void> {
    const { bytesWritten } = await this.#file.write(Buffer.from(text), 0, null, this.#at);
    this.#at += bytesWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function harness(): Promise<TailHarness> {
  const t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  return t;
}

/** What was published of the streams, gaps as `<hole n>`. */
function told(t: TailHarness, name = ''): string[] {
  return t.publisher
    .of(name)
    .map(({ segments }) =>
      segments
        .map(({ gap, start, end, bytes }) => (gap ? `<${gap} ${end - start}>` : bytes.toString('latin1')))
        .join(''),
    );
}

const zeros = (n: number) => Buffer.alloc(n);

describe('a hole of zeros', () => {
  it.each([3, 1000])(
    'under a writer that does not append, after a truncation: is a gap, and the next line is whole (%i lines)',
    async (count) => {
      await using t = await harness();
      await using writer = await Writer.open(t.path('a.log'));
      const before = 'before\n'.repeat(count);
      await writer.write(before);
      await t.start();
      await truncate(t.path('a.log'), 0);
      await writer.write('the next ');
      await t.pass(500);
      await writer.write('line\nand ');
      await writer.write('more\n');
      await t.pass(3000);
      expect(told(t)).toEqual([before, `<hole ${before.length}>the next line\nand more\n`]);
      expect(t.warnings.map(({ message }) => message)).toEqual([
        'a hole of zeros in a file: a gap is published in its place',
      ]);
      t.crash();
      await writer.write('after\n');
      await t.start();
      await t.pass(1000);
      expect(t.publisher.of('')[1]?.bytes.toString('latin1')).toMatch(/after\n$/);
      expect(t.publisher.streams.size).toBe(2);
    },
  );

  it('in the middle, after a truncation to a part', async () => {
    await using t = await harness();
    await using writer = await Writer.open(t.path('a.log'));
    await writer.write('before\n'.repeat(100));
    await t.start();
    await truncate(t.path('a.log'), 10);
    await writer.write('after\n');
    await t.pass(3000);
    expect(told(t)[1]).toBe('before\nbef<hole 690>after\n');
  });

  it('is cut together with an unterminated line behind it, so that the next truncation is noticed', async () => {
    await using t = await harness();
    await using writer = await Writer.open(t.path('a.log'));
    await writer.write('before\n'.repeat(100));
    await t.start();
    await truncate(t.path('a.log'), 0);
    await writer.write('not whole');
    // Looked at after 250 ms, and cut a second later.
    await t.pass(1600);
    await truncate(t.path('a.log'), 0);
    await writer.write('after\n');
    await t.pass(5000);
    expect(told(t).slice(1)).toEqual(['<hole 700>not whole', '<hole 709>after\n']);
  });

  it('whose line was seen, and not read for lack of room: the line is told when a longer hole has its place', async () => {
    await using t = await harness();
    await using writer = await Writer.open(t.path('a.log'));
    await writer.write('before\n'.repeat(200));
    await truncate(t.path('a.log'), 0);
    await writer.write('seen\n');
    for (let i = 0; i < 12; i += 1) await writeFile(t.path(`b${i}.log`), `${'x'.repeat(999)}\n`.repeat(999));
    t.publisher.acks = false;
    await t.start();
    expect(told(t, 'a.log')).toEqual(['<hole 1400>']);
    await truncate(t.path('a.log'), 0);
    await writer.write('after\n');
    t.publisher.release();
    await t.pass(8000);
    expect(told(t, 'a.log')).toEqual(['<hole 1400><truncated 5>', '<hole 1405>after\n']);
  });

  it('whose line was seen, and not whole: the line is told when a longer hole has its place', async () => {
    await using t = await harness();
    await using writer = await Writer.open(t.path('a.log'));
    await writer.write('before\n'.repeat(100));
    await t.start();
    await truncate(t.path('a.log'), 10);
    await writer.write('seen');
    await t.pass(500);
    expect(told(t)).toEqual(['before\n'.repeat(100), 'before\nbef']);
    await truncate(t.path('a.log'), 10);
    await writer.write('after\n');
    await t.pass(8000);
    expect(told(t).slice(1)).toEqual(['before\nbef<truncated 694>', 'before\nbef<hole 694>after\n']);
  });

  it('is sent again after a crash as it was', async () => {
    await using t = await harness();
    t.publisher.acks = false;
    await writeFile(t.path('a.log'), Buffer.concat([Buffer.from('a\n'), zeros(9999), Buffer.from('b\n')]));
    await t.start();
    const before = t.publisher.published.map(({ segment }) => segment);
    expect(before.map(({ gap }) => gap)).toEqual([null, 'hole', null]);
    t.crash();
    t.publisher.published.length = 0;
    await t.start();
    expect(t.publisher.published.map(({ segment }) => segment)).toEqual(before);
    // Told once, by the one that cut it.
    expect(t.warnings.map(({ message }) => message)).toEqual([
      'a hole of zeros in a file: a gap is published in its place',
    ]);
  });

  it('is found in a compressed file', async () => {
    await using t = await harness();
    const content = Buffer.concat([Buffer.from('a\n'), zeros(3_000_000), Buffer.from('b\n'), zeros(500)]);
    await writeFile(t.path('a.log.gz'), gzipSync(content));
    await t.start();
    await t.pass(15_000);
    expect(told(t)).toEqual(['a\n<hole 3000000>b\n<hole 500>']);
  });

  it('of any size is passed over in turns with other files', async () => {
    await using t = await harness();
    const size = 512 * 1024 ** 2;
    await writeFile(t.path('a.log'), 'a\n');
    await truncate(t.path('a.log'), size);
    await appendFile(t.path('a.log'), 'behind\n');
    await writeFile(t.path('b.log'), 'live\n');
    const order: string[] = [];
    const publish = t.publisher.publish.bind(t.publisher);
    t.publisher.publish = async (lane, partition, segment) => {
      order.push(`${segment.path.slice(-5)} ${segment.start}`);
      await publish(lane, partition, segment);
    };
    await t.start();
    expect(order.indexOf('b.log 0')).toBeLessThan(order.indexOf('a.log 2'));
    const gaps = t.publisher.published.filter(({ segment }) => segment.gap !== null);
    expect(gaps.map(({ segment: { start, end, gap } }) => [start, end, gap])).toEqual([[2, size, 'hole']]);
  });
});

describe('zeros at the end of a file', () => {
  it('wait until something is written over them or behind them', async () => {
    await using t = await harness();
    const file = await open(t.path('a.log'), 'w');
    await file.truncate(1_000_000);
    await file.write('one\n', 0);
    await t.start();
    await t.pass(20_000);
    expect(told(t)).toEqual(['one\n']);
    await file.write('two\n', 4);
    await t.pass(2000);
    expect(told(t)).toEqual(['one\ntwo\n']);
    await file.write('end\n', 1_000_000);
    await t.pass(2000);
    expect(told(t)).toEqual(['one\ntwo\n<hole 999992>end\n']);
    await file.close();
  });

  it('are a hole when the file is rotated away and stays as it is', async () => {
    await using t = await harness();
    await writeFile(t.path('a.log'), Buffer.concat([Buffer.from('one\n'), zeros(5000)]));
    await t.start();
    await t.pass(3000);
    await rename(t.path('a.log'), t.path('a.log.1'));
    await writeFile(t.path('a.log'), 'two\n');
    await t.pass(20_000);
    expect(told(t)).toEqual(['one\n<hole 5000>', 'two\n']);
    expect(t.publisher.of('')[0]?.final).toBe(true);
  });

  it('are a hole for once', async () => {
    await using t = await harness();
    await writeFile(t.path('a.log'), Buffer.concat([Buffer.from('one'), zeros(5000)]));
    await (await t.tail()).once(new AbortController().signal);
    expect(told(t)).toEqual(['one<hole 5000>']);
  });
});

describe('zeros that belong to a file', () => {
  const text = Buffer.from('INFO some line of a log\n'.repeat(100));
  const record = (length: number) => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(length, 0);
    return Buffer.concat([head, zeros(length), Buffer.from([1, 2, 3, 4])]);
  };
  it.each([
    ['tfevents', Buffer.concat([record(100), record(5000), text, zeros(500), text])],
    [
      'wandb',
      Buffer.concat([Buffer.from(':W&B\xbe\xe1\0', 'latin1'), zeros(32_761), text, zeros(999), text]),
    ],
    [
      'tar',
      Buffer.concat([
        Buffer.from('a.txt'),
        zeros(95),
        Buffer.from('0000644\0'),
        zeros(409),
        text,
        zeros(500),
        text,
      ]),
    ],
    [
      'UTF-16',
      Buffer.concat([Buffer.from('\ufeffline\n', 'utf16le'), zeros(100), Buffer.from('line\n', 'utf16le')]),
    ],
    ['a hole in a binary file', Buffer.concat([zeros(5000), record(100), record(200)])],
    ['a hole in a binary file that ends in a zero', Buffer.concat([zeros(5000), record(100), zeros(1)])],
    [
      'text, then arrays',
      Buffer.concat([text, Buffer.from([1, 0, 0, 0]), zeros(800), Buffer.from([7, 0, 0]), text]),
    ],
    ['few zeros in a line', Buffer.concat([text, zeros(63), text])],
    ['every byte', Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256))],
  ])('are carried exactly: %s', async (_, content) => {
    await using t = await harness();
    await writeFile(t.path('a.log'), content);
    await t.start();
    await t.pass(3000);
    const [stream] = t.publisher.of('a.log');
    expect(stream?.gaps).toEqual([]);
    expect(stream?.bytes.equals(content)).toBe(true);
  });
});

it('bytes and holes together are the file, whatever is in it', async () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 30, unit: 'grapheme-ascii' }).map((line) => Buffer.from(`${line}\n`)),
    fc.integer({ min: 1, max: 3000 }).map(zeros),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
      const content = Buffer.concat(pieces);
      await using t = await harness();
      await writeFile(t.path('a.log'), content);
      await (await t.tail()).once(new AbortController().signal);
      const rebuilt = t.publisher.published.map(({ segment }) =>
        segment.gap === 'hole' ? zeros(segment.end - segment.start) : segment.bytes,
      );
      expect(Buffer.concat(rebuilt).equals(content)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
