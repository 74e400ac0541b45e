import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { EventIndex, IndexItem } from '../../../src/core/event-index.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createLocalIndex } from '../../../src/sinks/local/index.ts';
import { parseSearch } from '../../../src/sinks/query.ts';
import { FakeClock, until } from '../../fakes/clock.ts';
import { makeEvent, makeStream, newStream, startTime } from '../../contract/event-index.suite.ts';

const signal = new AbortController().signal;
const file = () => path.join(dir, 'caboose-index.db');
let dir: string;
const opened: EventIndex[] = [];

function open(
  options: { bytesMax?: number; clock?: FakeClock; logger?: typeof silentLogger } = {},
): EventIndex {
  const index = createLocalIndex({ dir, clock: systemClock, logger: silentLogger, ...options });
  opened.push(index);
  return index;
}

const event = (stream: string, start: number, message = 'm', observed = startTime): IndexItem => ({
  kind: 'event',
  event: makeEvent({ stream, start, message, observed }),
});

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'caboose-store-'));
});
afterEach(async () => {
  for (const index of opened.splice(0)) await index.close();
  rmSync(dir, { recursive: true });
});

describe('the file', () => {
  test('of another program is left alone', async () => {
    const other = new DatabaseSync(file());
    other.exec('CREATE TABLE theirs (x)');
    other.close();
    const before = readFileSync(file());
    await expect(open().prepare()).rejects.toMatchObject({
      code: 'INDEX_FOREIGN',
      hint: expect.stringContaining('dir'),
    });
    expect(readFileSync(file())).toEqual(before);
  });

  test('of the first version is brought up to date, by a reader too', async () => {
    const stream = newStream();
    const index = open();
    await index.write([event(stream, 0, 'first')], signal);
    await index.close();
    const db = new DatabaseSync(file());
    db.exec(`
      ALTER TABLE "logs_2026.11.23" DROP COLUMN version;
      ALTER TABLE "logs_2026.11.23" DROP COLUMN iostream;
      ALTER TABLE points RENAME COLUMN version TO end;
      ALTER TABLE origins DROP COLUMN kind;
      PRAGMA user_version = 1;`);
    db.close();
    const found = await open().search({ clauses: parseSearch('first -iostream:stderr') });
    expect(found).toHaveLength(1);
    await open().write([event(stream, 0, 'again')], signal);
    expect(await open().search({ clauses: parseSearch('again') })).toHaveLength(1);
  });

  test('of the second version is brought up to date', async () => {
    const stream = newStream();
    const index = open();
    await index.write([event(stream, 0, 'first')], signal);
    await index.close();
    const db = new DatabaseSync(file());
    db.exec('ALTER TABLE origins DROP COLUMN kind; PRAGMA user_version = 2');
    db.close();
    await open().write([event(newStream(), 0, 'again')], signal);
    expect(await open().search({ clauses: parseSearch('first') })).toHaveLength(1);
    expect(await open().search({ clauses: parseSearch('again') })).toHaveLength(1);
  });

  test('of a newer Caboose is refused', async () => {
    await open().prepare();
    await opened[0]?.close();
    const db = new DatabaseSync(file());
    db.exec('PRAGMA user_version = 99');
    db.close();
    await expect(open().prepare()).rejects.toMatchObject({
      code: 'INDEX_NEWER',
      hint: expect.stringContaining('newer'),
    });
    await expect(open().search({ clauses: [] })).rejects.toMatchObject({ code: 'INDEX_NEWER' });
  });

  test('that is no database says what to do', async () => {
    writeFileSync(file(), 'not a database, by far'.repeat(1000));
    const expected = {
      code: 'INDEX_CORRUPT',
      retriable: false,
      hint: expect.stringContaining('Move it away'),
    };
    const index = open();
    await expect(index.prepare()).rejects.toMatchObject(expected);
    expect(index.state()).toMatchObject({ connected: false, reason: expect.stringContaining('damaged') });
    await expect(open().search({ clauses: [] })).rejects.toMatchObject(expected);
  });

  test('with overwritten pages says what to do', async () => {
    const index = open();
    await index.write(
      Array.from({ length: 2000 }, (_, n) => event('a'.repeat(32), n * 10, `message ${n}`)),
      signal,
    );
    await index.close();
    const bytes = readFileSync(file());
    bytes.fill(0xaa, 8192 * 3);
    writeFileSync(file(), bytes);
    const again = open();
    await expect(
      (async () => {
        await again.search({ clauses: parseSearch('message') });
        await again.write([event(newStream(), 0)], signal);
      })(),
    ).rejects.toMatchObject({ code: 'INDEX_CORRUPT' });
  });

  test('in a directory that is a file', async () => {
    writeFileSync(path.join(dir, 'taken'), '');
    const index = createLocalIndex({
      dir: path.join(dir, 'taken'),
      clock: systemClock,
      logger: silentLogger,
    });
    await expect(index.prepare()).rejects.toMatchObject({
      code: 'INDEX_UNREACHABLE',
      hint: expect.any(String),
    });
  });
});

describe('another process', () => {
  test('reads while one writes, and before anything was written finds nothing', async () => {
    const reader = open();
    expect(await reader.search({ clauses: [] })).toEqual([]);
    expect(await reader.runs()).toEqual([]);
    expect(readdirSync(dir)).toEqual([]);
    const writer = open();
    await writer.write([event(newStream(), 0, 'first')], signal);
    expect(await reader.search({ clauses: parseSearch('first') })).toHaveLength(1);
    await writer.write([event(newStream(), 0, 'second')], signal);
    expect(await reader.search({ clauses: parseSearch('second') })).toHaveLength(1);
  });

  test('that writes too is waited for, and neither overwrites the other', async () => {
    const [a, b] = [open(), open()];
    const streams = [newStream(), newStream()];
    for (let n = 0; n < 20; n += 1) {
      await a.write([event(streams[0] ?? '', n * 10, `word${n}`)], signal);
      await b.write([event(streams[1] ?? '', n * 10, `word${n}`)], signal);
    }
    expect(await a.eventCounts(streams)).toEqual(new Map(streams.map((stream) => [stream, 20])));
    expect(await b.search({ clauses: parseSearch('word7') })).toHaveLength(2);
  });
});

test('a write is stored whole or not at all when the process is killed', async () => {
  const child = fork(path.join(import.meta.dirname, 'killed-writer.ts'), [dir], { stdio: 'inherit' });
  let written = 0;
  child.on('message', (count: number) => (written = count));
  await until(() => written >= 5, 'some writes', 20_000);
  const exited = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;

  const index = open();
  const [document] = await Array.fromAsync(index.streams());
  const stream = document?.stream ?? '';
  // Each write of the child adds 100 events and says so in the stream document.
  expect(document?.events).toBeGreaterThanOrEqual(written * 100);
  expect(await index.eventCounts([stream])).toEqual(new Map([[stream, document?.events]]));
  expect(await index.search({ clauses: parseSearch('killed'), limit: 10_000 })).toHaveLength(
    Math.min(10_000, document?.events ?? 0),
  );
  await index.write([event(stream, 1e9, 'after')], signal);
});

test('a lock is waited out, and told once', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const index = open({ clock, logger: { ...silentLogger, error: (_, message) => void lines.push(message) } });
  await index.prepare();
  const other = new DatabaseSync(file(), { timeout: 0 });
  other.exec('BEGIN IMMEDIATE');
  const writing = index.write([event(newStream(), 0)], signal);
  await until(() => clock.sleeping === 1, 'a pause');
  expect(index.state()).toMatchObject({ connected: false, reason: expect.stringContaining('locked') });
  other.exec('COMMIT');
  other.close();
  await clock.advance(200);
  expect(await writing).toEqual([{ status: 'stored' }]);
  expect(lines).toHaveLength(1);
  expect(index.state()).toEqual({ name: 'local-index', connected: true });
}, 20_000);

test('words of a replaced or deleted event are not found any more', async () => {
  const index = open();
  const stream = newStream();
  for (const message of ['alpha', 'alpha beta', 'gamma']) {
    await index.write([{ kind: 'event', event: { ...makeEvent({ stream, message }), end: 100 } }], signal);
  }
  const count = async (text: string) => (await index.search({ clauses: parseSearch(text) })).length;
  expect(await Promise.all(['alpha', 'beta', 'gamma'].map(count))).toEqual([0, 0, 1]);
  await index.deleteRun(`run-${stream}`);
  await index.write([event(newStream(), 0, 'delta')], signal);
  expect(await Promise.all(['alpha', 'gamma', 'delta'].map(count))).toEqual([0, 0, 1]);
});

test('retention gives space back, and keeps to a size if one is set', async () => {
  const index = open({ bytesMax: 3_000_000 });
  const stream = newStream();
  const dayMs = 86_400_000;
  for (let day = 0; day < 5; day += 1) {
    const items = Array.from({ length: 4000 }, (_, n) =>
      event(
        stream,
        (day * 4000 + n) * 300,
        `day ${day} ${'filler '.repeat(30)}${n}`,
        startTime + day * dayMs,
      ),
    );
    await index.write(items, signal);
  }
  const deleted = await index.applyRetention({ logsDays: 365, metricsDays: 365 }, startTime);
  expect(deleted).toEqual(
    ['logs-2026.11.23', 'logs-2026.11.24', 'logs-2026.11.25', 'logs-2026.11.26'].slice(0, deleted.length),
  );
  expect(deleted.length).toBeGreaterThan(1);
  await index.close();
  expect(statSync(file()).size).toBeLessThan(3_500_000);
});

test('after close it says so', async () => {
  const index = open();
  await index.prepare();
  await index.close();
  await index.close();
  await expect(index.write([event(newStream(), 0)], signal)).rejects.toMatchObject({ code: 'INDEX_CLOSED' });
  await expect(index.loadStreams([], signal)).rejects.toMatchObject({ code: 'INDEX_CLOSED' });
});

test('stream documents of an open event survive a new process', async () => {
  const stream = newStream();
  const bytes = Buffer.from([0, 255, 128]);
  const open1 = { eventStart: 0, part: 0, partStart: 0, observed: 1, bytesStart: 0, bytes, sumBefore: 7 };
  const document = makeStream({ stream, open: open1 });
  const first = open();
  await first.write([{ kind: 'stream', document }], signal);
  await first.close();
  expect(await open().loadStreams([stream], signal)).toEqual(new Map([[stream, document]]));
});
