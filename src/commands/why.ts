/** `caboose why`: what went wrong, from files (no state, no server), or of a run that the index holds. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { adviceFor } from '../train/incidents/advice.ts';
import { blameOf } from '../train/incidents/blame.ts';
import { clockOf } from '../train/incidents/timeline.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command, CommandContext, ExitCode } from './command.ts';
import { filesUnder, readingRules } from './dry-run.ts';
import { OutputBuffer } from './output-buffer.ts';
import { blameText, runText } from './why/print.ts';
import { readRun } from './why/read-run.ts';
import type { RunReading } from './why/read-run.ts';
import { runsUnder } from './why/run-folders.ts';
import type { RunFiles } from './why/run-folders.ts';
import { storedIncidents } from './why/stored.ts';

export const command: Command = {
  name: 'why',
  usage: 'caboose why PATH…|RUN [--json]',
  help: `Says what went wrong, first cause first: in files, or in all files under a directory, with the rank that failed first, where that
is written, what is only its echo on other ranks, and what to try. Files that are named together are one run; so is a directory,
unless it holds nothing but directories of runs. Keeps no state and needs no server. What is no path is taken as a run, whose
incidents come from the index. Warnings (a hang, a straggler, a jump of the loss, slow steps, too many restarts) come last. Where the texts
tell the time of steps, it says where the time went. Exit code 1 if something went wrong. With --json one object: { incidents: [{ run,
class, rank, ranks, attempt, role, message, time, evidence: [{ file, start, end }], echo, try }], runs: [{ run, ledger }], blame: [{ host,
gpu, failures, runs, classes }] }.`,
  options: {},
  async run(context, args) {
    if (args.positionals.length === 0) throw usageError('why: of what?', 'name files, directories or a run');
    const [only] = args.positionals;
    if (args.positionals.length === 1 && only !== undefined && (await kindOf(context, only)) === null)
      return await storedIncidents(context, only, flag(args, 'json'));
    const readings: RunReading[] = [];
    const rules = await readingRules(context);
    for (const run of await runsOf(context, args.positionals))
      readings.push(await readRun(context, run, rules));
    return await tell(context, readings, flag(args, 'json'));
  },
};

async function tell(
  context: CommandContext,
  readings: readonly RunReading[],
  json: boolean,
): Promise<ExitCode> {
  const output = new OutputBuffer(context.stdout);
  const blame = blameOf(readings);
  if (json) {
    const runs = readings.map(({ run, ledger }) => ({ run, ledger }));
    await output.add(`${JSON.stringify({ incidents: readings.flatMap(incidentsOf), runs, blame })}\n`);
  } else {
    for (const [i, reading] of readings.entries())
      await output.add(`${i === 0 ? '' : '\n'}${await runText(reading, context.cwd)}`);
    await output.add(blameText(blame));
  }
  await output.flush();
  const hasFailed = readings.some(({ causes }) => causes.some(({ role }) => role === 'root'));
  return hasFailed ? exitCodes.found : exitCodes.ok;
}

/** All files that are named are one run; each directory is one, or several. */
async function runsOf(context: CommandContext, paths: readonly string[]): Promise<RunFiles[]> {
  const rules = await readingRules(context);
  const named: string[] = [];
  const runs: RunFiles[] = [];
  for (const path of paths) {
    if ((await kindOf(context, path)) === 'directory')
      runs.push(...runsUnder(resolve(context.cwd, path), await filesUnder(context, [path], rules)));
    else named.push(path);
  }
  if (named.length === 0) return runs;
  const files = await filesUnder(context, named, rules);
  return [{ run: named.length === 1 ? (named[0] ?? '') : `${named.length} files`, files }, ...runs];
}

async function kindOf(context: CommandContext, path: string): Promise<'file' | 'directory' | null> {
  const status = await stat(resolve(context.cwd, path)).catch(() => null);
  return status === null ? null : status.isDirectory() ? 'directory' : 'file';
}

function incidentsOf({ run, causes }: RunReading): unknown[] {
  return causes.map(({ class: name, rank, ranks, attempt, attempts, restarted, role, message, ...more }) => {
    const { title, tries } = adviceFor(name, more.details, message);
    const [first] = more.evidence;
    return {
      run,
      class: name,
      rank,
      ranks,
      attempt,
      attempts,
      restarted,
      role,
      message,
      title,
      time: first === undefined || clockOf(first) === 'observed' ? null : more.time,
      evidence: more.evidence.map(({ path, start, end }) => ({ file: path, start, end })),
      echo: more.echo.map(({ evidence: { path, start, end }, ...echo }) => ({
        ...echo,
        evidence: [{ file: path, start, end }],
      })),
      try: tries,
    };
  });
}
