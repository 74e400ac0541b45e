/**
 * Replays a recorded run as a trainer would write it: all files at once, each evenly over `durationMs`, the first line of
 * each at the start. A line goes to the file in two writes, as unbuffered writers do, so that what follows it sees torn
 * lines. The first timestamp of a line becomes the time of writing; everything else is as recorded.
 */
import { mkdir, open, readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';

export interface SampleOptions {
  /** Its files, but those named README.md, are the run. Default: the one that comes with Caboose. */
  sourceDir?: string;
  /** Made if absent; must hold none of the files yet. */
  targetDir: string;
  clock: Clock;
  signal: AbortSignal;
  /** Of the whole replay, default one minute. */
  durationMs?: number;
}

/** Where the run that comes with Caboose lies, in a checkout and in the package alike. */
export const bundledSampleDir = fileURLToPath(new URL('../../../config/sample-run/', import.meta.url));

const filesMax = 100;

/** Resolves when all is written or the signal aborts. Throws CabooseError SAMPLE_UNREADABLE, or what a write throws. */
export async function replaySample(options: SampleOptions): Promise<void> {
  const { sourceDir = bundledSampleDir, targetDir, clock, signal, durationMs = 60_000 } = options;
  const names = await sampleFiles(sourceDir);
  await Promise.all(
    names.map(async (name) => {
      const lines = splitLines(await readFile(join(sourceDir, name), 'utf8'));
      await replayFile(join(targetDir, name), lines, { clock, signal, durationMs });
    }),
  );
}

async function sampleFiles(sourceDir: string): Promise<string[]> {
  try {
    const entries = await readdir(sourceDir, { recursive: true, withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile() && entry.name !== 'README.md')
      .map((entry) => join(entry.parentPath, entry.name).slice(join(sourceDir, '/').length));
    if (names.length > 0) return names.sort((a, b) => a.localeCompare(b)).slice(0, filesMax);
  } catch (error) {
    throw noSample(sourceDir, error);
  }
  throw noSample(sourceDir);
}

function noSample(sourceDir: string, cause?: unknown): CabooseError {
  return new CabooseError('SAMPLE_UNREADABLE', `there is no sample run in ${sourceDir}`, {
    cause,
    hint: 'Give the directory to follow: caboose up DIR.',
  });
}

async function replayFile(
  path: string,
  lines: readonly string[],
  { clock, signal, durationMs }: { clock: Clock; signal: AbortSignal; durationMs: number },
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'ax');
  try {
    const began = clock.monotonic();
    for (const [i, line] of lines.entries()) {
      const due = began + (i * durationMs) / lines.length;
      while (!signal.aborted && clock.monotonic() < due) await clock.sleep(due - clock.monotonic(), signal);
      if (signal.aborted) return;
      const text = restamp(line, clock.now());
      const middle = text.length >> 1;
      await file.appendFile(text.slice(0, middle));
      await file.appendFile(text.slice(middle));
    }
  } finally {
    await file.close();
  }
}

/** Lines with their ends; a last one without an end stays without. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** ISO 8601 and Python's default (`2026-11-23 10:25:59,540`); the replay writes UTC, as a time without a zone is read. */
const timestamp = /\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d([.,])\d{3}(?:\d{3})?/;

export function restamp(line: string, now: number): string {
  const [day = '', time = ''] = new Date(now).toISOString().slice(0, -1).split('T');
  return line.replace(
    timestamp,
    (_match, between: string, point: string) => `${day}${between}${time.replace('.', point)}`,
  );
}
