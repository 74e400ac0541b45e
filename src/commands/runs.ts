/** `caboose runs`: the runs that the index knows. */
import type { RunSummary } from '../core/event-index.ts';
import { isOpen, sortedIncidents } from '../core/incident.ts';
import type { Incident } from '../core/incident.ts';
import { exitCodes, flag, type Command } from './command.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';
import { alignedRows } from './terminal-text.ts';

export const command: Command = {
  name: 'runs',
  usage: 'caboose runs [--json]',
  help: `Lists the runs of the index, the last active first: attempt, ranks, hosts, streams, bytes, events, first and last
sign of life, bytes that could not be had, and what went wrong (caboose why RUN says more). Without --config it reads ./caboose-data/index.`,
  options: {},
  async run(context, args) {
    const config = await context.loadConfig({ needs: ['index'] });
    const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
    try {
      const runs = (await index.runs()).sort((a, b) => b.last - a.last);
      const incidents = await index.incidents();
      if (flag(args, 'json'))
        for (const run of runs)
          await context.stdout.write(`${JSON.stringify(withIncidents(run, incidents))}\n`);
      else if (runs.length === 0) await context.stdout.write('no runs\n');
      else await context.stdout.write(runTable(runs, context.clock.now(), incidents));
      return exitCodes.ok;
    } finally {
      await index.close();
    }
  },
};

export function runTable(
  runs: readonly RunSummary[],
  now: number,
  incidents: readonly Incident[] = [],
): string {
  const head = [
    'RUN',
    'ATTEMPT',
    'RANKS',
    'HOSTS',
    'STREAMS',
    'BYTES',
    'EVENTS',
    'FIRST (UTC)',
    'LAST',
    'MISSING',
    'WRONG',
  ];
  const rows = runs.map((run) => [
    run.run,
    String(run.attempt),
    rankText(run.ranks),
    String(run.hosts.length),
    String(run.streams),
    byteText(run.bytes),
    String(run.events),
    new Date(run.first).toISOString().slice(0, 19).replace('T', ' '),
    `${ageText(now - run.last)} ago`,
    run.gapBytes === 0 ? '-' : byteText(run.gapBytes),
    wrongText(openOf(run, incidents)),
  ]);
  return `${alignedRows([head, ...rows]).join('\n')}\n`;
}

function openOf({ run }: RunSummary, incidents: readonly Incident[]): Incident[] {
  return sortedIncidents(incidents.filter((incident) => incident.run === run && isOpen(incident)));
}

function withIncidents(run: RunSummary, incidents: readonly Incident[]): unknown {
  const open = openOf(run, incidents);
  return {
    ...run,
    incidents: open.map(({ id, class: name, role, rank, attempt, message, opened }) => ({
      id,
      class: name,
      role,
      rank,
      attempt,
      message,
      opened,
    })),
  };
}

/** `failed: cuda-oom, rank 3`; a warning by its class alone; `-` while nothing is wrong. */
function wrongText([first, ...more]: readonly Incident[]): string {
  if (first === undefined) return '-';
  const what = `${first.class}${first.rank === null ? '' : `, rank ${first.rank}`}`;
  return `${first.role === 'root' ? 'failed: ' : ''}${what}${more.length > 0 ? `, +${more.length}` : ''}`;
}

/** `0-7,9`; `-` where no rank is known. */
export function rankText(ranks: readonly number[]): string {
  const parts: { from: number; to: number }[] = [];
  for (const rank of [...new Set(ranks)].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && last.to === rank - 1) last.to = rank;
    else parts.push({ from: rank, to: rank });
  }
  return parts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',') || '-';
}

export function byteText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ''}`;
}

export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
