import {
  appendFile,
  mkdtemp,
  open,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { encodePayload, frameHeader, parseFrame } from '../../../src/transport/local/log-format.ts';
import { LogReader } from '../../../src/transport/local/log-reader.ts';
import type { LogEntry } from '../../../src/transport/local/log-reader.ts';
import { LogWriter } from '../../../src/transport/local/log-writer.ts';
import type { RetentionPolicy } from '../../../src/transport/local/retention.ts';
import { until } from '../../fakes/clock.ts';

let dir: string;
let told: string[];
const writers: LogWriter[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-log-'));
  told = [];
});

afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.stop();
  await rm(dir, { recursive: true, force: true });
});

const logger: Logger = {
  debug: () => undefined,
  info: (_fields, message) => told.push(message),
  warn: (_fields, message) => told.push(message),
  error: (_fields, message) => told.push(message),
};

function newWriter(
  over: { fileBytesMax?: number; retention?: RetentionPolicy; consumed?: number; committedMax?: number } = {},
): LogWriter {
  const writer = new LogWriter({
    dir,
    fileBytesMax: over.fileBytesMax ?? 1e6,
    retention: over.retention ?? {},
    consumed: async () => await Promise.resolve(over.consumed ?? Infinity),
    committedMax: async () => await Promise.resolve(over.committedMax ?? 0),
    onStored: () => undefined,
    clock: systemClock,
    logger,
  });
  writers.push(writer);
  return writer;
}

const record = (text: string) => ({ key: 'k', headers: { v: '1' }, value: Buffer.from(text) });

async function append(writer: LogWriter, ...texts: string[]): Promise<void> {
  await Promise.all(texts.map(async (text) => await writer.append(record(text))));
}

async function readAll(position = 0): Promise<LogEntry[]> {
  const reader = new LogReader(dir, position);
  const entries: LogEntry[] = [];
  for (;;) {
    const next = await reader.next(1000);
    if (next.length === 0) return entries;
    entries.push(...next);
  }
}

const summary = (entries: readonly LogEntry[]): string[] =>
  entries.map((entry) => (entry.kind === 'record' ? entry.record.value.toString() : entry.kind));

async function lastFile(): Promise<string> {
  return join(dir, (await readdir(dir)).toSorted().at(-1)!);
}

describe('frames', () => {
  test('any record comes back; any flipped bit is noticed', () => {
    const parts = fc.record({
      key: fc.string({ unit: 'binary' }),
      headers: fc.dictionary(fc.string(), fc.string({ unit: 'binary' })),
      value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(parts, fc.nat(), fc.maxSafeNat(), (given, bit, position) => {
        const payload = encodePayload(given, 12.5);
        const frame = Buffer.concat([frameHeader(payload, position), ...payload]);
        expect(parseFrame(frame, 0, position)).toMatchObject({
          kind: 'record',
          bytes: frame.length,
          record: { key: given.key, value: given.value, time: 12.5 },
        });
        expect(parseFrame(frame, 0, position === 0 ? 1 : position - 1).kind).toBe('invalid');
        const at = bit % (frame.length * 8);
        frame.writeUInt8(frame.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
        expect(parseFrame(frame, 0, position).kind).not.toBe('record');
      }),
    );
  });

  test('garbage never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.boolean(), (bytes, hasMagic) => {
        const buffer = Buffer.from(hasMagic ? Buffer.concat([Buffer.from('CbR1'), bytes]) : bytes);
        expect(['invalid', 'incomplete']).toContain(parseFrame(buffer, 0, 0).kind);
      }),
    );
  });
});

describe('crash', () => {
  test('a record torn at any byte is cut off, told, and the next one follows', async () => {
    const writer = newWriter();
    await append(writer, 'one', 'two');
    await writer.stop();
    const path = await lastFile();
    const whole = await readFile(path);
    const firstEnd = whole.length / 2;
    for (const length of [firstEnd + 1, firstEnd + 5, firstEnd + 20, whole.length - 1]) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(summary(await readAll())).toEqual(['one']);
      const next = newWriter();
      await append(next, 'three');
      await next.stop();
      expect(summary(await readAll())).toEqual(['one', 'three']);
    }
    expect(told).toContain('cut off a torn record that was never acknowledged');
  });

  test('a bit flip in the middle costs that record only, and is told', async () => {
    const writer = newWriter();
    await append(writer, 'one', 'two', 'three');
    const path = await lastFile();
    const bytes = await readFile(path);
    const at = bytes.indexOf('two');
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([bytes[at]! ^ 4]), 0, 1, at);
    await handle.close();
    expect(summary(await readAll())).toEqual(['one', 'corrupt', 'three']);
    await append(writer, 'four');
    expect(summary(await readAll())).toEqual(['one', 'corrupt', 'three', 'four']);
  });

  test('a flipped length does not swallow what follows', async () => {
    const writer = newWriter();
    await append(writer, 'one', 'two', 'three');
    const path = await lastFile();
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([0x00, 0x70]), 0, 2, 4);
    await handle.close();
    expect(summary(await readAll())).toEqual(['corrupt', 'two', 'three']);
  });

  test('rubbish at the end is left to be told, and new records go into a new file', async () => {
    const writer = newWriter();
    await append(writer, 'one');
    await writer.stop();
    await appendFile(await lastFile(), Buffer.alloc(500));
    await append(newWriter(), 'two');
    expect(summary(await readAll())).toEqual(['one', 'corrupt', 'two']);
  });

  test('a frame inside a value is not taken for a record', async () => {
    const writer = newWriter();
    const payload = encodePayload(record('inner'), 1);
    const inner = Buffer.concat([frameHeader(payload, 0), ...payload]);
    await writer.append({ key: 'k', headers: {}, value: Buffer.concat([inner, inner]) });
    await append(writer, 'two');
    const handle = await open(await lastFile(), 'r+');
    await handle.write(Buffer.from('X'), 0, 1, 0);
    await handle.close();
    expect(summary(await readAll())).toEqual(['corrupt', 'two']);
  });

  test('positions that a group has committed are never given out again', async () => {
    const writer = newWriter();
    await append(writer, 'one');
    await writer.stop();
    await append(newWriter({ committedMax: 100_000 }), 'two');
    const entries = await readAll();
    expect(summary(entries)).toEqual(['one', 'two']);
    expect(entries[1]?.position).toBe(100_000);
  });

  test('kill -9 at any moment loses no acknowledged record', async () => {
    const script = join(import.meta.dirname, 'appending-process.ts');
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [script, dir, String(acknowledged)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const goal = acknowledged + 20 + round * 13;
      child.stdout.on('data', (text: Buffer) => {
        for (const line of text.toString().split('\n'))
          if (line !== '') acknowledged = Math.max(acknowledged, Number(line));
      });
      await until(() => acknowledged >= goal, 'acknowledged records');
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    const stored = new Set(summary(await readAll()));
    for (let i = 1; i <= acknowledged; i += 1) expect(stored.has(`record ${i}`)).toBe(true);
    expect(stored.has('corrupt')).toBe(false);
  });
});

describe('retention', () => {
  const fill = async (writer: LogWriter): Promise<void> => {
    for (let i = 0; i < 12; i += 1) await append(writer, `${i}`.repeat(100));
  };

  test('deletes whole files over the limit, oldest first', async () => {
    await fill(newWriter({ fileBytesMax: 300, retention: { bytesMax: 1000 } }));
    const files = (await readdir(dir)).toSorted();
    let total = 0;
    for (const file of files) total += (await stat(join(dir, file))).size;
    expect(total).toBeLessThan(1500);
    expect(summary(await readAll())[0]).toBe('skipped');
    expect(summary(await readAll()).at(-1)).toBe('11'.repeat(100));
  });

  test('keeps what a group has not consumed', async () => {
    await fill(newWriter({ fileBytesMax: 300, retention: { bytesMax: 500, ageMsMax: 0 }, consumed: 0 }));
    expect(summary(await readAll())).toHaveLength(12);
  });

  test('at the hard cap it deletes all the same, and tells', async () => {
    await fill(
      newWriter({ fileBytesMax: 300, retention: { bytesMax: 500, bytesHardMax: 1000 }, consumed: 0 }),
    );
    expect(summary(await readAll())[0]).toBe('skipped');
    expect(told).toContain('retention deleted records that a consumer group had not read');
  });
});

test('records that wait together share a commit, in order', async () => {
  const writer = newWriter();
  const texts = Array.from({ length: 300 }, (_, i) => `record ${i}`);
  await append(writer, ...texts);
  expect(summary(await readAll())).toEqual(texts);
});

test('a directory that cannot be written is waited for, and told once', async () => {
  await writeFile(join(dir, 'file'), '');
  const blocked = join(dir, 'file');
  dir = blocked;
  const writer = newWriter();
  const stored = append(writer, 'one');
  await until(() => writer.problem !== null, 'a problem');
  await rm(blocked);
  await stored;
  expect(summary(await readAll())).toEqual(['one']);
  expect(told.filter((text) => text.startsWith('local log'))).toEqual([
    'local log cannot be written, waiting',
    'local log can be written again',
  ]);
});
