import { suggestion } from '../config/nearest.ts';
import { exitCodes, flag, integer, moment, text, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext, ExitCode } from './command.ts';
import { idDigits, printJson, printTable } from './dead-letters/list.ts';
import { replayLetters } from './dead-letters/replay.ts';
import { letterKinds, readBook, select } from './dead-letters/select.ts';
import type { Selection } from './dead-letters/select.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'dead-letters',
  usage: 'caboose dead-letters list|replay [ID…] [--run RUN] [--kind KIND] [--since TIME] [--all] [--json]',
  help: `What could not be taken in: what, why, where, when, how often.

list    prints the open ones, the newest first; --all those that are done with, too; --json everything that is kept of them.
replay  takes those that are named in again, or all that --run and --kind leave, or --all: a document is written to the index
        again, a record is read again and published if it is a segment now. Nothing that is held is replaced. What was taken in is
        marked and no longer open; exit code 1 if anything stays.`,
  options: {
    run: { type: 'string', value: 'RUN', help: 'only of this run' },
    kind: { type: 'string', value: 'KIND', help: `only of this kind: ${letterKinds.join(', ')}` },
    since: { type: 'string', value: 'TIME', help: 'not older than 90s, 2h, 3d, or 2026-11-23T10:00:00Z' },
    limit: { type: 'string', value: 'N', help: 'list: at most so many, default 50' },
    all: { type: 'boolean', help: 'list: also those that are done with; replay: all that are open' },
  },
  async run(context, args) {
    const [act, ...ids] = args.positionals;
    const selection = selectionOf(args, ids, context.clock.now());
    if (act === 'list') return await list(context, args, selection);
    if (act === 'replay') return await replay(context, args, selection);
    throw usageError(
      act === undefined ? 'dead-letters needs list or replay' : `dead-letters: there is no "${act}"`,
      (act === undefined ? null : suggestion(act, ['list', 'replay'])) ?? 'caboose dead-letters list',
    );
  },
};

const limitDefault = 50;

function selectionOf(args: CommandArguments, ids: readonly string[], now: number): Selection {
  const kind = text(args, 'kind');
  if (kind !== undefined && !letterKinds.some((known) => known === kind)) {
    const hint = suggestion(kind, letterKinds) ?? `there are ${letterKinds.join(', ')}`;
    throw usageError(`--kind: there is no kind "${kind}"`, hint);
  }
  return { ids, kind, run: text(args, 'run'), since: moment(args, 'since', now) };
}

async function list(
  context: CommandContext,
  args: CommandArguments,
  selection: Selection,
): Promise<ExitCode> {
  const config = await context.loadConfig({ needs: ['transport'] });
  const { clock, signal, stdout } = context;
  const all = flag(args, 'all');
  const limit = integer(args, 'limit', 1) ?? limitDefault;
  const transport = await openTransport(config, { clock, logger: quietLogger(context, config) });
  try {
    const log = transport.deadLetters;
    const book = await readBook(log, signal);
    const found = select(all || selection.ids.length > 0 ? book.letters : book.open, selection);
    const shown = found.toSorted((a, b) => b.last - a.last).slice(0, limit);
    if (flag(args, 'json')) await printJson(stdout, log, shown, signal);
    else await printTable(stdout, shown, { found: found.length, book, all });
    return exitCodes.ok;
  } finally {
    await transport.close();
  }
}

async function replay(
  context: CommandContext,
  args: CommandArguments,
  selection: Selection,
): Promise<ExitCode> {
  const { ids, run, kind } = selection;
  if (ids.length === 0 && run === undefined && kind === undefined && !flag(args, 'all')) {
    throw usageError('dead-letters replay: which?', 'name IDs, --run RUN, --kind KIND, or --all');
  }
  const config = await context.loadConfig({ needs: ['transport', 'index'] });
  const { clock, signal, stdout } = context;
  const logger = quietLogger(context, config);
  const transport = await openTransport(config, { clock, logger });
  const index = await openIndex(config, { clock, logger });
  try {
    const log = transport.deadLetters;
    const book = await readBook(log, signal);
    const chosen = select(book.letters, selection).filter(({ mark }) => mark === null);
    const counts = { replayed: 0, held: 0, refused: 0, kept: 0 };
    await index.prepare(signal);
    const { publisher } = transport;
    for await (const { id, outcome } of replayLetters(log, chosen, { index, publisher, signal, clock })) {
      counts[outcome.status] += 1;
      if (flag(args, 'json')) await stdout.write(`${JSON.stringify({ id, ...outcome })}\n`);
      else if ('reason' in outcome)
        await stdout.write(`${id.slice(0, idDigits)}  ${outcome.status}: ${outcome.reason}\n`);
    }
    const { replayed, held, refused, kept } = counts;
    await stdout.write(
      flag(args, 'json')
        ? `${JSON.stringify({ kind: 'summary', ...counts })}\n`
        : `${replayed} taken in, ${held} were there already, ${refused} refused again, ${kept} stay\n`,
    );
    return refused + kept > 0 ? exitCodes.found : exitCodes.ok;
  } finally {
    await transport.close();
    await index.close();
  }
}
