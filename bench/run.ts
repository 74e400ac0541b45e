/**
 * `npm run bench [-- NAME…]`: measures, prints a table, and ends with 1 when a budget is missed, with 2 when there is no such bench. CABOOSE_BENCH_RUNS says how often
 * each figure is taken (default 3); the median counts. Some need Kafka, or Elasticsearch: CABOOSE_TEST_KAFKA and
 * CABOOSE_TEST_ELASTICSEARCH name servers, else they are started.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startElasticsearch } from '../test/servers/elasticsearch.ts';
import { startKafka } from '../test/servers/kafka.ts';
import type { ServerProcess } from '../test/servers/server-process.ts';
import { agentIdle } from './agent-idle.ts';
import { agentLongLine } from './agent-long-line.ts';
import { agentManyFiles } from './agent-many-files.ts';
import { agentResources } from './agent-resources.ts';
import { agentThroughput } from './agent-throughput.ts';
import { auditStreams } from './audit-streams.ts';
import { isMet, median } from './bench.ts';
import type { Bench, Figure } from './bench.ts';
import { compression } from './compression.ts';
import { latency } from './latency.ts';
import { linearTime } from './linear-time.ts';
import { parse } from './parse.ts';
import { redact } from './redact.ts';

const benches: readonly Bench[] = [
  agentThroughput,
  agentIdle,
  agentResources,
  agentManyFiles,
  agentLongLine,
  parse,
  linearTime,
  compression,
  redact,
  latency,
  auditStreams,
];
let broker: ServerProcess | null = null;
let index: ServerProcess | null = null;

const asked = process.argv.slice(2);
const unknown = asked.find((asking) => !benches.some(({ name }) => name === asking));
if (unknown === undefined) {
  const selected = asked.length === 0 ? benches : benches.filter(({ name }) => asked.includes(name));
  const missed = await runAll(selected, Number(process.env['CABOOSE_BENCH_RUNS'] ?? 3));
  if (missed > 0) process.exitCode = 1;
} else {
  console.error(`no bench "${unknown}"; there are ${benches.map(({ name }) => name).join(', ')}`);
  process.exitCode = 2;
}

async function runAll(selected: readonly Bench[], runs: number): Promise<number> {
  let missedCount = 0;
  try {
    for (const bench of selected) {
      console.log(`\n${bench.name}: ${bench.about}`);
      const figures = await measure(bench, runs);
      for (const figure of figures) console.log(row(figure));
      missedCount += figures.filter((figure) => !isMet(figure)).length;
    }
  } finally {
    await broker?.stop();
    await index?.stop();
  }
  if (missedCount > 0) console.log(`\n${missedCount} budgets missed`);
  return missedCount;
}

async function measure(bench: Bench, runs: number): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'caboose-bench-'));
  try {
    return await bench.measure({ runs, directory, kafka, elasticsearch, serverPids });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function kafka(): Promise<string> {
  const given = process.env['CABOOSE_TEST_KAFKA'];
  if (given !== undefined && given !== '') return given;
  broker ??= await startKafka();
  return broker.address;
}

async function elasticsearch(): Promise<string> {
  const given = process.env['CABOOSE_TEST_ELASTICSEARCH'];
  if (given !== undefined && given !== '') return given;
  index ??= await startElasticsearch({ sustained: true });
  return index.address;
}

function serverPids(): { kafka: number | null; elasticsearch: number | null } {
  return { kafka: broker?.pid ?? null, elasticsearch: index?.pid ?? null };
}

function row(figure: Figure): string {
  const { name, unit, values, budget } = figure;
  const bound = budget ? ('max' in budget ? `≤ ${budget.max}` : `≥ ${budget.min}`) : '';
  const verdict = budget ? (isMet(figure) ? 'ok' : 'MISSED') : '';
  const all = values.map(shown).join(' ');
  return `  ${name.padEnd(38)} ${shown(median(values)).padStart(9)} ${unit.padEnd(8)} ${bound.padEnd(10)} ${verdict.padEnd(7)} [${all}]`;
}

function shown(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
