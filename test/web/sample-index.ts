import { eventId } from '../../src/core/ids.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { PointFact } from '../../src/core/fact.ts';
import { FakeEventIndex } from '../fakes/event-index.ts';

export interface SampleLine {
  message: string;
  level?: LogEvent['level'];
  rank?: number | null;
  step?: number;
  loss?: number;
}

/** Puts lines of one run into the index, one second apart, ending at `now`: events, points of `loss`, and the stream. */
export async function addRun(index: FakeEventIndex, run: string, lines: readonly SampleLine[], now: number) {
  const ranks = new Set(lines.map(({ rank }) => rank ?? null));
  for (const rank of ranks) {
    const stream = `${run}-${rank}`;
    const origin = {
      source: 's',
      run,
      attempt: 0,
      rank,
      host: 'node-1',
      path: `/logs/${run}/rank${rank}.log`,
      labels: {},
    };
    let end = 0;
    let events = 0;
    for (const [i, { message, level = 'info', step, loss }] of lines.entries()) {
      if ((lines[i]?.rank ?? null) !== rank) continue;
      const start = end;
      end += Buffer.byteLength(message) + 1;
      events += 1;
      const id = eventId(stream, start, 0);
      const time = now - (lines.length - 1 - i) * 1000;
      const event: LogEvent = {
        id,
        stream,
        origin,
        start,
        end,
        part: 0,
        time,
        timeSource: 'event',
        observed: time,
        level,
        kind: 'line',
        message,
        rank,
        sum: '00000000',
        open: false,
      };
      await index.write([{ kind: 'event', event }]);
      if (loss === undefined) continue;
      const point: PointFact = {
        kind: 'point',
        id: `${id}-0`,
        event: id,
        run,
        attempt: 0,
        rank,
        stream,
        path: origin.path,
        start,
        end,
        time,
        observed: time,
        step: step ?? null,
        name: 'loss',
        canonical: 'loss',
        value: loss,
      };
      await index.write([{ kind: 'points', points: [point] }]);
    }
    const document = {
      stream,
      origin,
      lane: 'bulk' as const,
      partition: 0,
      created: now - 60_000,
      previous: null,
      snapshot: false,
      end,
      closedEnd: end,
      events,
      observed: now,
      final: false,
      gaps: [],
      open: null,
      recent: [],
      context: { events: {}, train: {} },
    };
    await index.write([{ kind: 'stream', document }]);
  }
}
