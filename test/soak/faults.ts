/**
 * `npm run soak -- faults [NAME…]`: harms real servers and processes while lines are written, and compares at the end what is in the
 * index with what was written.
 *
 * The servers are started once: three brokers of one quorum, three ZooKeeper servers, one Elasticsearch, each behind proxies. Each
 * scenario has its own names, processes and files. The exit code is 1 if one failed; the files of that one are kept. `--slack 3` lets times
 * be three times as long as a scenario allows, on a machine that does other work as well.
 */
import { parseArgs } from 'node:util';
import { build } from '../scenario/caboose-process.ts';
import { play } from './faults/play.ts';
import type { Report } from './faults/play.ts';
import { paragraph, table } from './faults/report.ts';
import { scenarios } from './faults/scenarios.ts';
import type { Scenario } from './faults/scenario.ts';
import { FaultServers } from './faults/servers.ts';

export const usage = `usage: npm run soak -- faults [NAME…] [OPTIONS]

  --minutes N   how long each is played
  --kills N     of the scenario kills, in the place of minutes
  --rate N      lines a second
  --slack N     times may be N times as long as a scenario allows
  --seed N
  --json        figures for programs
  --list        names all and plays none`;
const minuteMs = 60_000;

export function parse(args: readonly string[]): () => Promise<number> {
  const options = optionsOf(args);
  return async () => (options.list ? list() : await run(options));
}

function list(): number {
  for (const { name, fault, how, minutes } of scenarios)
    console.log(`${name.padEnd(16)} ${fault} (${how}); ${minutes} min`);
  return 0;
}

async function run(options: Options): Promise<number> {
  const reports = await playAll(options);
  if (options.json) console.log(JSON.stringify(reports, null, 2));
  else console.log(`\n${table(reports)}`);
  return reports.some(({ result }) => result === 'failed') ? 1 : 0;
}

interface Options {
  chosen: readonly Scenario[];
  minutes: number | null;
  kills: number | null;
  rate: number | null;
  slack: number;
  seed: number;
  json: boolean;
  list: boolean;
}

function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      minutes: { type: 'string' },
      kills: { type: 'string' },
      rate: { type: 'string' },
      slack: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; --list names all`);
  const { json, list: isList } = values;
  return {
    chosen: scenarios.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    minutes: positive('--minutes', values.minutes),
    kills: positive('--kills', values.kills),
    rate: positive('--rate', values.rate),
    slack: positive('--slack', values.slack) ?? 1,
    seed: positive('--seed', values.seed) ?? Date.now() % 1_000_000,
    json,
    list: isList,
  };
}

function positive(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} takes a number above 0, not ${text}`);
  return value;
}

async function playAll({ chosen, minutes, kills, rate, slack, seed }: Options): Promise<Report[]> {
  const main = await build();
  const servers = await FaultServers.start({ brokers: 3, zookeepers: 3 });
  const reports: Report[] = [];
  try {
    for (const scenario of chosen) {
      const durationMs = (minutes ?? scenario.minutes) * minuteMs;
      console.error(`${new Date().toISOString()} ${scenario.name}, ${durationMs / 1000} s, seed ${seed}`);
      const shape = { main, ...(rate !== null && { linesPerSecond: rate }) };
      const report = await play(servers, scenario, { seed, durationMs, kills, shape, slack });
      console.error(paragraph(report));
      reports.push(report);
    }
  } finally {
    await servers.stop();
  }
  return reports;
}
