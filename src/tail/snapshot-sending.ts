import { crc32 } from 'node:zlib';
import { streamId } from '../core/ids.ts';
import { lookBackBytes } from '../core/redaction/mask.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { CutterOptions } from './cutter.ts';
import type { Discovery } from './discovery.ts';
import type { FileStat, OpenFile } from './file-system.ts';
import { hashOf } from './identity.ts';
import { readAt, sumOf } from './snapshot-reading.ts';
import type { PlannedCuts } from './snapshot-reading.ts';

/** Cuts that are in the cut log and whose bytes are to be read and sent. */
export interface Sending {
  stream: StreamState;
  cuts: Cut[];
  /** Null: decided by an earlier process, and not opened yet. */
  file: OpenFile | null;
  /** crc32 of the bytes before the next cut: whether the file holds the state still is seen by this alone. */
  sum: number | null;
}

/** Writes decided states into the cut log, and reads their bytes again, as there is room, to send them. */
export class SnapshotSending {
  readonly #options: CutterOptions;
  readonly #discovery: Discovery;

  constructor(options: CutterOptions, discovery: Discovery) {
    this.#options = options;
    this.#discovery = discovery;
  }

  /** The state that follows `before`, of the file at `path`; `goesOn`: it is that one, longer. */
  decide(
    path: string,
    before: StreamState | null,
    { stat, plan, goesOn }: { stat: FileStat; plan: PlannedCuts; goesOn: boolean },
  ): Sending {
    const { cutLog, metrics, redactor } = this.#options;
    const stream = goesOn && before !== null ? before : this.#begin(path, before, stat, plan);
    const sum = stream.sum ?? 0;
    const cuts = plan.cuts.map((cut) => ({ ...cut, ...redactor.stamp() }));
    for (const cut of cuts) cutLog.cut(stream, cut);
    metrics.readBytes.inc(plan.cuts.reduce((sum, { start, end }) => sum + end - start, 0));
    return { stream, cuts, file: null, sum };
  }

  /** The id hangs on the path and on what the state is; the generation tells apart a state that comes back. */
  #begin(path: string, before: StreamState | null, stat: FileStat, plan: PlannedCuts): StreamState {
    const { source, originOf, laneOf, cutLog, clock } = this.#options;
    const { topicPrefix: routed, ...origin } = originOf(path);
    // Where the states before it are, whatever the routes say now: its partition is theirs, too.
    const topicPrefix = before ? before.record.topicPrefix : routed;
    const content = Buffer.from(
      `${stat.size} ${plan.sum} ${plan.cuts.map(({ anchor }) => anchor).join(' ')}`,
    );
    const identity = { source, run: origin.run, dev: 'snapshot', ino: path, head: content };
    const base = streamId({ ...identity, generation: 0 });
    const generation = cutLog.nextGeneration(base);
    return cutLog.register(
      {
        ...origin,
        ...(topicPrefix !== undefined && { topicPrefix }),
        id: generation === 0 ? base : streamId({ ...identity, generation }),
        base,
        generation,
        path,
        firstPath: path,
        dev: stat.dev,
        ino: stat.ino,
        headBytes: plan.head.length,
        headHash: hashOf(plan.head),
        created: Math.max(clock.now(), (before?.record.created ?? 0) + 1),
        previous: before?.record.id ?? null,
        lane: laneOf(path),
        partition: before?.record.partition ?? null,
        snapshot: true,
      },
      0,
    );
  }

  /** Reads and hands out the next cuts, within the room but for one. With the last one the file is closed. */
  async send(path: string, sending: Sending, room: number): Promise<MadeCut[]> {
    const made: MadeCut[] = [];
    if (sending.file === null) await this.#openAgain(path, sending);
    let bytes = 0;
    while (sending.cuts.length > 0 && bytes + (bytes > 0 ? segmentBytesMax : 0) <= room) {
      const cut = sending.cuts.shift();
      if (cut === undefined) break;
      const read = cut.gap === null ? await this.#read(sending, cut) : null;
      made.push(read ?? this.gap(sending.stream, cut));
      bytes += read?.bytes.length ?? 0;
    }
    if (sending.cuts.length === 0) await sending.file?.close();
    return made;
  }

  /** Null: the file holds other bytes now. */
  async #read(sending: Sending, cut: Cut): Promise<MadeCut | null> {
    const { file, sum, stream } = sending;
    sending.sum = cut.sum ?? null;
    if (file === null || sum === null) return null;
    const lookBack = Math.min(cut.start, lookBackBytes);
    const read = await readAt(file, cut.start - lookBack, lookBack + cut.end - cut.start);
    const bytes = read?.subarray(lookBack);
    if (!read || !bytes || crc32(bytes, sum) !== cut.sum) return null;
    return { state: stream, cut, bytes, before: read.subarray(0, lookBack) };
  }

  /** For what an earlier process decided. */
  async #openAgain(path: string, sending: Sending): Promise<void> {
    const handle = await this.#options.fs.open(path);
    if (handle === null) return;
    sending.file = handle;
    const { kind } = await handle.stat();
    const isAllowed = await this.#discovery.allows(path, await handle.realPath());
    if (kind === 'file' && isAllowed) sending.sum = await sumOf(handle, sending.cuts[0]?.start ?? 0);
  }

  /** In the place of bytes that cannot be had any more. */
  gap(state: StreamState, cut: Cut): MadeCut {
    const { metrics, logger } = this.#options;
    const { start, end } = cut;
    if (cut.gap === null && end > start) {
      metrics.gapBytes.inc({ reason: 'gone' }, end - start);
      const hint = 'a gap is published in the place of this state; the next one is sent as a whole';
      logger.warn({ path: state.record.path, start, end, hint }, 'rewritten before its last state was sent');
    }
    return { state, cut: { ...cut, gap: cut.gap ?? 'gone' }, bytes: Buffer.alloc(0) };
  }
}
