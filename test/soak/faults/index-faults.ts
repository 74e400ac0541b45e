import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { Answer } from './index-proxy.ts';
import { repeat } from './scenario.ts';
import type { Figure, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const faultShare = 0.3;

export const indexErrors: Scenario = {
  name: 'index-errors',
  fault: 'Elasticsearch answers 429 and 503, or refuses some items of a bulk with them',
  how: '30 % of the bulk requests are answered by the proxy: a third each as a whole, and by item',
  minutes: 1,
  async inject(stage, { durationMs, random }) {
    const before = stage.servers.index.answered;
    const overloaded = () =>
      random() < 0.5
        ? { status: 429, type: 'es_rejected_execution_exception' }
        : { status: 503, type: 'unavailable_shards_exception' };
    stage.servers.index.answerInstead((): Answer | null => {
      if (random() >= faultShare) return null;
      if (random() < 2 / 3) return overloaded();
      return { items: () => (random() < faultShare ? overloaded() : null) };
    });
    await delay(durationMs);
    stage.servers.index.answerInstead(null);
    const again = await stage.sum(stage.indexers, 'caboose_index_retries_total');
    return {
      times: stage.servers.index.answered - before,
      figures: [{ name: 'documents sent again', value: again, unit: '', min: 1 }],
    };
  },
};

export const indexAway: Scenario = {
  name: 'index-away',
  fault: 'Elasticsearch is away',
  how: 'its link refuses, then is cut in the middle of ten answers, then is silent without a reset',
  minutes: 1,
  async inject(stage, { durationMs, random }) {
    const { indexLink } = stage.servers;
    await indexLink.refuse();
    await delay(durationMs / 2);
    await indexLink.pass();
    for (let i = 0; i < 10; i += 1) {
      indexLink.limitToClient(1 + Math.floor(random() * 2000));
      await delay(durationMs / 40);
    }
    indexLink.silent();
    await delay(durationMs / 4);
    // What was under way then is never answered: a request is given up after 60 s.
    await indexLink.pass();
    return { times: 12, figures: [await untilItMoves(stage, 75)] };
  },
};

export const indexReadOnly: Scenario = {
  name: 'index-read-only',
  fault: 'the indices are read-only',
  how: '`index.blocks.write` set for 5 s and lifted for 5 s, again and again',
  minutes: 1,
  async inject(stage, { durationMs }) {
    const times = await repeat(durationMs, async () => {
      for (const blocked of [true, null]) {
        await stage.witness.askIndex('PUT', `/${stage.id}-*/_settings`, { 'index.blocks.write': blocked });
        await delay(Math.min(5_000, durationMs / 4));
      }
    });
    return { times, figures: [await untilItMoves(stage, 15)] };
  },
};

/** How long it takes from now until events arrive. */
async function untilItMoves(stage: Stage, secondsMax: number): Promise<Figure> {
  const began = performance.now();
  const before = await stage.witness.indexed();
  await until(async () => (await stage.witness.indexed()) > before, 'events arrive again', 120_000, 200);
  return {
    name: 'back at work after',
    value: (performance.now() - began) / 1000,
    unit: 's',
    max: secondsMax,
  };
}
