import { describe, expect, it } from 'vitest';
import { withFirstAck } from '../../../src/commands/wiring/first-ack.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';
import { FakePublisher } from '../../fakes/publisher.ts';
import { segmentOf } from '../../fakes/segments.ts';

async function isAcked(acked: Promise<void>): Promise<boolean> {
  let is = false;
  void acked.then(() => (is = true));
  await settle();
  return is;
}

describe('withFirstAck', () => {
  it('tells of the first acknowledgement', async () => {
    const held = new FakePublisher();
    held.acks = false;
    const { publisher, acked } = withFirstAck(held, new FakeClock());
    const published = publisher.publish('bulk', 0, segmentOf('a line\n'));
    expect(await isAcked(acked)).toBe(false);
    held.release();
    await published;
    expect(await isAcked(acked)).toBe(true);
  });

  it('is over after ten seconds when nothing is', async () => {
    const clock = new FakeClock();
    const { acked } = withFirstAck(new FakePublisher(), clock);
    await clock.advance(9_999);
    expect(await isAcked(acked)).toBe(false);
    await clock.advance(1);
    expect(await isAcked(acked)).toBe(true);
  });
});
