import type { Clock } from '../../core/clock.ts';
import type { Publisher } from '../../core/transport.ts';

/** Whoever has nothing to send is done with its start after this. */
const waitMsMax = 10_000;

/** A publisher, and when something that it was given has been acknowledged for the first time, or ten seconds have passed. */
export function withFirstAck(
  publisher: Publisher,
  clock: Clock,
): { publisher: Publisher; acked: Promise<void> } {
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const over = new AbortController();
  void first.then(() => over.abort());
  return {
    publisher: {
      partitionFor: async (...asked) => await publisher.partitionFor(...asked),
      async publish(...given) {
        await publisher.publish(...given);
        resolve();
      },
      stop: async (signal) => await publisher.stop(signal),
    },
    acked: Promise.race([first, clock.sleep(waitMsMax, over.signal)]),
  };
}
