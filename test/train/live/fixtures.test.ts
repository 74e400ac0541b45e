import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/core/event.ts';
import type { Fact } from '../../../src/core/fact.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { readFacts } from '../../../src/train/read-facts.ts';
import { eventsOf, fixture, fixtureNames } from '../../events/helpers.ts';
import { LiveRun } from './live-run.ts';

/** So much time passes at once while a run says nothing. */
const pauseMsMax = 700_000;
/** For what was said last to settle. No file says that it is over: silence for longer than this is what a hang looks like. */
const endMs = 240_000;
const msBetweenUntimed = 1_000;

/** The events of a file, each with its facts and when it happens. */
function timed(name: string): { at: number; facts: Fact[] }[] {
  let context: Record<string, unknown> = {};
  let at = Date.UTC(2026, 0, 1);
  let isFirst = true;
  return eventsOf(fixture(name), { path: `/logs/${name}` }).map((event: LogEvent) => {
    const read = readFacts(event, context);
    context = read.context;
    if (event.timeSource !== 'event') at += msBetweenUntimed;
    else at = isFirst ? event.time : Math.max(at, event.time);
    isFirst = false;
    return { at, facts: read.facts };
  });
}

/** As it would be told under way, the file being written at the pace that it tells. */
async function live(name: string): Promise<LiveRun> {
  const run = new LiveRun({ endedAfterMs: 1e12 });
  for (const { at, facts } of timed(name)) {
    if (facts.length === 0) continue;
    await run.pass(Math.min(pauseMsMax, Math.max(0, at - run.clock.now())));
    if (at > run.clock.now()) run.clock.jumpWall(at - run.clock.now());
    run.give(facts.map((fact) => ({ ...fact, observed: run.clock.now() })));
  }
  await run.pass(endMs);
  return run;
}

describe('what is told of a run under way is what its file tells afterwards', () => {
  it.each(fixtureNames)('%s', { timeout: 60_000 }, async (name) => {
    const whole = new RunFailures();
    for (const { facts } of timed(name)) whole.take(facts);
    const first = whole.causes().find(({ role }) => role === 'root');
    const { told, open } = await live(name);
    const changes = told.filter((text) => !text.endsWith('updated'));
    const expected = first === undefined ? [] : [`${first.class}@${first.rank}`];
    expect(open).toEqual(expected);
    expect(changes).toEqual(expected.map((text) => `${text} opened`));
  });
});
