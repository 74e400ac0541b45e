/** `caboose validate`: everything that is wrong with a config file, at once, with the line. Starts nothing. */
import { resolve } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { ConfigError, problemText } from '../config/problems.ts';
import type { Config, SectionName } from '../config/schema.ts';
import { exitCodes, flag, text, texts, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext, ExitCode } from './command.ts';
import { eventsOf, filesUnder, readingRulesOf } from './dry-run.ts';
import { testJson, testPatterns, testText } from './validate/test-patterns.ts';

/** What each long-running command needs. */
export const neededSections = {
  up: ['source', 'transport', 'index'],
  agent: ['source', 'transport'],
  indexer: ['transport', 'index', 'lease'],
} as const satisfies Record<string, readonly SectionName[]>;

export const command: Command = {
  name: 'validate',
  usage: 'caboose validate FILE [--for agent|indexer|up] [--test LOG] [--json]',
  help: `Checks a config file: YAML, unknown keys, types and bounds, environment variables, and what must hold between keys.
Prints every error with its line; exit code 0 if there is none, else 2. With --for it also checks that the sections
which that command needs are there. Nothing is started and no server is asked.
With --test it shows what the patterns of train.patterns find in a log file: for each how many lines, the first ones with their
points, and the lines of which nobody makes points; exit code 1 if a pattern finds nothing.`,
  options: {
    for: {
      type: 'string',
      multiple: true,
      value: 'COMMAND',
      help: 'agent, indexer or up; may be given more than once',
    },
    test: { type: 'string', value: 'LOG', help: 'a log file on which to try the patterns of train.patterns' },
  },
  async run(context, args) {
    const file = args.positionals[0] ?? text(args, 'config');
    if (file === undefined) throw usageError('no file was given', 'caboose validate FILE');
    const needs = texts(args, 'for').flatMap((name) => {
      if (!isRole(name))
        throw usageError(`--for: "${name}" has no sections of its own`, 'write agent, indexer or up');
      return [...neededSections[name]];
    });
    const loaded = await load({
      file,
      cwd: context.cwd,
      env: context.env,
      needs: [...new Set(needs)],
    });
    const problems = 'problems' in loaded ? loaded.problems : [];
    const log = text(args, 'test');
    if (!('problems' in loaded) && log !== undefined) return await tryPatterns(context, args, loaded, log);
    if (flag(args, 'json')) {
      await context.stdout.write(
        `${JSON.stringify({ file: resolve(context.cwd, file), valid: problems.length === 0, problems })}\n`,
      );
    } else if (problems.length === 0) await context.stdout.write(`${file}: valid\n`);
    else await context.stdout.write(problems.map((problem) => `${problemText(file, problem)}\n`).join(''));
    return problems.length === 0 ? exitCodes.ok : exitCodes.usage;
  },
};

async function tryPatterns(
  context: CommandContext,
  args: CommandArguments,
  config: Config,
  log: string,
): Promise<ExitCode> {
  const { patterns } = config.train;
  if (patterns.length === 0)
    throw usageError('--test: the config has no train.patterns', 'docs/CONFIG.md has an example');
  const rules = readingRulesOf(config);
  const files = await filesUnder(context, [log], rules);
  const [file] = files;
  if (files.length !== 1 || file === undefined) throw usageError('--test takes one file', 'name a log file');
  const test = await testPatterns(patterns, eventsOf(context, file, rules.timeZone));
  const shown = flag(args, 'json')
    ? `${JSON.stringify({ file: file.path, ...testJson(test) })}\n`
    : testText(log, test);
  await context.stdout.write(shown);
  return test.patterns.every(({ lines }) => lines > 0) ? exitCodes.ok : exitCodes.found;
}

async function load(
  options: Parameters<typeof loadConfig>[0],
): Promise<Config | Pick<ConfigError, 'problems'>> {
  try {
    return await loadConfig(options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function isRole(name: string): name is keyof typeof neededSections {
  return Object.hasOwn(neededSections, name);
}
