import type { StreamDocument } from '../../core/stream-document.ts';
import type { EventIndex } from '../../core/event-index.ts';
import type { Logger } from '../../core/logger.ts';
import { readCutState } from '../../tail/cut-log.ts';
import type { StreamState } from '../../tail/cut-state.ts';
import type { CompressedPlace } from '../../tail/decompressed-file.ts';
import { Discovery } from '../../tail/discovery.ts';
import type { Candidate } from '../../tail/discovery.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import { nodeJournalStore } from '../../tail/journal-store.ts';
import type { Patterns } from '../../tail/patterns.ts';

/** One stream with everything that is known of it. */
export interface Subject {
  stream: string;
  run: string;
  path: string;
  /** Null when this machine's cut log does not know it (another agent's, or the state was lost). */
  state: StreamState | null;
  /** Null when the index does not know it (yet). */
  document: StreamDocument | null;
  /** The file that holds its bytes now; null when it is gone or belongs to a later stream. */
  file: SubjectFile | null;
}

/** Of a compressed file, `size` is that of the decompressed bytes. */
export interface SubjectFile {
  path: string;
  size: number;
  compressed: CompressedPlace | null;
}

export interface SubjectOptions {
  source: string;
  stateDir: string;
  /** What is followed. Files of the cut log are looked at in any case. */
  patterns: Patterns;
  index: EventIndex;
  run?: string | undefined;
  logger: Logger;
}

/** Files that match and that no stream of the cut log belongs to. */
export interface UnknownFile {
  path: string;
  size: number;
}

/** Brings files, cut log and stream documents together. Touches none of them. */
export async function gatherSubjects(
  options: SubjectOptions,
): Promise<{ subjects: Subject[]; unknown: UnknownFile[] }> {
  const { patterns, logger, index, run, source, stateDir } = options;
  const { streams } = await readCutState({ store: nodeJournalStore(stateDir), source, logger });
  const matching = await new Discovery(nodeFileSystem, patterns, logger).scan();
  const subjects = new Map<string, Subject>();
  const byKey = new Map(matching.map((candidate) => [candidate.stat.key, candidate]));
  for (const [key, state] of youngestLast(streams.values())) {
    const candidate = byKey.get(key) ?? (await inItsPlace(key, state));
    const { id, run: ofRun, firstPath } = state.record;
    subjects.set(id, {
      stream: id,
      run: ofRun,
      path: firstPath,
      state,
      document: null,
      file: fileOf(candidate, state, streams),
    });
  }
  for await (const document of index.streams({ run })) {
    const subject = subjects.get(document.stream);
    if (subject) subject.document = document;
    else if (document.origin.source === source || run !== undefined)
      subjects.set(document.stream, fromDocument(document));
  }
  const owned = new Set([...streams.values()].map(({ record }) => `${record.dev}:${record.ino}`));
  const unknown = matching
    .filter(({ stat }) => stat.size > 0 && !owned.has(stat.key))
    .map(({ paths, stat }) => ({ path: paths[0] ?? '', size: stat.size }));
  const wanted = [...subjects.values()].filter((subject) => run === undefined || subject.run === run);
  return { subjects: wanted, unknown: run === undefined ? unknown : [] };
}

/** The stream's file where it was last, though no pattern matches it: `up DIR` keeps no config. */
async function inItsPlace(key: string, { record: { path } }: StreamState): Promise<Candidate | null> {
  const stat = await nodeFileSystem.stat(path);
  return stat?.key === key ? { paths: [path], stat } : null;
}

function youngestLast(states: Iterable<StreamState>): [string, StreamState][] {
  return [...states]
    .sort((a, b) => a.record.created - b.record.created)
    .map((state) => [`${state.record.dev}:${state.record.ino}`, state]);
}

/** An inode may have held several streams (truncation): only the youngest is in the file now. */
function fileOf(
  candidate: Candidate | null,
  state: StreamState,
  streams: ReadonlyMap<string, StreamState>,
): Subject['file'] {
  if (!candidate) return null;
  const { dev, ino, created, compressed = null } = state.record;
  for (const { record } of streams.values()) {
    if (record.dev === dev && record.ino === ino && record.created > created) return null;
  }
  const path = candidate.paths[0] ?? '';
  if (!compressed) return { path, size: candidate.stat.size, compressed: null };
  const { size, mtimeMs } = candidate.stat;
  // Of one that has changed since, nothing is known; of one that is a copy of less, the rest was had from the original.
  if (compressed.bytes !== size || compressed.mtimeMs !== mtimeMs) return null;
  return { path, size: Math.max(compressed.size, state.end), compressed };
}

function fromDocument(document: StreamDocument): Subject {
  const { stream, origin } = document;
  return { stream, run: origin.run, path: origin.path, state: null, document, file: null };
}
