/**
 * What a subcommand is. One file per subcommand exports `command: Command`; registry.ts lists them, and main.ts imports
 * just the one that runs. A command returns its exit code or throws: a CabooseError whose code is in `usageCodes` ends as
 * 2, everything else as 3, told in one line on stderr. It never exits the process.
 */
import type { Clock } from '../core/clock.ts';
import { CabooseError } from '../core/errors.ts';
import type { Config, RawConfig, SectionName } from '../config/schema.ts';

/** `found`: the command did its work, and what it looks for is there (a gap, a failure, an invalid config is `usage`). */
export const exitCodes = { ok: 0, found: 1, usage: 2, runtime: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Errors of these codes are the caller's to mend: exit code 2. */
export const usageCodes: ReadonlySet<string> = new Set([
  'USAGE',
  'QUERY_INVALID',
  'CONFIG_INVALID',
  'CONFIG_UNREADABLE',
]);

export interface Command {
  name: string;
  /** The line behind "Usage: ", e.g. `caboose cat RUN|STREAM|FILE [--follow]`. */
  usage: string;
  /** What it does, in a few plain sentences; the list of options is added. */
  help: string;
  /** Its own options; the common ones (commonOptions) are understood by every command. */
  options: Readonly<Record<string, CommandOption>>;
  run(context: CommandContext, args: CommandArguments): Promise<ExitCode>;
}

/** Passed to node:util.parseArgs. `value` names the argument in the help (`FILE`, `MS`). */
export interface CommandOption {
  type: 'string' | 'boolean';
  short?: string;
  multiple?: boolean;
  value?: string;
  help: string;
}

export const commonOptions = {
  config: { type: 'string', short: 'c', value: 'FILE', help: 'config file (YAML); see docs/CONFIG.md' },
  state: { type: 'string', value: 'DIR', help: 'state directory, instead of state.dir' },
  listen: { type: 'string', value: 'HOST:PORT', help: 'HTTP address, instead of http.listen; port 0 = any' },
  'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info, warn or error, instead of logLevel' },
  json: { type: 'boolean', help: 'print data as JSON, one object a line' },
  help: { type: 'boolean', short: 'h', help: 'print this help' },
} as const satisfies Record<string, CommandOption>;

export interface CommandArguments {
  values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  positionals: readonly string[];
}

/** Everything that a command may know of the process that it runs in. */
export interface CommandContext {
  /** `write` waits while the reader is slow. It throws OUTPUT_CLOSED when the reader is gone, which ends the command with 0. */
  stdout: Output;
  stderr: Output;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Aborts on the first SIGTERM or SIGINT: drain and return. The second one ends the process at once. */
  signal: AbortSignal;
  clock: Clock;
  version: string;
  /**
   * The config of --config, else the defaults without servers (localDefaults), with the common flags applied and paths
   * made absolute. Throws CONFIG_INVALID with all errors, or CONFIG_UNREADABLE.
   */
  loadConfig(options?: LoadOptions): Promise<Config>;
}

export interface LoadOptions {
  /** Sections that must be there, and complete, for this command. */
  needs?: readonly SectionName[];
  /** Laid over the file before it is checked: what flags and arguments say, e.g. `{ source: { include: paths } }`. */
  overrides?: RawConfig;
}

export interface Output {
  write(chunk: string | Uint8Array): Promise<void>;
  readonly isTerminal: boolean;
  /** Columns of the terminal; 80 where there is none. */
  readonly columns: number;
  /** Lines of the terminal; 24 where there is none. */
  readonly rows: number;
}

export function usageError(message: string, hint?: string): CabooseError {
  return new CabooseError('USAGE', message, hint === undefined ? {} : { hint });
}

export function flag(args: CommandArguments, name: string): boolean {
  return args.values[name] === true;
}

export function text(args: CommandArguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of an option that may be given more than once. */
export function texts(args: CommandArguments, name: string): string[] {
  const value = args.values[name];
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
}

/** A whole number ≥ `min`; throws USAGE for anything else. */
export function integer(args: CommandArguments, name: string, min = 0): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (!(number >= min)) throw usageError(`--${name}: "${value}" is not a whole number from ${min} on`);
  return number;
}

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `90s`, `2h`, `3d` before now, or an ISO date or time (UTC if it names no zone); ms since epoch. */
export function moment(args: CommandArguments, name: string, now: number): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const ago = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(value);
  if (ago) return now - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? NaN);
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(value);
  const dated = /^\d{4}-\d{2}-\d{2}$/.test(value);
  const time = iso ? Date.parse(dated || iso[1] ? value : `${value}Z`) : NaN;
  if (Number.isNaN(time)) {
    throw usageError(`--${name}: "${value}" is no time`, 'write 90s, 2h, 3d, or 2026-11-23T10:00:00Z');
  }
  return time;
}
