/**
 * Measures the embedded store against the alternatives of docs/adr/0001-embedded-store.md:
 * `node test/sinks/local/measure.ts [LINES]`. Prints one JSON object a row.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { systemClock } from '../../../src/core/clock.ts';
import type { IndexItem } from '../../../src/core/event-index.ts';
import type { LogEvent } from '../../../src/core/event.ts';
import { eventId } from '../../../src/core/ids.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createLocalIndex } from '../../../src/sinks/local/index.ts';
import { parseSearch } from '../../../src/sinks/query.ts';

const count = Number(process.argv[2] ?? 500_000);
const batchEvents = 4_000;
const stream = 'a'.repeat(32);
const origin = {
  source: 's',
  run: 'run',
  attempt: 0,
  rank: 0,
  host: 'node-1',
  path: '/logs/train.log',
  labels: {},
};

/** Lines in the manner of Megatron and of library warnings, numbers scattered by a multiplicative hash. */
function line(n: number): string {
  const scattered = Math.imul(n, 2_654_435_761) >>> 0;
  const clock = `2026-11-23 10:${String(Math.floor(n / 6000) % 60).padStart(2, '0')}:${String(Math.floor(n / 100) % 60).padStart(2, '0')}`;
  if (n === Math.floor(count / 2))
    return `${clock} ERROR torch.OutOfMemoryError: CUDA out of memory on the needle`;
  if (n % 7 === 0) {
    return `${clock},${n % 1000} WARNING dataloader.py:${scattered % 500} worker ${scattered % 64} took ${scattered % 10_000} ms to fetch shard-${scattered % 99_991}.tar from node-${scattered % 128}`;
  }
  return `[${clock}] iteration ${n}/ 1000000 | consumed samples: ${n * 512} | elapsed time per iteration (ms): ${(scattered % 100_000) / 100} | learning rate: 1.${scattered % 1000}E-04 | lm loss: ${(scattered % 9_999_991) / 1_000_000}E+00 | grad norm: 0.${scattered % 1000} |`;
}

const lines = Array.from({ length: count }, (_, n) => line(n));
let offset = 0;
const items: IndexItem[] = lines.map((message, n) => {
  const start = offset;
  offset += message.length + 1;
  const event: LogEvent = {
    id: eventId(stream, start, 0),
    stream,
    origin,
    start,
    end: offset,
    part: 0,
    time: 1_795_428_000_000 + n * 10,
    timeSource: 'event',
    observed: 1_795_428_000_000,
    level: n % 7 === 0 ? 'warn' : 'info',
    kind: 'line',
    message,
    rank: 0,
    sum: 'deadbeef',
    open: false,
  };
  return { kind: 'event', event };
});
const rawBytes = offset;
const dir = mkdtempSync(path.join(tmpdir(), 'caboose-measure-'));
const queries = [
  'needle',
  '"out of memory"',
  'loss',
  'warning -worker',
  'level:warn 4711',
  'absent',
  '-iteration level:info',
];

try {
  await measureStore();
  measureTableAlone();
  measureSegments();
} finally {
  rmSync(dir, { recursive: true });
}

async function measureStore(): Promise<void> {
  const index = createLocalIndex({ dir: path.join(dir, 'store'), clock: systemClock, logger: silentLogger });
  await index.prepare();
  const seconds = await timed(async () => {
    for (let at = 0; at < count; at += batchEvents) {
      await index.write(items.slice(at, at + batchEvents), new AbortController().signal);
    }
  });
  const searchMs: Record<string, number> = {};
  for (const text of queries) {
    const { wall } = await timed(() => index.search({ clauses: parseSearch(text) }));
    searchMs[text] = round(wall * 1000);
  }
  const again = await timed(() => index.write(items.slice(0, batchEvents), new AbortController().signal));
  await index.close();
  report('SQLite with FTS5 (the store)', seconds, sizeOf(path.join(dir, 'store')), searchMs);
  console.log(
    JSON.stringify({ what: 'the same events again', eventsPerSecond: Math.round(batchEvents / again.wall) }),
  );
}

/** SQLite without a word index: every search walks the messages. */
function measureTableAlone(): void {
  const db = new DatabaseSync(path.join(dir, 'table.db'));
  db.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE logs (no INTEGER PRIMARY KEY, id BLOB UNIQUE, time REAL, start INT, message TEXT)');
  db.exec('CREATE INDEX by_time ON logs (time, start)');
  const insert = db.prepare('INSERT INTO logs (id, time, start, message) VALUES (?, ?, ?, ?)');
  const seconds = timedSync(() => {
    for (let at = 0; at < count; at += batchEvents) {
      db.exec('BEGIN');
      for (const item of items.slice(at, at + batchEvents)) {
        if (item.kind !== 'event') continue;
        const { id, time, start, message } = item.event;
        insert.run(Buffer.from(id, 'hex'), time, start, message);
      }
      db.exec('COMMIT');
    }
  });
  const like = db.prepare('SELECT no FROM logs WHERE message LIKE ? ORDER BY time DESC LIMIT 100');
  const searchMs = Object.fromEntries(
    ['needle', 'loss', 'absent'].map((word) => [
      word,
      round(timedSync(() => like.all(`%${word}%`)).wall * 1000),
    ]),
  );
  db.close();
  report('SQLite without FTS5', seconds, statSync(path.join(dir, 'table.db')).size, searchMs);
}

/** No index at all: zstd segments of 880 KiB, as a transport carries them, decompressed and scanned. */
function measureSegments(): void {
  const raw = Buffer.from(lines.map((text) => `${text}\n`).join(''));
  const segments: Buffer[] = [];
  const seconds = timedSync(() => {
    for (let at = 0; at < raw.length; at += 880 * 1024) {
      segments.push(zstdCompressSync(raw.subarray(at, at + 880 * 1024)));
    }
  });
  const searchMs = Object.fromEntries(
    ['needle', 'loss', 'absent'].map((word) => [
      word,
      round(timedSync(() => scan(segments, word)).wall * 1000),
    ]),
  );
  const size = segments.reduce((sum, segment) => sum + segment.length, 0);
  report('scan of zstd segments (no event bounds, no ids)', seconds, size, searchMs);
}

function scan(segments: readonly Buffer[], word: string): number {
  let found = 0;
  for (const segment of segments.toReversed()) {
    const text = zstdDecompressSync(segment).toString().toLowerCase();
    for (const candidate of text.split('\n').toReversed()) {
      if (candidate.includes(word)) found += 1;
      if (found === 100) return found;
    }
  }
  return found;
}

interface Seconds {
  wall: number;
  cpu: number;
}

async function timed(work: () => Promise<unknown>): Promise<Seconds> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  return secondsSince(start, cpu);
}

function timedSync(work: () => unknown): Seconds {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  work();
  return secondsSince(start, cpu);
}

function secondsSince(start: number, before: NodeJS.CpuUsage): Seconds {
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

function report(what: string, { wall, cpu }: Seconds, bytes: number, searchMs: Record<string, number>): void {
  console.log(
    JSON.stringify({
      what,
      events: count,
      eventsPerSecond: Math.round(count / wall),
      eventsPerCpuSecond: Math.round(count / cpu),
      bytesPerRawByte: round(bytes / rawBytes),
      searchMs,
    }),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
