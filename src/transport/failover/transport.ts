/**
 * Two clusters as one transport: everything is sent to the first, and to the second while the first is away (switch.ts); everything is read
 * from both. docs/adr/0008-a-second-cluster.md says why nothing is lost or doubled by it.
 *
 * - A batch of either cluster may have to wait for the other one (precedence.ts); who takes segments in asks when a stream begins beyond
 *   what it holds.
 * - Scans give each stream in the order of its offsets (scan.ts).
 * - A stream's partition has one number, of whichever cluster was asked first: both need as many.
 */
import type { LogName } from '../../core/segment.ts';
import type { LagReport, SegmentBatch, Subscriber, Transport } from '../../core/transport.ts';
import type { Sharing } from '../../core/assignment-plan.ts';
import { endingTogether } from '../merge.ts';
import { readFacts, readLetters } from './logs.ts';
import { Precedence } from './precedence.ts';
import type { PrecedenceOptions } from './precedence.ts';
import { scanInOrder } from './scan.ts';
import { Switch, otherSide, sides } from './switch.ts';
import type { Side, SwitchOptions } from './switch.ts';

export interface FailoverTransportOptions
  extends
    SwitchOptions,
    Pick<PrecedenceOptions, 'holdMsMax'>,
    Partial<Pick<PrecedenceOptions, 'onHeld' | 'onGivenUp'>> {}

const secondName = { cluster: 'second' } as const satisfies LogName;

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

function joinSubscribers(
  of: (side: Side) => Transport,
  sharing: Sharing | undefined,
  options: FailoverTransportOptions,
): Subscriber {
  const { onHeld = () => undefined, onGivenUp = () => undefined } = options;
  const held: Record<Side, number> = { first: 0, second: 0 };
  const members = sides.map((side) => {
    // The plan is about the partitions of the first; those of the second are shared by weight.
    const mine = side === 'first' ? sharing : sharing && { member: sharing.member };
    const precedence = new Precedence({
      ...options,
      other: of(otherSide(side)),
      onHeld: (partitions) => {
        held[side] = partitions;
        onHeld(held.first + held.second);
      },
      onGivenUp,
    });
    return { side, precedence, subscriber: of(side).subscriber(mine) };
  });
  const first = members[0]?.subscriber;
  const group = first?.group?.bind(first);
  return {
    batches: (signal) =>
      endingTogether(signal, (until) =>
        members.map(({ side, precedence, subscriber }) =>
          precededBatches(side, precedence, subscriber.batches(until)),
        ),
      ),
    async lag() {
      const lags = members.map(async ({ side, subscriber }): Promise<LagReport[]> => {
        const reports = await subscriber.lag();
        return side === 'first' ? reports : reports.map((report) => ({ ...report, ...secondName }));
      });
      return (await Promise.all(lags)).flat();
    },
    ...(group && { group }),
  };
}

async function* precededBatches(
  side: Side,
  precedence: Precedence,
  batches: AsyncIterable<SegmentBatch>,
): AsyncGenerator<SegmentBatch> {
  const name: LogName = side === 'first' ? {} : secondName;
  for await (const batch of batches) {
    const mine: SegmentBatch = {
      ...batch,
      ...name,
      segments: batch.segments.map((carried) => ({ ...carried, ...name })),
      rejected: batch.rejected.map((record) => ({ ...record, ...name })),
      mayBePreceded: async (signal) => await precedence.holds(mine, signal),
      async commit() {
        precedence.passed(mine);
        await batch.commit();
      },
      release: (pauseMs) => batch.release(pauseMs ?? precedence.retryMs(mine)),
    };
    yield mine;
  }
}
