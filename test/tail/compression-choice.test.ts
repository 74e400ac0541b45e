import { beforeEach, describe, expect, it } from 'vitest';
import { CompressionChoice } from '../../src/tail/compression-choice.ts';
import type { Pressure } from '../../src/tail/compression-choice.ts';
import { FakeClock } from '../fakes/clock.ts';

let clock: FakeClock;
let choice: CompressionChoice;
beforeEach(() => {
  clock = new FakeClock();
  choice = new CompressionChoice(clock);
});

/** So many seconds of it, looked at four times a second; the levels that were chosen, in order. */
async function seconds(count: number, pressureAt: (second: number) => Pressure): Promise<string[]> {
  const levels: string[] = [choice.level];
  for (let i = 0; i < count * 4; i += 1) {
    await clock.advance(250);
    choice.observe(pressureAt(i / 4));
    if (levels.at(-1) !== choice.level) levels.push(choice.level);
  }
  return levels;
}

const none = { cpu: false, link: false };
const cpu = { cpu: true, link: false };
const link = { cpu: false, link: true };

describe('CompressionChoice', () => {
  it('compresses as usual while nothing binds', async () => {
    expect(await seconds(120, () => none)).toEqual(['normal']);
  });

  it('is cheaper while the CPU ceiling binds, and as usual when it does not any more', async () => {
    expect(await seconds(60, () => cpu)).toEqual(['normal', 'cheap']);
    expect(await seconds(60, () => none)).toEqual(['cheap', 'normal']);
  });

  it('is stronger while the link binds and CPU is to spare', async () => {
    expect(await seconds(60, () => link)).toEqual(['normal', 'strong']);
    expect(await seconds(60, () => ({ cpu: true, link: true }))).toEqual(['strong', 'normal', 'cheap']);
  });

  it('takes no notice of a short burst', async () => {
    expect(await seconds(120, (second) => (second % 30 < 5 ? cpu : none))).toEqual(['normal']);
  });

  it('does not flap when it binds half of the time, nor change more often than twice a minute', async () => {
    expect(await seconds(600, (second) => (Math.floor(second) % 2 === 0 ? link : none))).toEqual(['normal']);
    const levels = await seconds(600, (second) => (Math.floor(second / 15) % 2 === 0 ? cpu : none));
    expect(levels.length - 1).toBeLessThanOrEqual(20);
  });
});
