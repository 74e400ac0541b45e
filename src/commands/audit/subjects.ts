import { existsSync } from 'node:fs';
import type { AuditScope, EventIndex } from '../../core/event-index.ts';
import type { Logger } from '../../core/logger.ts';
import { holdsResources } from '../../core/resources.ts';
import type { Lane, LogName } from '../../core/segment.ts';
import type { StreamSummary } from '../../core/stream-document.ts';
import type { PartitionReport } from '../../core/transport.ts';
import { readCutState } from '../../tail/cut-log.ts';
import type { CutState, StreamState } from '../../tail/cut-state.ts';
import type { CompressedPlace } from '../../tail/decompressed-file.ts';
import { Discovery } from '../../tail/discovery.ts';
import type { Candidate } from '../../tail/discovery.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import { nodeJournalStore } from '../../tail/journal-store.ts';
import type { Patterns } from '../../tail/patterns.ts';
import type { Finding } from './findings.ts';
import { recogniseFiles } from './recognise.ts';

/**
 * Brings cut log, files, transport and stream documents together, in this order, so that what is at work meanwhile is no fault: what
 * the cut log calls acknowledged was in the transport before that was asked how far its consumers are, and what they had committed
 * was in the index before that was asked for its documents.
 */

/** One stream with everything that is known of it. */
export interface Subject {
  stream: string;
  source: string;
  run: string;
  path: string;
  /** Null when this machine's cut log does not know it (another agent's, or the state was lost). */
  state: StreamState | null;
  /** Null when the index does not know it (yet). */
  document: StreamSummary | null;
  /** The file that holds its bytes now; null when it is gone or belongs to a later stream. */
  file: SubjectFile | null;
  /** Whether the consumers have passed everything that the cut log calls acknowledged; null if that is not known. */
  consumed: boolean | null;
}

/** Of a compressed file, `size` is that of the decompressed bytes. */
export interface SubjectFile {
  path: string;
  key: string;
  size: number;
  mtimeMs: number;
  compressed: CompressedPlace | null;
}

export interface SubjectOptions {
  source: string;
  stateDir: string;
  /** What is followed. Files of the cut log are looked at in any case. */
  patterns: Patterns;
  index: EventIndex;
  /** Null when the transport does not answer. */
  partitions: () => Promise<readonly PartitionReport[] | null>;
  run?: string | undefined;
  logger: Logger;
}

/** Files that match and that no stream belongs to. */
export interface UnknownFile {
  path: string;
  size: number;
}

export interface Gathered {
  subjects: Subject[];
  unknown: UnknownFile[];
  partitions: readonly PartitionReport[] | null;
  /** The user's patterns by which segments were masked, as the cut log knows them. */
  patterns: ReadonlyMap<string, readonly string[]>;
}

/** Touches nothing of what it looks at. */
export async function gatherSubjects(options: SubjectOptions): Promise<Gathered> {
  const { patterns, logger, index, run, source } = options;
  const { streams, patterns: known } = await readStreams(options);
  for (const [id, { record }] of streams) if (holdsResources(record)) streams.delete(id);
  const matching = await new Discovery(nodeFileSystem, patterns, logger).scan();
  const subjects = await ofCutLog(streams, matching, source);
  const partitions = await options.partitions();
  for await (const document of index.streamSummaries(scopeOf(options))) {
    if (holdsResources(document.origin)) continue;
    const subject = subjects.get(document.stream);
    if (subject) subject.document = document;
    else subjects.set(document.stream, ofDocument(document));
  }
  for (const subject of subjects.values()) subject.consumed = isConsumed(subject, partitions);
  const owned = new Set([...streams.values()].map(({ record }) => `${record.dev}:${record.ino}`));
  const ownerless = matching.filter(({ stat }) => stat.size > 0 && !owned.has(stat.key));
  const unknown = await recogniseFiles(ownerless, subjects, source);
  const wanted = [...subjects.values()].filter((subject) => run === undefined || subject.run === run);
  return { subjects: wanted, unknown: run === undefined ? unknown : [], partitions, patterns: known };
}

export function scopeOf({ run, source }: Pick<SubjectOptions, 'run' | 'source'>): AuditScope {
  return run === undefined ? { source } : { run };
}

async function readStreams({
  stateDir,
  source,
  logger,
}: SubjectOptions): Promise<Pick<CutState, 'streams' | 'patterns'>> {
  if (existsSync(stateDir)) {
    const state = await readCutState({ store: nodeJournalStore(stateDir), source, logger });
    if (state.streams.size > 0) return state;
  }
  logger.warn(
    {
      dir: stateDir,
      hint: 'with state.dir or --state of the agent, an audit knows what was cut and acknowledged',
    },
    'there is no cut log here: files are known by their first bytes',
  );
  return { streams: new Map<string, StreamState>(), patterns: new Map<string, string[]>() };
}

async function ofCutLog(
  streams: ReadonlyMap<string, StreamState>,
  matching: readonly Candidate[],
  source: string,
): Promise<Map<string, Subject>> {
  const byKey = new Map(matching.map((candidate) => [candidate.stat.key, candidate]));
  const owners = youngestByKey(streams.values());
  const subjects = new Map<string, Subject>();
  const states = [...streams.values()];
  for (let i = 0; i < states.length; i += statsAtOnce) {
    const some = states.slice(i, i + statsAtOnce);
    const files = await Promise.all(
      some.map(async (state) => await fileOf(state, byKey, owners.get(keyOf(state)) === state)),
    );
    for (const [at, state] of some.entries()) {
      const { id: stream, run, firstPath: path } = state.record;
      const file = files[at] ?? null;
      subjects.set(stream, { stream, source, run, path, state, document: null, file, consumed: null });
    }
  }
  return subjects;
}

const statsAtOnce = 64;

function keyOf({ record: { dev, ino } }: StreamState): string {
  return `${dev}:${ino}`;
}

/** An inode may have held several streams (truncation): only the youngest is in the file now. */
function youngestByKey(states: Iterable<StreamState>): Map<string, StreamState> {
  const owners = new Map<string, StreamState>();
  for (const state of states) {
    const held = owners.get(keyOf(state));
    if (!held || held.record.created <= state.record.created) owners.set(keyOf(state), state);
  }
  return owners;
}

async function fileOf(
  state: StreamState,
  byKey: ReadonlyMap<string, Candidate>,
  isOwner: boolean,
): Promise<SubjectFile | null> {
  if (!isOwner) return null;
  const candidate = byKey.get(keyOf(state)) ?? (await inItsPlace(state));
  if (!candidate) return null;
  const { key, size, mtimeMs } = candidate.stat;
  const path = candidate.paths[0] ?? '';
  const { compressed = null } = state.record;
  if (!compressed) return { path, key, size, mtimeMs, compressed };
  // Of one that has changed since, nothing is known; of one that is a copy of less, the rest was had from the original.
  if (compressed.bytes !== size || compressed.mtimeMs !== mtimeMs) return null;
  return { path, key, size: Math.max(compressed.size, state.end), mtimeMs, compressed };
}

/** The stream's file where it was last, though no pattern matches it: `up DIR` keeps no config. */
async function inItsPlace(state: StreamState): Promise<Candidate | null> {
  const { path } = state.record;
  const stat = await nodeFileSystem.stat(path);
  return stat?.key === keyOf(state) ? { paths: [path], stat } : null;
}

function ofDocument(document: StreamSummary): Subject {
  const { stream, origin } = document;
  const { source, run, path } = origin;
  return { stream, source, run, path, state: null, document, file: null, consumed: null };
}

function isConsumed(
  { state, document }: Subject,
  partitions: readonly PartitionReport[] | null,
): boolean | null {
  const place = state?.record ?? document;
  if (partitions === null || !place) return null;
  const reports = reportsOf(partitions, place);
  if (reports.length === 0) return null;
  return reports.every(
    ({ first, end, committed }) => first === end || (committed !== null && committed >= end),
  );
}

/** Of the partition in which the stream is: one, or one in each cluster. */
export function reportsOf(
  partitions: readonly PartitionReport[],
  { lane, partition, topicPrefix }: LogName & { lane: Lane; partition: number | null },
): PartitionReport[] {
  // Streams from before there were several logs name none: theirs is the first.
  const prefix = topicPrefix ?? partitions[0]?.topicPrefix;
  return partitions.filter(
    (report) => report.lane === lane && report.partition === partition && report.topicPrefix === prefix,
  );
}

export function about({ run, path, stream }: Subject): Pick<Finding, 'run' | 'path' | 'stream'> {
  return { run, path, stream };
}
