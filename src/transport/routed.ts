/**
 * Topics of several prefixes as one transport. Segments go to, and come from, the topics of each prefix; facts, events, incidents and
 * dead letters are Caboose's own and stay in the topics of the transport's own prefix. Each prefix has a consumer group of its own, so that a
 * prefix which is added or dropped disturbs no other; the assignment plan is about the own one, the others are shared by weight.
 *
 * A prefix that is published to need not be among those that are consumed: a stream keeps its topic, whatever the config says now.
 */
import type { LogName, Lane, Segment } from '../core/segment.ts';
import type { Sharing } from '../core/assignment-plan.ts';
import type { ScanOptions, SegmentBatch, Subscriber, Transport } from '../core/transport.ts';
import { endingTogether, merge } from './merge.ts';

export interface RoutedTransportOptions {
  /** Of what no route speaks of. */
  topicPrefix: string;
  /** The others that are read. */
  others: readonly string[];
  /** Makes the transport of a prefix: `isOwn` is the one that carries more than segments. */
  open: (topicPrefix: string, isOwn: boolean) => Transport;
}

export function createRoutedTransport(options: RoutedTransportOptions): Transport {
  const { topicPrefix: ownPrefix, open } = options;
  const others = options.others.filter((prefix) => prefix !== ownPrefix);
  const opened = new Map<string, Transport>();
  const of = (prefix: string): Transport => {
    const known = opened.get(prefix);
    if (known) return known;
    const transport = open(prefix, prefix === ownPrefix);
    opened.set(prefix, transport);
    return transport;
  };
  const readPrefixes = [ownPrefix, ...others];
  const ofAll = async <T>(ask: (transport: Transport) => Promise<readonly T[]>): Promise<(T & LogName)[]> => {
    const answers = await Promise.all(
      readPrefixes.map(async (topicPrefix) =>
        (await ask(of(topicPrefix))).map((each) => ({ ...each, topicPrefix })),
      ),
    );
    return answers.flat();
  };

  return {
    publisher: {
      partitionFor: async (lane, source, signal, topicPrefix = ownPrefix) =>
        await of(topicPrefix).publisher.partitionFor(lane, source, signal),
      publish: async (lane: Lane, partition: number, segment: Segment, topicPrefix = ownPrefix) =>
        await of(topicPrefix).publisher.publish(lane, partition, segment),
      stop: async (signal) =>
        void (await Promise.all(
          [...opened.values()].map(async ({ publisher }) => await publisher.stop(signal)),
        )),
    },
    subscriber: (sharing) => joinSubscribers(readPrefixes, of, sharing),
    scanner: {
      async *scan(scan: ScanOptions = {}) {
        const scans = readPrefixes.map((topicPrefix) => named(topicPrefix, of(topicPrefix), scan));
        if (scan.follow === true) yield* merge(scans);
        else for (const each of scans) yield* each;
      },
    },
    partitions: async (signal) => await ofAll(async (transport) => await transport.partitions(signal)),
    get facts() {
      return of(ownPrefix).facts;
    },
    get events() {
      return of(ownPrefix).events;
    },
    get incidents() {
      return of(ownPrefix).incidents;
    },
    get deadLetters() {
      return of(ownPrefix).deadLetters;
    },
    state: () => {
      // Only those that are in use: the own one may never be, where a route takes everything.
      const [first = of(ownPrefix), ...more] = opened.values();
      const states = [first, ...more].map((transport) => transport.state());
      return states.find(({ connected }) => !connected) ?? first.state();
    },
    close: async () =>
      void (await Promise.all([...opened.values()].map(async (transport) => await transport.close()))),
  };
}

async function* named(topicPrefix: string, { scanner }: Transport, { onRejected, ...scan }: ScanOptions) {
  const segments = scanner.scan({
    ...scan,
    ...(onRejected && { onRejected: (record) => onRejected({ ...record, topicPrefix }) }),
  });
  for await (const carried of segments) yield { ...carried, topicPrefix };
}

function joinSubscribers(
  prefixes: readonly string[],
  of: (prefix: string) => Transport,
  sharing: Sharing | undefined,
): Subscriber {
  const members = prefixes.map((topicPrefix, i) => {
    const withoutPlan = sharing && { member: sharing.member };
    return { topicPrefix, subscriber: of(topicPrefix).subscriber(i === 0 ? sharing : withoutPlan) };
  });
  const group = members[0]?.subscriber.group?.bind(members[0].subscriber);
  return {
    batches: (signal) =>
      endingTogether(signal, (both) =>
        members.map(({ topicPrefix, subscriber }) => namedBatches(topicPrefix, subscriber.batches(both))),
      ),
    lag: async () => {
      const lags = members.map(async ({ topicPrefix, subscriber }) =>
        (await subscriber.lag()).map((report) => ({ ...report, topicPrefix })),
      );
      return (await Promise.all(lags)).flat();
    },
    ...(group && { group }),
  };
}

async function* namedBatches(topicPrefix: string, batches: AsyncIterable<SegmentBatch>) {
  for await (const batch of batches) {
    yield {
      ...batch,
      topicPrefix,
      segments: batch.segments.map((carried) => ({ ...carried, topicPrefix })),
      rejected: batch.rejected.map((record) => ({ ...record, topicPrefix })),
    };
  }
}
