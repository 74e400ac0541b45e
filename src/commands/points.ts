/** `caboose points`: the training points of files (a dry run: no state kept), or of a run that the index holds. */
import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { StoredPoint } from '../core/event-index.ts';
import { numberToJson } from '../core/fact.ts';
import type { PointBody } from '../core/fact.ts';
import { readFacts } from '../train/read-facts.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext } from './command.ts';
import { eventsOf, filesUnder, readingRules } from './dry-run.ts';
import { OutputBuffer } from './output-buffer.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';

/** More points of a run are not asked for; files have no such limit. */
const storedPointsMax = 1_000_000;

export const command: Command = {
  name: 'points',
  usage: 'caboose points PATH…|RUN [--resources] [--json]',
  help: `Prints the training points (step, name, value) that files hold, or all files under a directory: metrics in JSON lines and CSV,
printed dicts, "name=value" lines with a step. Keeps no state and needs no server. What is no path is taken as a run, whose points
come from the index; with --resources those of what its machines used, in order of time. With --json one object a line: file, run, attempt,
rank, step, name, canonical, value, time; of resources also host.`,
  options: {
    resources: { type: 'boolean', help: 'of a RUN: CPU, memory, GPUs … of its machines instead' },
  },
  async run(context, args) {
    if (args.positionals.length === 0)
      throw usageError('points: of what?', 'name files, directories or a run');
    const output = new OutputBuffer(context.stdout);
    const [only] = args.positionals;
    if (args.positionals.length === 1 && only !== undefined && !(await exists(resolve(context.cwd, only))))
      await printStored(context, args, only, output);
    else await printRead(context, args, output);
    await output.flush();
    return exitCodes.ok;
  },
};

async function printRead(
  context: CommandContext,
  args: CommandArguments,
  output: OutputBuffer,
): Promise<void> {
  const rules = await readingRules(context);
  for (const file of await filesUnder(context, args.positionals, rules)) {
    let memory: Record<string, unknown> = {};
    for await (const event of eventsOf(context, file, rules.timeZone)) {
      if (context.signal.aborted) return;
      const read = readFacts(event, memory, rules.own);
      memory = read.context;
      for (const fact of read.facts)
        if (fact.kind === 'point') await output.add(line(context, args, { ...fact, path: file.path }));
    }
  }
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
    const resources = flag(args, 'resources');
    for (const stored of await index.points(run, { limit: storedPointsMax, resources }))
      await output.add(resources ? resourceLine(args, stored) : line(context, args, stored));
  } finally {
    await index.close();
  }
}

type PrintedPoint = Pick<StoredPoint, 'run' | 'attempt' | 'rank' | 'path' | 'time'> &
  Pick<PointBody, 'step' | 'name' | 'value'> & { canonical: string | null };

/** `train.log  step 120  loss  4.46  rank 3`. */
function line(context: CommandContext, args: CommandArguments, point: PrintedPoint): string {
  const { path, run, attempt, rank, step, name, canonical, value, time } = point;
  if (flag(args, 'json')) {
    const shown = { file: path, run, attempt, rank, step, name, canonical, value: numberToJson(value), time };
    return `${JSON.stringify(shown)}\n`;
  }
  const at = `step ${step ?? '-'}`.padEnd(12);
  const who = rank === null ? '' : `  rank ${rank}`;
  return `${relative(context.cwd, path).padEnd(24)}  ${at}  ${name.padEnd(24)}  ${String(value).padStart(12)}${who}\n`;
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
