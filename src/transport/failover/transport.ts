/**
 * Two clusters as one transport: everything is sent to the first, and to the second while the first is away (switch.ts); everything is read
 * from both. docs/adr/0008-a-second-cluster.md says why nothing is lost or doubled by it.
 *
 * - A batch of either cluster may have to wait for the other one (precedence.ts); who takes segments in asks when a stream begins beyond
 *   what it holds.
 * - Scans give each stream in the order of its offsets (scan.ts).
 * - A stream's partition has one number, of whichever cluster was asked first: both need as many.
 */
import type { Transport } from '../../core/transport.ts';
import { readFacts, readLetters } from './logs.ts';
import { scanInOrder } from './scan.ts';
import { secondName, sides } from './station.ts';
import type { Side } from './station.ts';
import { joinSubscribers } from './subscriber.ts';
import type { SubscriberOptions } from './subscriber.ts';
import { Switch } from './switch.ts';
import type { SwitchOptions } from './switch.ts';

export interface FailoverTransportOptions extends SwitchOptions, SubscriberOptions {
  /** Whether the clusters have a topic of events. */
  eventsTopic?: boolean;
}

export function createFailoverTransport(options: FailoverTransportOptions): Transport {
  const { open, logger } = options;
  const sending = new Switch(options);
  const opened = new Map<Side, Transport>();
  /** For reading; what is sent goes by transports of the switch's own. */
  const of = (side: Side): Transport => {
    const transport = opened.get(side) ?? open(side, logger);
    opened.set(side, transport);
    return transport;
  };
  const both = (): Transport[] => sides.map(of);

  return {
    publisher: {
      partitionFor: async (lane, source, signal, topicPrefix) =>
        await sending.run(
          `${lane} ${topicPrefix}`,
          async ({ publisher }) => await publisher.partitionFor(lane, source, signal, topicPrefix),
          signal,
        ),
      publish: async (lane, partition, segment, topicPrefix) =>
        await sending.run(
          `${lane} ${topicPrefix}`,
          async ({ publisher }) => await publisher.publish(lane, partition, segment, topicPrefix),
        ),
      stop: async (signal) => await sending.stop(signal),
    },
    subscriber: (sharing) => joinSubscribers(of, sharing, options),
    scanner: {
      scan: (scan = {}) =>
        scanInOrder(
          [
            (more) => of('first').scanner.scan(more),
            ({ onRejected, ...more } = {}) =>
              named(
                of('second').scanner.scan({
                  ...more,
                  ...(onRejected && { onRejected: (record) => onRejected({ ...record, ...secondName }) }),
                }),
              ),
          ],
          scan,
        ),
    },
    partitions: async (signal) => {
      const [first = [], second = []] = await Promise.all(
        both().map(async (cluster) => await cluster.partitions(signal)),
      );
      return [...first, ...second.map((report) => ({ ...report, ...secondName }))];
    },
    facts: {
      append: async (facts) => await sending.run('facts', async (to) => await to.facts.append(facts)),
      read: (read) => readFacts(both(), read),
    },
    ...(options.eventsTopic && {
      events: {
        append: async (events) => await sending.run('events', async (to) => await to.events?.append(events)),
      },
    }),
    incidents: {
      append: async (incidents) =>
        await sending.run('incidents', async (to) => await to.incidents.append(incidents)),
    },
    deadLetters: {
      append: async (letters) =>
        await sending.run('dead letters', async (to) => await to.deadLetters.append(letters)),
      mark: async (marks) =>
        await sending.run('dead letters', async (to) => await to.deadLetters.mark(marks)),
      read: (signal) => readLetters(both(), signal),
    },
    state: () => stateOf(sending, opened),
    async close() {
      await sending.stop(AbortSignal.abort());
      await Promise.all([...opened.values()].map(async (transport) => await transport.close()));
    },
  };
}

/** It is there when one of the clusters that are in use is. */
function stateOf(sending: Switch, opened: ReadonlyMap<Side, Transport>): ReturnType<Transport['state']> {
  const states = [
    ...(sending.isInUse || opened.size === 0 ? [sending.transport] : []),
    ...opened.values(),
  ].map((transport) => transport.state());
  return states.find(({ connected }) => connected) ?? states[0]!;
}

async function* named<T extends object>(items: AsyncIterable<T>): AsyncGenerator<T & typeof secondName> {
  for await (const item of items) yield { ...item, ...secondName };
}
