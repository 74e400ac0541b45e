/** The command line: which command, which options, what to do with an error. The process itself is main.ts's. */
import { parseArgs } from 'node:util';
import { suggestion } from '../config/nearest.ts';
import type { RawConfig } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import { CabooseError, errorCode, errorText } from '../core/errors.ts';
import {
  commonOptions,
  exitCodes,
  flag,
  text,
  usageCodes,
  usageError,
  type Command,
  type CommandArguments,
  type CommandContext,
  type CommandOption,
  type ExitCode,
  type Output,
} from './command.ts';
import { commandHelp, loadCommand, overview } from './help.ts';

export interface CommandLine {
  /** Without the runtime and the script. */
  args: readonly string[];
  stdout: Output;
  stderr: Output;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  signal: AbortSignal;
  clock: Clock;
  version: string;
}

/** Runs one command line. Errors end as a message on stderr and an exit code; nothing is thrown. */
export async function runCommandLine(line: CommandLine): Promise<ExitCode> {
  try {
    return await dispatch(line);
  } catch (error) {
    if (errorCode(error) === 'OUTPUT_CLOSED') return exitCodes.ok;
    return await tell(error, line.stderr);
  }
}

async function dispatch(line: CommandLine): Promise<ExitCode> {
  const { name, rest } = splitCommand(line.args);
  if (name === undefined) {
    const args = parseFor(commonOptions, rest);
    const onlyVersion = rest.includes('--version') || rest.includes('-V');
    await line.stdout.write(onlyVersion ? `${line.version}\n` : overview(line.version));
    const asked = rest.length === 0 || onlyVersion || flag(args, 'help');
    if (!asked) throw usageError('no command was given');
    return exitCodes.ok;
  }
  const command = await loadCommand(name);
  if (rest.includes('--help') || rest.includes('-h')) {
    await line.stdout.write(commandHelp(command));
    return exitCodes.ok;
  }
  const args = parseFor({ ...commonOptions, ...command.options }, rest, command);
  return await command.run(contextOf(line, args), args);
}

/** The command is the first argument that is neither an option nor the value of a common one. */
function splitCommand(args: readonly string[]): { name: string | undefined; rest: string[] } {
  const { tokens } = parseArgs({
    args: [...args],
    options: commonOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const first = tokens.find((token) => token.kind === 'positional');
  return { name: first?.value, rest: args.filter((_, i) => i !== first?.index) };
}

function parseFor(
  options: Readonly<Record<string, CommandOption>>,
  args: readonly string[],
  command?: Command,
): CommandArguments {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: command ? options : { ...options, version: { type: 'boolean', short: 'V' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option' || (!command && token.name === 'version')) continue;
    const option = options[token.name];
    if (!option) throw unknownOption(token.rawName, options, command);
    const value = token.value;
    if (option.type === 'boolean' && value !== undefined) throw usageError(`${token.rawName} takes no value`);
    if (option.type === 'boolean') continue;
    const takesNext = value !== undefined && !token.inlineValue && value.startsWith('-') && value !== '-';
    if (value === undefined || value === '' || takesNext) {
      throw usageError(
        `${token.rawName} needs a value: ${token.rawName} ${option.value ?? 'VALUE'}`,
        takesNext ? `if "${value}" is meant, write ${token.rawName}=${value}` : undefined,
      );
    }
  }
  return { values, positionals };
}

function unknownOption(
  rawName: string,
  options: Readonly<Record<string, CommandOption>>,
  command: Command | undefined,
): CabooseError {
  const near = rawName.startsWith('--')
    ? suggestion(
        rawName,
        Object.keys(options).map((name) => `--${name}`),
      )
    : 'put -- before an argument that starts with "-"';
  const help = command
    ? `\`caboose ${command.name} --help\` lists the options`
    : '`caboose help` lists the options';
  return usageError(`unknown option ${rawName}`, near ?? help);
}

function contextOf(line: CommandLine, args: CommandArguments): CommandContext {
  const { stdout, stderr, env, cwd, signal, clock, version } = line;
  return {
    stdout,
    stderr,
    env,
    cwd,
    signal,
    clock,
    version,
    async loadConfig({ needs = [], overrides = {} } = {}) {
      const { loadConfig } = await import('../config/load.ts');
      const file = text(args, 'config') ?? null;
      return await loadConfig({ file, cwd, env, needs, overrides: withCommonFlags(overrides, args) });
    },
  };
}

function withCommonFlags(overrides: RawConfig, args: CommandArguments): RawConfig {
  const state = text(args, 'state');
  const listen = text(args, 'listen');
  const logLevel = text(args, 'log-level');
  return {
    ...overrides,
    ...(state === undefined ? {} : { state: { ...overrides.state, dir: state } }),
    ...(listen === undefined ? {} : { http: { ...overrides.http, listen } }),
    // The schema refuses a level that does not exist.
    ...(logLevel === undefined ? {} : { logLevel: logLevel as NonNullable<RawConfig['logLevel']> }),
  };
}

async function tell(error: unknown, stderr: Output): Promise<ExitCode> {
  const known = error instanceof CabooseError;
  const isUsage = known && usageCodes.has(error.code);
  await stderr.write(`caboose: ${known ? knownText(error) : unknownText(error)}\n`);
  return isUsage ? exitCodes.usage : exitCodes.runtime;
}

function knownText(error: CabooseError): string {
  const code = usageCodes.has(error.code) ? '' : ` [${error.code}]`;
  // A config error is a list, one problem a line; everything else is one line.
  const message = error.code === 'CONFIG_INVALID' ? error.message : errorText(error);
  return `${message}${code}${error.hint === undefined ? '' : `\n  hint: ${error.hint}`}`;
}

/** A defect of ours, or something that nobody foresaw: the place in the code helps whoever mends it. */
export function unknownText(error: unknown): string {
  const frame = error instanceof Error ? /\n\s+at (.+)/.exec(error.stack ?? '')?.[1] : undefined;
  const place = frame === undefined ? '' : ` (at ${frame})`;
  return `unexpected: ${errorText(error)}${place}\n  hint: this is likely a defect; please report it with this line`;
}
