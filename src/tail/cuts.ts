import type { Clock } from '../core/clock.ts';
import { streamId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Lane } from '../core/segment.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CutLog } from './cut-log.ts';
import { placeOf } from './cut-state.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { FollowedFile } from './followed-file.ts';
import { noZeros } from './holes.ts';
import type { HoleVerdict } from './holes.ts';
import { hashOf, headOf } from './identity.ts';
import type { Reading } from './reading.ts';
import type { Redactor } from './redactor.ts';
import type { Lack } from './spooled-file.ts';

export interface CutsOptions {
  /** `source.id` */
  source: string;
  laneOf: (path: string) => Lane;
  originOf: (path: string) => StreamOrigin;
  cutLog: CutLog;
  redactor: Redactor;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

export interface StreamOrigin {
  run: string;
  attempt: number;
  rank: number | null;
  labels: Readonly<Record<string, string>>;
  topicPrefix?: string;
}

const noBytes = Buffer.alloc(0);

/** Writes the next cut of a file into the cut log, and its stream before the first one. None is durable yet. */
export class Cuts {
  readonly #options: CutsOptions;

  constructor(options: CutsOptions) {
    this.#options = options;
  }

  /** The file's stream; a new one at its first cut, or before that when the file is spooled. */
  begin(file: FollowedFile, firstBytes: Buffer): StreamState {
    return (file.stream ??= this.#register(file, firstBytes));
  }

  /** What was read. */
  ofBytes(file: FollowedFile, { bytes, before, anchor }: Extract<Reading, { kind: 'cut' }>): MadeCut {
    const state = this.begin(file, bytes);
    file.predecessor = null;
    file.zeros.behind = null;
    const stamp = this.#options.redactor.stamp();
    const cut = this.#add(state, { end: state.end + bytes.length, anchor, gap: null, ...stamp });
    return { state, cut, bytes, before };
  }

  /** What the spool cannot give: a gap. */
  ofLack(file: FollowedFile, lack: Lack): MadeCut[] {
    const { stream: state, size, mtimeMs } = file;
    if (!state) return [];
    const cut = this.#add(state, { end: lack.end, anchor: null, gap: lack.reason });
    this.tellGaps(file, [cut]);
    if (cut.end >= size) Object.assign(file, { doneSize: size, doneMtimeMs: mtimeMs });
    return [{ state, cut, bytes: noBytes }];
  }

  /** Zeros that nobody wrote: a gap. */
  ofHole(file: FollowedFile, hole: Extract<HoleVerdict, { kind: 'hole' }>): MadeCut {
    const { logger, metrics } = this.#options;
    const state = this.begin(file, hole.head);
    file.predecessor = null;
    const cut = this.#add(state, { end: hole.end, anchor: hole.anchor, gap: 'hole' });
    const { start, end } = cut;
    // An unterminated line behind it has waited with it and is cut at once, as far as there is room.
    file.zeros = { ...noZeros(), behind: { at: end, bytes: hole.behind } };
    metrics.gapBytes.inc({ reason: 'hole' }, end - start);
    logger.warn(
      {
        path: file.path,
        start,
        end,
        hint: 'nobody wrote these bytes: let the writer append (>>, mode "a"), or rotate by rename instead of truncating',
      },
      'a hole of zeros in a file: a gap is published in its place',
    );
    return { state, cut, bytes: noBytes };
  }

  /** Counts gaps and tells of them, but for holes: these were told when they were cut. */
  tellGaps({ path }: FollowedFile, cuts: readonly Cut[]): void {
    const { logger, metrics } = this.#options;
    for (const { start, end, gap } of cuts) {
      if (gap === null || gap === 'hole') continue;
      metrics.gapBytes.inc({ reason: gap }, end - start);
      const hint = 'these bytes cannot be had; a gap is published in their place';
      logger.warn({ path, start, end, reason: gap, hint }, 'bytes of a file are gone before they were sent');
    }
  }

  #add(
    state: StreamState,
    { end, anchor, gap, ...stamp }: Pick<Cut, 'end' | 'anchor' | 'gap' | 'redact'>,
  ): Cut {
    const { clock, cutLog } = this.#options;
    const observed = Math.max(clock.now(), state.observed);
    const cut: Cut = { start: state.end, end, observed, anchor, gap, final: false, ...stamp };
    cutLog.cut(state, cut);
    return cut;
  }

  #register(file: FollowedFile, firstBytes: Buffer): StreamState {
    const { cutLog, source, clock, laneOf, originOf } = this.#options;
    const head = headOf(firstBytes);
    const origin = originOf(file.path);
    const previous = file.previous ?? file.predecessor?.stream?.record ?? null;
    const identity = { source, run: origin.run, dev: file.dev, ino: file.ino, head };
    const base = streamId({ ...identity, generation: 0 });
    const generation = cutLog.nextGeneration(base);
    const birth = file.previous === null && file.birthtimeMs > 0 ? file.birthtimeMs : clock.now();
    const after = previous === null ? 0 : previous.created + 1;
    return cutLog.register(
      {
        ...origin,
        id: generation === 0 ? base : streamId({ ...identity, generation }),
        base,
        generation,
        ...placeOf(file),
        firstPath: file.path,
        headBytes: head.length,
        headHash: hashOf(head),
        created: Math.max(birth, after),
        previous: previous?.id ?? null,
        lane: laneOf(file.path),
        partition: null,
      },
      0,
    );
  }
}
