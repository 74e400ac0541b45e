/** The lines behind an incident: their number in the file, and what stands there. */
import { createReadStream } from 'node:fs';
import { codecOf } from '../../core/decompressor.ts';
import { errorCode } from '../../core/errors.ts';

export interface Excerpt {
  /** From 1 on; null where the file cannot be counted (compressed). */
  line: number | null;
  /** What can be shown of it; empty when the file cannot be read. */
  lines: string[];
}

interface Range {
  start: number;
  end: number;
}

const newline = 10;
const bytesMax = 64 * 1024;
const linesMax = 9;

/** One excerpt a range, in their order. One pass over the file, up to the last range. */
export async function excerptsOf(path: string, ranges: readonly Range[]): Promise<Excerpt[]> {
  const excerpts = ranges.map((): Excerpt => ({ line: null, lines: [] }));
  if (codecOf(path) !== null || ranges.length === 0) return excerpts;
  const pieces: Buffer[][] = ranges.map(() => []);
  const until = Math.max(...ranges.map(({ end }) => end));
  let offset = 0;
  let lines = 1;
  try {
    for await (const chunk of createReadStream(path, {
      end: Math.max(0, until - 1),
    }) as AsyncIterable<Buffer>) {
      for (const [i, { start, end }] of ranges.entries()) {
        const excerpt = excerpts[i];
        if (excerpt !== undefined && start >= offset && start < offset + chunk.length)
          excerpt.line = lines + newlinesIn(chunk.subarray(0, start - offset));
        const from = Math.max(start, offset);
        const to = Math.min(end, start + bytesMax, offset + chunk.length);
        if (from < to) pieces[i]?.push(chunk.subarray(from - offset, to - offset));
      }
      lines += newlinesIn(chunk);
      offset += chunk.length;
    }
  } catch (error) {
    // It was read a moment ago: what it said is in the message of the incident.
    if (errorCode(error) === undefined) throw error;
  }
  return excerpts.map(({ line }, i) => ({
    line,
    lines: shown(Buffer.concat(pieces[i] ?? []).toString('utf8')),
  }));
}

function newlinesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}

/** The end of a traceback says most. */
function shown(text: string): string[] {
  const lines = text
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1).trimEnd())
    .filter((line) => line !== '');
  if (lines.length <= linesMax) return lines;
  return [lines[0] ?? '', '…', ...lines.slice(2 - linesMax)];
}
