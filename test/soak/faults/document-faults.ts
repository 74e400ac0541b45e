import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { until } from '../../fakes/clock.ts';
import type { Figure, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { Watch } from './watch.ts';

const letterSecondsMax = 10;

export const indexRefuses: Scenario = {
  name: 'index-refuses',
  fault: 'the index refuses a document for good: a mapping that somebody else made',
  how: 'an index of the day in which `log.level` is a number; a line with a level every 3 s',
  minutes: 0.5,
  async before(stage) {
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '.');
    await stage.askIndex('PUT', `/${stage.id}-logs-${day}`, {
      mappings: { properties: { log: { properties: { level: { type: 'integer' } } } } },
    });
  },
  async inject(stage, { durationMs }) {
    const watch = new Watch(stage);
    const end = performance.now() + durationMs;
    let times = 0;
    let slowestMs = 0;
    while (performance.now() < end) {
      times += 1;
      await stage.write('refused.log', [`2026-01-01 00:00:00 ERROR refused ${times}`], { apart: true });
      // Its successor, which ends the event.
      await stage.write('refused.log', [`2026-01-01 00:00:00 taken ${times}`], { apart: true });
      const began = performance.now();
      await untilDeadLetters(stage, times);
      slowestMs = Math.max(slowestMs, performance.now() - began);
      await delay(3_000);
    }
    await watch.end();
    const figures: Figure[] = [
      { name: 'slowest dead letter', value: slowestMs / 1000, unit: 's', max: letterSecondsMax },
      { ...watch.stillFigure, max: letterSecondsMax },
    ];
    return { times, figures, refused: times };
  },
};

const hugeBytes = 32 * 1024 * 1024;
const partBytes = 256 * 1024;

export const hugeLine: Scenario = {
  name: 'huge-line',
  fault: 'a line of 32 MB',
  how: 'written in one piece into a file of its own',
  minutes: 0.5,
  async inject(stage, { durationMs }) {
    const watch = new Watch(stage);
    const line = randomBytes((hugeBytes * 3) / 4).toString('base64');
    const began = performance.now();
    const path = await stage.write('huge.log', [line], { apart: true });
    await stage.write('huge.log', ['its successor'], { apart: true });
    const parts = async () => (await messagesOf(stage, path)).filter((text) => text !== 'its successor');
    await until(
      async () => (await parts()).reduce((sum, { length }) => sum + length, 0) >= line.length,
      'the huge line is in the index',
      120_000,
      1000,
    );
    const seconds = (performance.now() - began) / 1000;
    const found = await parts();
    await delay(durationMs - seconds * 1000);
    await watch.end();
    const isWhole = found.join('') === line;
    return {
      times: 1,
      figures: [
        { name: 'parts', value: found.length, unit: '', min: hugeBytes / partBytes },
        { name: 'is the line, joined', value: isWhole ? 1 : 0, unit: '', min: 1 },
        { name: 'in the index after', value: seconds, unit: 's' },
        { ...watch.stillFigure, max: 15 },
        watch.residentFigure,
      ],
    };
  },
};

async function untilDeadLetters(stage: Stage, wanted: number): Promise<void> {
  const count = async (admin: Admin): Promise<number> => {
    const offsets = await admin.fetchTopicOffsets(stage.topic('dead-letters'));
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  };
  await stage.askKafka(async (admin) => {
    await until(
      async () => (await count(admin)) >= wanted,
      `${wanted} dead letters of ${stage.id}`,
      120_000,
      200,
    );
  });
}

/** In the order of the file. */
async function messagesOf(stage: Stage, path: string): Promise<string[]> {
  await stage.askIndex('POST', `/${stage.id}-logs-*/_refresh`);
  const { hits } = (await stage.askIndex('POST', `/${stage.id}-logs-*/_search`, {
    size: 1_000,
    query: { term: { 'log.file.path': path } },
    sort: [{ 'log.offset': 'asc' }, { 'caboose.part': { order: 'asc', unmapped_type: 'long' } }],
    _source: ['message'],
  })) as { hits: { hits: { _source: { message: string } }[] } };
  return hits.hits.map(({ _source: { message } }) => message);
}
