import type { Sharing } from '../../core/assignment-plan.ts';
import type { LogName } from '../../core/segment.ts';
import type { LagReport, SegmentBatch, Subscriber, Transport } from '../../core/transport.ts';
import { endingTogether } from '../merge.ts';
import { Precedence } from './precedence.ts';
import type { PrecedenceOptions } from './precedence.ts';
import { otherSide, secondName, sides } from './station.ts';
import type { Side } from './station.ts';

export interface SubscriberOptions
  extends
    Pick<PrecedenceOptions, 'holdMsMax' | 'clock' | 'logger'>,
    Partial<Pick<PrecedenceOptions, 'onHeld' | 'onGivenUp'>> {}

/** The members of both clusters' groups as one: batches of either, which know that the other one may come first. */
export function joinSubscribers(
  of: (side: Side) => Transport,
  sharing: Sharing | undefined,
  options: SubscriberOptions,
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
