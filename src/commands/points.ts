/** `caboose points`: the training points of files (a dry run: no state kept), or of a run that the index holds. */
import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { StoredPoint } from '../core/event-index.ts';
import { numberToJson } from '../core/fact.ts';
import type { SeriesPoint } from '../core/series/sources.ts';
import { standingsOf } from '../core/series/standings.ts';
import type { Placed, Standing } from '../core/series/standings.ts';
import { StreamFacts } from '../train/read-facts.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext } from './command.ts';
import { eventsOf, filesUnder, readingRules } from './dry-run.ts';
import { OutputBuffer } from './output-buffer.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';

/** More points of a run are not asked for. */
const storedPointsMax = 1_000_000;
/** So many points of files are held at once; which of them are one series is only known of points that are held together. */
const heldPointsMax = 500_000;

export const command: Command = {
  name: 'points',
  usage: 'caboose points PATH…|RUN [--stitched|--all] [--resources] [--json]',
  help: `Prints the training points (step, name, value) that files hold, or all files under a directory: metrics in JSON lines and CSV,
event files, printed dicts, "name=value" lines with a step. Keeps no state and needs no server. What is no path is taken as a run, whose points
come from the index; with --resources those of what its machines used, in order of time. The same series in several sources is printed once,
as precisely as it was told, and of restarts what the last attempt told of a step; --all prints every point, and says which are left out else.
With --json one object a line: file, run, attempt, rank, step, name, canonical, value, time, standing (stands, same, superseded), series: every
point, or with --stitched those that stand; of resources also host, without the last two.`,
  options: {
    stitched: { type: 'boolean', help: 'only the points that stand (the default without --json)' },
    all: { type: 'boolean', help: 'also those that are told again or superseded (the default with --json)' },
    resources: { type: 'boolean', help: 'of a RUN: CPU, memory, GPUs … of its machines instead' },
  },
  async run(context, args) {
    if (args.positionals.length === 0)
      throw usageError('points: of what?', 'name files, directories or a run');
    if (flag(args, 'stitched') && flag(args, 'all'))
      throw usageError('points: --stitched and --all contradict each other', 'name one of them');
    const output = new OutputBuffer(context.stdout);
    const [only] = args.positionals;
    if (args.positionals.length === 1 && only !== undefined && !(await exists(resolve(context.cwd, only))))
      await printStored(context, args, only, output);
    else await printRead(context, args, output);
    return exitCodes.ok;
  },
};

async function printRead(
  context: CommandContext,
  args: CommandArguments,
  output: OutputBuffer,
): Promise<void> {
  const rules = await readingRules(context);
  const printer = new Printer(context, args, output);
  for (const file of await filesUnder(context, args.positionals, rules)) {
    const stream = new StreamFacts({}, rules.own);
    for await (const event of eventsOf(context, file, rules.timeZone)) {
      if (context.signal.aborted) return;
      for (const fact of stream.read(event))
        if (fact.kind === 'point') await printer.add({ ...fact, path: file.path });
    }
  }
  await printer.finish();
}

async function printStored(
  context: CommandContext,
  args: CommandArguments,
  run: string,
  output: OutputBuffer,
): Promise<void> {
  const config = await context.loadConfig({ needs: ['index'] });
  const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
  try {
    if (flag(args, 'resources')) {
      for (const point of await index.points(run, { limit: storedPointsMax, resources: true }))
        await output.add(resourceLine(args, point));
      await output.flush();
      return;
    }
    const printer = new Printer(context, args, output);
    for (const point of await index.points(run, { limit: storedPointsMax })) await printer.add(point);
    await printer.finish();
  } finally {
    await index.close();
  }
}

/** Prints points in the order in which they come, when it is known what they are to each other. */
class Printer {
  readonly #context: CommandContext;
  readonly #args: CommandArguments;
  readonly #output: OutputBuffer;
  readonly #leftOut: Record<Standing, number> = { stands: 0, same: 0, superseded: 0 };
  #held: SeriesPoint[] = [];
  #toldFull = false;

  constructor(context: CommandContext, args: CommandArguments, output: OutputBuffer) {
    this.#context = context;
    this.#args = args;
    this.#output = output;
  }

  async add({
    run,
    attempt,
    rank,
    path,
    step,
    name,
    canonical,
    value,
    time,
    decimals,
    restart,
  }: SeriesPoint): Promise<void> {
    if (this.#held.length >= heldPointsMax) {
      await this.#print();
      if (!this.#toldFull)
        await this.#tell(`more than ${heldPointsMax} points: one series is known as one among so many`);
      this.#toldFull = true;
    }
    const point: SeriesPoint = { run, attempt, rank, path, step, name, canonical, value, time };
    if (decimals !== undefined) point.decimals = decimals;
    if (restart !== undefined) point.restart = restart;
    this.#held.push(point);
  }

  async finish(): Promise<void> {
    await this.#print();
    const { same, superseded } = this.#leftOut;
    if (same + superseded === 0 || flag(this.#args, 'json')) return;
    await this.#tell(
      `left out: ${same} told again elsewhere, ${superseded} superseded by a later attempt; --all prints them`,
    );
  }

  async #print(): Promise<void> {
    const points = this.#held;
    this.#held = [];
    const json = flag(this.#args, 'json');
    const all = flag(this.#args, 'all') || (json && !flag(this.#args, 'stitched'));
    const placed = standingsOf(points);
    for (const [i, point] of points.entries()) {
      const place = placed[i]!;
      if (all || place.standing === 'stands')
        await this.#output.add(json ? jsonLine(point, place) : textLine(this.#context.cwd, point, place));
      else this.#leftOut[place.standing] += 1;
    }
    await this.#output.flush();
  }

  async #tell(text: string): Promise<void> {
    await this.#context.stderr.write(`points: ${text}\n`);
  }
}

function jsonLine(point: SeriesPoint, { standing, series }: Placed): string {
  const { path, run, attempt, rank, step, name, canonical, value, time } = point;
  const shown = { file: path, run, attempt, rank, step, name, canonical, value: numberToJson(value), time };
  return `${JSON.stringify({ ...shown, standing, series })}\n`;
}

/** `train.log  step 120  loss  4.46  rank 3`; the canonical name where it is another one, and what the point is where that is not plain. */
function textLine(cwd: string, point: SeriesPoint, { standing, series }: Placed): string {
  const { path, rank, step, name, canonical, value } = point;
  const at = `step ${step ?? '-'}`.padEnd(12);
  const what = canonical === null || canonical === name ? name : `${name} (${canonical})`;
  const notes = [
    rank === null ? '' : `  rank ${rank}`,
    series === (canonical ?? name) ? '' : `  series ${series}`,
    standing === 'stands' ? '' : `  ${standing}`,
  ];
  return `${relative(cwd, path).padEnd(24)}  ${at}  ${what.padEnd(24)}  ${String(value).padStart(12)}${notes.join('')}\n`;
}

/** `node-1  2026-11-26T04:40:15.000Z  resource.gpu.0.power_watts  312.4`. */
function resourceLine(args: CommandArguments, point: StoredPoint): string {
  const { path, run, attempt, rank, host, step, name, canonical, value, time } = point;
  if (flag(args, 'json')) {
    const place = { file: path, run, attempt, rank, host };
    return `${JSON.stringify({ ...place, step, name, canonical, value: numberToJson(value), time })}\n`;
  }
  return `${host}  ${new Date(time).toISOString()}  ${name.padEnd(48)}  ${value}\n`;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
