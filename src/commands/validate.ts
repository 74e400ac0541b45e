/** `caboose validate`: everything that is wrong with a config file, at once, with the line. Starts nothing. */
import { resolve } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { ConfigError, problemText } from '../config/problems.ts';
import type { SectionName } from '../config/schema.ts';
import { exitCodes, flag, text, texts, usageError, type Command } from './command.ts';

/** What each long-running command needs. */
export const neededSections = {
  up: ['source', 'transport', 'index'],
  agent: ['source', 'transport'],
  indexer: ['transport', 'index', 'lease'],
} as const satisfies Record<string, readonly SectionName[]>;

export const command: Command = {
  name: 'validate',
  usage: 'caboose validate FILE [--for agent|indexer|up] [--json]',
  help: `Checks a config file: YAML, unknown keys, types and bounds, environment variables, and what must hold between keys.
Prints every error with its line; exit code 0 if there is none, else 2. With --for it also checks that the sections
which that command needs are there. Nothing is started and no server is asked.`,
  options: {
    for: {
      type: 'string',
      multiple: true,
      value: 'COMMAND',
      help: 'agent, indexer or up; may be given more than once',
    },
  },
  async run(context, args) {
    const file = args.positionals[0] ?? text(args, 'config');
    if (file === undefined) throw usageError('no file was given', 'caboose validate FILE');
    const needs = texts(args, 'for').flatMap((name) => {
      if (!isRole(name))
        throw usageError(`--for: "${name}" has no sections of its own`, 'write agent, indexer or up');
      return [...neededSections[name]];
    });
    const problems = await problemsOf({
      file,
      cwd: context.cwd,
      env: context.env,
      needs: [...new Set(needs)],
    });
    if (flag(args, 'json')) {
      await context.stdout.write(
        `${JSON.stringify({ file: resolve(context.cwd, file), valid: problems.length === 0, problems })}\n`,
      );
    } else if (problems.length === 0) await context.stdout.write(`${file}: valid\n`);
    else await context.stdout.write(problems.map((problem) => `${problemText(file, problem)}\n`).join(''));
    return problems.length === 0 ? exitCodes.ok : exitCodes.usage;
  },
};

async function problemsOf(options: Parameters<typeof loadConfig>[0]) {
  try {
    await loadConfig(options);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function isRole(name: string): name is keyof typeof neededSections {
  return Object.hasOwn(neededSections, name);
}
