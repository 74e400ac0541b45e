/** Writes to the store in the directory given until it is killed; tells its parent how many writes were answered. */
import { systemClock } from '../../../src/core/clock.ts';
import { eventId } from '../../../src/core/ids.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createLocalIndex } from '../../../src/sinks/local/index.ts';

const index = createLocalIndex({ dir: process.argv[2] ?? '', clock: systemClock, logger: silentLogger });
const stream = 'b'.repeat(32);
const origin = { source: 's', run: 'run', attempt: 0, rank: null, host: 'h', path: '/p', labels: {} };
const signal = new AbortController().signal;
for (let write = 1; ; write += 1) {
  const events = Array.from({ length: 100 }, (_, n) => {
    const start = (write * 100 + n) * 10;
    return {
      kind: 'event' as const,
      event: {
        id: eventId(stream, start, 0),
        stream,
        origin,
        start,
        end: start + 10,
        part: 0,
        time: start,
        timeSource: 'event' as const,
        observed: 1,
        level: null,
        kind: 'line' as const,
        message: `killed ${n}`,
        rank: null,
        sum: '00000000',
        open: false,
      },
    };
  });
  const document = {
    stream,
    origin,
    lane: 'bulk' as const,
    partition: 0,
    created: 1,
    previous: null,
    snapshot: false,
    end: write,
    closedEnd: write,
    events: write * 100,
    observed: 1,
    final: false,
    gaps: [],
    open: null,
    recent: [],
    context: { events: {}, train: {} },
  };
  await index.write([...events, { kind: 'stream', document }], signal);
  process.send?.(write);
}
