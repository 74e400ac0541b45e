import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const hugeBytes = 32 * 1024 * 1024;
const partBytes = 256 * 1024;
const successor = 'its successor';
const agentMebibytesMax = 200;

/** A name in each lane, which the agents' patterns match. */
const documents: readonly { file: string; line: () => string }[] = [
  { file: 'huge.log', line: randomText },
  { file: 'huge.log.jsonl', line: () => JSON.stringify({ step: 1, text: randomText() }) },
];

export const hugeLine: Scenario = {
  name: 'huge-line',
  fault: 'a line of 32 MB, and a JSON document of 32 MB in one line',
  how: 'each written in one piece into a file of its own, in the bulk and in the fast lane',
  minutes: 1,
  async inject(stage, { durationMs, watch }) {
    const began = performance.now();
    let slowestMs = 0;
    let whole = 0;
    for (const { file, line } of documents) {
      const { isWhole, tookMs } = await writeHuge(stage, file, line());
      if (isWhole) whole += 1;
      slowestMs = Math.max(slowestMs, tookMs);
    }
    await delay(durationMs - (performance.now() - began));
    return {
      times: documents.length,
      figures: [
        { name: 'that are whole, joined', value: whole, unit: '', min: documents.length },
        { name: 'in the index after', value: slowestMs / 1000, unit: 's' },
        { ...watch.stillFigure, max: 15 },
        { ...watch.residentFigure, max: agentMebibytesMax },
      ],
    };
  },
};

async function writeHuge(
  stage: Stage,
  file: string,
  line: string,
): Promise<{ isWhole: boolean; tookMs: number }> {
  const began = performance.now();
  const path = await stage.write(file, [line, successor], { apart: true });
  const events = Math.ceil(line.length / partBytes) + 1;
  const isThere = async () => (await stage.witness.countOf(path)) >= events;
  await until(isThere, `${events} events of ${path} in the index`, 120_000, 500);
  const tookMs = performance.now() - began;
  return { isWhole: (await stage.witness.messagesOf(path)).join('') === line + successor, tookMs };
}

function randomText(): string {
  return randomBytes((hugeBytes * 3) / 4).toString('base64');
}
