/** What is to be known of one attempt, and is no failure by itself: jumps of the loss, and steps that take much longer than they did. */
import type { AttemptRecord } from './attempt-record.ts';
import type { Cause } from './cause.ts';
import type { Jump } from './loss-watch.ts';
import type { Slowdown } from './slowdown.ts';
import { stepTime } from './stream-watch.ts';
import type { StreamWatch } from './stream-watch.ts';
import { causeOfFact } from './warning.ts';
import { durationText, numberText } from './words.ts';

/** The same of several ranks and files is one. */
export function jumpsOf({ watched }: AttemptRecord): Cause[] {
  const jumps: { name: string; jump: Jump }[] = [];
  for (const { losses } of watched.values())
    for (const [name, { jump }] of losses) if (jump !== null) jumps.push({ name, jump });
  const first = earliest(jumps, ({ jump }) => jump.since);
  if (first === null) return [];
  const { name, jump } = first;
  const at = jump.step === null ? '' : ` at step ${jump.step}`;
  const end =
    jump.recovered === null
      ? 'and has not come down since'
      : `and came down again after ${jump.lasted} values`;
  const text = `${name} jumped from ${numberText(jump.from)} to ${numberText(jump.peak)}${at}, ${end}`;
  return [
    withRanks(
      causeOfFact(jump.since, 'spike', text),
      jumps.map(({ jump: each }) => each.since.rank),
    ),
  ];
}

type Slow = Slowdown['slow'] & object;

/** A stated rate says more than the time between steps: where one has not dropped, longer steps do more work. */
export function slowdownOf({ watched }: AttemptRecord): Cause[] {
  const all: { name: string; slow: Slow }[] = [];
  for (const stream of watched.values()) all.push(...slowIn(stream));
  const first = earliest(all, ({ slow }) => slow.since);
  if (first === null) return [];
  const { name, slow } = first;
  const text =
    name === stepTime
      ? `a step takes ${durationText(slow.now)}, where ${durationText(slow.usual)} was usual`
      : `${name} is ${numberText(1 / slow.now)}, where ${numberText(1 / slow.usual)} was usual`;
  return [
    withRanks(
      causeOfFact(slow.since, 'slow', text),
      all.map(({ slow: each }) => each.since.rank),
    ),
  ];
}

function slowIn({ slowness }: StreamWatch): { name: string; slow: Slow }[] {
  const rates = [...slowness].filter(([name]) => name !== stepTime);
  const counted = rates.length > 0 ? rates : [...slowness];
  return counted.flatMap(([name, { slow }]) => (slow === null ? [] : [{ name, slow }]));
}

function earliest<T>(values: readonly T[], factOf: (value: T) => { time: number; id: string }): T | null {
  let found: T | null = null;
  for (const value of values) {
    const best = found === null ? null : factOf(found);
    const fact = factOf(value);
    if (best === null || fact.time < best.time || (fact.time === best.time && fact.id < best.id))
      found = value;
  }
  return found;
}

function withRanks(cause: Cause, ranks: readonly (number | null)[]): Cause {
  const known = [...new Set(ranks.filter((rank) => rank !== null))].sort((a, b) => a - b);
  return { ...cause, ranks: known };
}
