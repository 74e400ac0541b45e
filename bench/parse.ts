import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Segment } from '../src/core/segment.ts';
import type { StreamDocument } from '../src/core/stream-document.ts';
import { takeIn } from '../src/events/take-in.ts';
import { StreamFacts } from '../src/train/read-facts.ts';
import { projectRoot } from './agent-process.ts';
import type { Bench } from './bench.ts';
import { trainingLines, wordyLines } from './training-lines.ts';

const bytesMin = 100e6;
const bytesMinAlone = 30e6;
/** V8 compiles the readers for the last time after some ten seconds of such logs; an indexer runs for days. */
const warmSeconds = 15;
const segmentBytes = 256 * 1024;
const fixtures = join(projectRoot, 'test/fixtures/logs');

/**
 * Splitting the same bytes at their line ends, as text, sets the pace of the machine: what parsing costs more than that is ours. Bars
 * stop a change that makes parsing several times slower, whatever the machine.
 */
const timesPlainSplitMax = 45;

interface LogFile {
  name: string;
  bytes: Buffer;
}

/**
 * Bytes to events to points on one core, as the indexer does it. Mixed are real trainers' logs and generated training lines by turns, most
 * of them generated, each of which states half a dozen metrics; so the kinds are measured by themselves, too: the real logs (short files,
 * with progress bars and tracebacks more often than in a long run) and lines that state no metric, as most of a machine's log are.
 */
export const parse: Bench = {
  name: 'parse',
  about: 'segments to events to facts in a warm process, lines per second of CPU on one core',
  async measure({ runs }) {
    const names = readdirSync(fixtures).sort();
    const files = [
      ...names.map((name) => ({ name, bytes: readFileSync(join(fixtures, name)) })),
      { name: 'generated.log', bytes: trainingLines(20_000) },
    ];
    const wordyFiles = [{ name: 'wordy.log', bytes: wordyLines(20_000) }];
    const mixed: number[] = [];
    const real: number[] = [];
    const generated: number[] = [];
    const wordy: number[] = [];
    const plain: number[] = [];
    const times: number[] = [];
    warmUp([...files, ...wordyFiles]);
    for (let run = 0; run < runs; run += 1) {
      const split = pace(files, (file) => file.bytes.toString('utf8').split('\n').length);
      const read = pace(files, (file) => readAll(file.name, file.bytes));
      plain.push(split);
      mixed.push(read);
      real.push(pace(files.slice(0, -1), (file) => readAll(file.name, file.bytes), bytesMinAlone));
      generated.push(pace(files.slice(-1), (file) => readAll(file.name, file.bytes), bytesMinAlone));
      wordy.push(pace(wordyFiles, (file) => readAll(file.name, file.bytes), bytesMinAlone));
      times.push(split / read);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return [
      { name: 'mixed logs', unit: 'lines/s', values: mixed },
      { name: 'real logs', unit: 'lines/s', values: real },
      { name: 'generated lines', unit: 'lines/s', values: generated },
      { name: 'lines without metrics', unit: 'lines/s', values: wordy },
      { name: 'plain split of the same', unit: 'lines/s', values: plain },
      { name: 'times a plain split', unit: '×', values: times, budget: { max: timesPlainSplitMax } },
    ];
  },
};

function warmUp(files: readonly LogFile[]): void {
  const until = performance.now() + warmSeconds * 1000;
  while (performance.now() < until) for (const { name, bytes } of files) readAll(name, bytes);
}

/** Lines per CPU second over at least so many bytes. */
function pace(files: readonly LogFile[], work: (file: LogFile) => number, least = bytesMin): number {
  let bytes = 0;
  let lines = 0;
  const before = process.cpuUsage();
  while (bytes < least) {
    for (const file of files) {
      work(file);
      lines += linesOf(file.bytes);
      bytes += file.bytes.length;
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (lines * 1e6) / (user + system);
}

const counted = new Map<Buffer, number>();

/** What ends with a line feed or a carriage return: each time that a bar is drawn is read as a line is. */
function linesOf(bytes: Buffer): number {
  const known = counted.get(bytes);
  if (known !== undefined) return known;
  const lines = bytes.toString('latin1').split(/\r\n|\r|\n/).length - 1;
  counted.set(bytes, lines);
  return lines;
}

function readAll(name: string, bytes: Buffer): number {
  let document: StreamDocument | null = null;
  let context: Record<string, unknown> = {};
  let facts = 0;
  for (let start = 0; start < bytes.length; start += segmentBytes) {
    const part = bytes.subarray(start, start + segmentBytes);
    const segment = segmentOf(name, start, part, start + part.length === bytes.length);
    const taken = takeIn(document, { lane: 'bulk', partition: 0 }, segment);
    document = taken.document;
    const stream = new StreamFacts(context);
    for (const event of taken.closed) facts += stream.read(event).length;
    ({ context } = stream);
  }
  return facts;
}

function segmentOf(name: string, start: number, bytes: Buffer, final: boolean): Segment {
  const time = Date.UTC(2026, 0, 1);
  return {
    source: 'bench',
    run: 'bench',
    attempt: 0,
    rank: 0,
    host: 'bench',
    path: `/logs/${name}`,
    labels: {},
    stream: '0'.repeat(32),
    start,
    end: start + bytes.length,
    created: time,
    observed: time,
    previous: null,
    final,
    gap: null,
    snapshot: false,
    bytes,
  };
}
