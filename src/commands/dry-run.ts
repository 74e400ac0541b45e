/** What `caboose events` and `caboose points` have in common: the files under the given paths, and their origin. */
import { constants } from 'node:fs';
import { access, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { originOf } from '../config/origin.ts';
import { snapshotsDefault } from '../config/schema.ts';
import type { Config } from '../config/schema.ts';
import { CabooseError, errorText } from '../core/errors.ts';
import type { LogEvent } from '../core/event.ts';
import type { Origin } from '../core/segment.ts';
import { readFileEvents } from '../events/read-file.ts';
import { ownReaders } from '../train/own-patterns.ts';
import type { FactReader } from '../train/reader.ts';
import type { CommandContext } from './command.ts';
import { fileMatcher } from './wiring/file-matcher.ts';
import { encodingLabeller } from './wiring/origin.ts';

const filesMax = 1_000_000;
const depthMax = 64;

export interface DryRunFile {
  path: string;
  origin: Origin;
  /** It is written anew as a whole: its rows are known by what is in them. */
  isSnapshot: boolean;
}

/** What the config says of files. */
export interface ReadingRules {
  timeZone: string;
  encodings: NonNullable<Config['source']>['encodings'];
  snapshots: readonly string[];
  /** Of `train`: the user's own line formats. */
  own: readonly FactReader[];
}

export async function readingRules(context: CommandContext): Promise<ReadingRules> {
  return readingRulesOf(await context.loadConfig());
}

export function readingRulesOf({ source, train }: Config): ReadingRules {
  const { timeZone, encodings, snapshots } = source ?? {
    timeZone: 'UTC',
    encodings: [],
    snapshots: snapshotsDefault,
  };
  return { timeZone, encodings, snapshots, own: ownReaders(train.patterns) };
}

/**
 * The regular files under the paths, by name. A symbolic link to a file that is found anyway is left out, so that each
 * file is read once. Throws PATH_UNREADABLE for a path that is not there.
 */
export async function filesUnder(
  context: CommandContext,
  paths: readonly string[],
  rules: ReadingRules,
): Promise<DryRunFile[]> {
  const isSnapshot = fileMatcher(rules.snapshots);
  const labelled = encodingLabeller(rules.encodings);
  const found = new Map<string, DryRunFile>();
  for (const given of paths) {
    const path = resolve(context.cwd, given);
    const root = await rootOf(path, given);
    for await (const file of walk(path, 0)) {
      const real = await realpath(file);
      if (found.size >= filesMax) throw new CabooseError('TOO_MANY_FILES', `more than ${filesMax} files`);
      const known = found.get(real);
      if (known === undefined || file === real)
        found.set(real, {
          path: file,
          origin: originAt(file, root, context, labelled),
          isSnapshot: isSnapshot(file),
        });
    }
  }
  return [...found.values()];
}

/** The events of a file; what cannot be read is told on stderr, and the dry run goes on. */
export async function* eventsOf(
  context: CommandContext,
  file: DryRunFile,
  timeZone: string,
): AsyncGenerator<LogEvent, void> {
  try {
    for await (const events of readFileEvents(file.origin, { timeZone, isSnapshot: file.isSnapshot }))
      yield* events;
  } catch (error) {
    if (!(error instanceof CabooseError) || error.code !== 'FILE_UNREADABLE') throw error;
    await context.stderr.write(`${errorText(error)}\n`);
  }
}

async function rootOf(path: string, given: string): Promise<string> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).isDirectory() ? path : dirname(path);
  } catch (error) {
    const hint = 'check that it exists and may be read';
    throw new CabooseError('PATH_UNREADABLE', `cannot read ${given}`, { cause: error, hint });
  }
}

async function* walk(path: string, depth: number): AsyncGenerator<string, void> {
  const status = await stat(path).catch(() => null);
  if (status === null) return; // A link that leads nowhere, or a file that is gone since it was listed.
  if (status.isFile()) yield path;
  if (!status.isDirectory() || depth > depthMax) return;
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inner = join(path, entry.name);
    // Links to directories are not followed: they may lead in a circle.
    const linked = entry.isSymbolicLink() && (await stat(inner).catch(() => null))?.isDirectory() === true;
    if (!linked) yield* walk(inner, depth + 1);
  }
}

function originAt(
  path: string,
  root: string,
  context: CommandContext,
  labelled: ReturnType<typeof encodingLabeller>,
): Origin {
  const { run, attempt, rank, labels } = labelled(path, originOf(path, root, {}, {}));
  return {
    source: context.env['HOSTNAME'] ?? 'localhost',
    run,
    attempt,
    rank,
    host: 'localhost',
    path,
    labels,
  };
}
