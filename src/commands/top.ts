/**
 * `caboose top`: the runs and how they do, live in the terminal. Asks the index every few seconds; what it shows of speed is the difference to the
 * look before. Without a terminal, or with --once, it prints one frame.
 */
import type { EventIndex } from '../core/event-index.ts';
import { errorText } from '../core/errors.ts';
import { numberToJson } from '../core/fact.ts';
import type { Command, CommandContext } from './command.ts';
import { exitCodes, flag, integer } from './command.ts';
import { frame } from './top/frame.ts';
import { rowOf, shownNames } from './top/row.ts';
import type { RunState, TopRow } from './top/row.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';

const everySecondsDefault = 2;
/** Runs whose points are asked for; the last active ones come first. */
const runsMax = 50;
/** Without a terminal there is no height. */
const linesWithoutTerminal = 1_000;
const columnsWithoutTerminal = 400;

const enterScreen = '\x1b[?1049h\x1b[?25l';
const leaveScreen = '\x1b[?25h\x1b[?1049l';
const home = '\x1b[H';
const clearBelow = '\x1b[J';
const clearLine = '\x1b[K';

export const command: Command = {
  name: 'top',
  usage: 'caboose top [--every SECONDS] [--once] [--json]',
  help: `Shows the runs of the index, the last active first, and how they do: step, loss, speed, GPUs, what they write, and what is wrong
with which. On a terminal it is drawn anew every two seconds until Ctrl-C; elsewhere, or with --once, one frame is printed. Without
--config it reads ./caboose-data/index.`,
  options: {
    every: { type: 'string', value: 'SECONDS', help: 'time between two frames, default 2' },
    once: { type: 'boolean', help: 'print one frame and exit' },
  },
  async run(context, args) {
    const everyMs = (integer(args, 'every', 1) ?? everySecondsDefault) * 1_000;
    const config = await context.loadConfig({ needs: ['index'] });
    const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
    try {
      const asJson = flag(args, 'json');
      if (context.stdout.isTerminal && !asJson && !flag(args, 'once'))
        await follow(context, new Looks(index), everyMs);
      else await printOnce(context, new Looks(index), asJson);
      return exitCodes.ok;
    } finally {
      await index.close();
    }
  },
};

async function printOnce({ stdout, clock }: CommandContext, looks: Looks, asJson: boolean): Promise<void> {
  const now = clock.now();
  const rows = await looks.look(now);
  const size = {
    columns: stdout.isTerminal ? stdout.columns : columnsWithoutTerminal,
    lines: linesWithoutTerminal,
  };
  const lines = asJson ? rows.map((row) => JSON.stringify(jsonOf(row))) : frame(rows, now, size);
  for (const line of lines) await stdout.write(`${line}\n`);
}

/** Until the signal aborts. An index that is away is told in the frame, and asked again. */
async function follow(context: CommandContext, looks: Looks, everyMs: number): Promise<void> {
  const { stdout, clock, signal } = context;
  await stdout.write(enterScreen);
  try {
    let rows: TopRow[] = [];
    while (!signal.aborted) {
      const now = clock.now();
      let failure: string | null = null;
      try {
        rows = await looks.look(now);
      } catch (error) {
        failure = errorText(error);
      }
      const lines = frame(rows, now, { columns: stdout.columns, lines: stdout.rows - 1 });
      if (failure !== null) lines[0] = `the index does not answer: ${failure}`.slice(0, stdout.columns);
      await stdout.write(`${home}${lines.map((line) => `${line}${clearLine}`).join('\n')}\n${clearBelow}`);
      await clock.sleep(everyMs, signal);
    }
  } finally {
    await stdout.write(leaveScreen);
  }
}

/** What is shown of speed is over so long: losses are often stated less often than frames are drawn. */
const paceWindowMs = 30_000;

/** Looks at the index, and remembers the looks before. */
class Looks {
  readonly #index: EventIndex;
  /** Oldest first; all but the first are younger than the window. */
  #history: { at: number; states: Map<string, RunState> }[] = [];

  constructor(index: EventIndex) {
    this.#index = index;
  }

  async look(now: number): Promise<TopRow[]> {
    const summaries = (await this.#index.runs()).sort((a, b) => b.last - a.last);
    const incidents = Map.groupBy(await this.#index.incidents(), ({ run }) => run);
    while ((this.#history[1]?.at ?? Infinity) <= now - paceWindowMs) this.#history.shift();
    const [before] = this.#history;
    const states = new Map<string, RunState>();
    for (const [place, summary] of summaries.entries()) {
      const { run } = summary;
      const points = place < runsMax ? await this.#index.latestPoints(run, shownNames) : [];
      states.set(run, { summary, points, incidents: incidents.get(run) ?? [] });
    }
    this.#history.push({ at: now, states });
    return [...states].map(([run, state]) => {
      const known = before?.states.get(run);
      return rowOf(state, now, known && before ? { state: known, at: before.at } : undefined);
    });
  }
}

/** JSON has no NaN. */
function jsonOf(row: TopRow): Record<string, unknown> {
  return { ...row, loss: row.loss === null ? null : numberToJson(row.loss) };
}
