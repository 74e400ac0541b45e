/** `caboose search`: events from the store or from Elasticsearch, in the same language. */
import { levels } from '../core/event.ts';
import type { EventIndex, SearchHit } from '../core/event-index.ts';
import type { SearchQuery } from '../core/search-query.ts';
import { parseSearch } from '../sinks/query.ts';
import { suggestion } from '../config/nearest.ts';
import { exitCodes, flag, integer, moment, text, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext } from './command.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';
import { withoutControls } from './terminal-text.ts';

const limitMax = 10_000;

export const command: Command = {
  name: 'search',
  usage:
    'caboose search QUERY [--run RUN] [--rank N] [--level LEVEL] [--since TIME] [--limit N] [--follow] [--json]',
  help: `Prints the events that match, oldest first; of more than --limit, the newest. QUERY is words, "phrases", -not, and
field:value (run, rank, level, host, path, kind, logger, stream); all must hold; * stands for any characters in a field.
Quote the whole of it from the shell, and put -- before a QUERY that starts with "-". Without QUERY, every event matches.
Without --config it reads ./caboose-data/index.`,
  options: {
    run: { type: 'string', value: 'RUN', help: 'only this run' },
    rank: { type: 'string', value: 'N', help: 'only this rank' },
    level: { type: 'string', value: 'LEVEL', help: `at least this level: ${levels.join(', ')}` },
    since: { type: 'string', value: 'TIME', help: 'not older than 90s, 2h, 3d, or 2026-11-23T10:00:00Z' },
    until: { type: 'string', value: 'TIME', help: 'not younger than that' },
    limit: { type: 'string', value: 'N', help: `at most so many, default 100, at most ${limitMax}` },
    follow: { type: 'boolean', short: 'f', help: 'go on with events as they come' },
  },
  async run(context, args) {
    const query = queryOf(args, context.clock.now());
    const config = await context.loadConfig({ needs: ['index'] });
    const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
    const print = async (hit: SearchHit) =>
      await context.stdout.write(flag(args, 'json') ? `${JSON.stringify(hit)}\n` : hitText(hit));
    try {
      const hits = (await index.search(query)).reverse();
      for (const hit of hits) await print(hit);
      if (flag(args, 'follow')) await follow(index, query, hits, context, print);
      return exitCodes.ok;
    } finally {
      await index.close();
    }
  },
};

/** Throws USAGE, or QUERY_INVALID. */
export function queryOf(args: CommandArguments, now: number): SearchQuery {
  const limit = integer(args, 'limit', 1) ?? 100;
  if (limit > limitMax)
    throw usageError(`--limit: at most ${limitMax}`, 'narrow the search with --since and --until');
  const run = text(args, 'run');
  const rank = integer(args, 'rank');
  const level = levelOf(args);
  const since = moment(args, 'since', now);
  const until = moment(args, 'until', now);
  return {
    clauses: parseSearch(args.positionals.join(' ')),
    limit,
    order: 'newest',
    ...(run === undefined ? {} : { run }),
    ...(rank === undefined ? {} : { rank }),
    ...(level === undefined ? {} : { level }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function levelOf(args: CommandArguments): string | undefined {
  const given = text(args, 'level')?.toLowerCase();
  if (given === undefined) return undefined;
  const aliases: Record<string, string> = { warning: 'warn', err: 'error', critical: 'fatal' };
  const level = aliases[given] ?? given;
  if (levels.some((known) => known === level)) return level;
  throw usageError(
    `--level: there is no level "${given}"`,
    suggestion(given, levels) ?? `there are ${levels.join(', ')}`,
  );
}

const pollIntervalMs = 500;
/** Events may become searchable out of order; so far back a poll looks again, and so many ids it remembers. */
const overlapMs = 60_000;
const seenMax = 50_000;

/** Polls: an index tells nobody what is new. An event that is still open is shown when first seen. */
async function follow(
  index: EventIndex,
  query: SearchQuery,
  shown: readonly SearchHit[],
  { clock, signal }: CommandContext,
  print: (hit: SearchHit) => Promise<void>,
): Promise<void> {
  const seen = new Set(shown.map((hit) => hit.id));
  const startedAt = Math.max(query.since ?? 0, shown.at(-1)?.time ?? clock.now());
  let newest = startedAt;
  while (!signal.aborted) {
    await clock.sleep(pollIntervalMs, signal);
    if (signal.aborted) return;
    const since = Math.max(startedAt, newest - overlapMs);
    const hits = await index.search({ ...query, since, order: 'newest', limit: limitMax });
    for (const hit of hits.reverse()) {
      if (seen.has(hit.id)) continue;
      seen.add(hit.id);
      newest = Math.max(newest, hit.time);
      await print(hit);
    }
    for (const id of seen) {
      if (seen.size <= seenMax) break;
      seen.delete(id);
    }
  }
}

/** `2026-11-23T10:24:06.123Z  my-run/0 rank 3  error  train.log  message`; further lines of the message are indented. */
export function hitText(hit: SearchHit): string {
  const time = new Date(hit.time).toISOString();
  const rank = hit.rank === null ? '' : ` rank ${hit.rank}`;
  const name = hit.path.slice(hit.path.lastIndexOf('/') + 1);
  const message = withoutControls(hit.message).replaceAll('\n', '\n    ');
  return `${time}  ${hit.run}/${hit.attempt}${rank}  ${(hit.level ?? '-').padEnd(5)}  ${name}  ${message}\n`;
}
