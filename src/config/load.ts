/**
 * Config file → Config. Reads YAML, expands variables, lays what the command line says over it, checks all, and throws
 * one ConfigError with every problem and its line. Reads no environment and exits nothing by itself.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { CabooseError, errorCode, errorText } from '../core/errors.ts';
import { knownKeys } from './key-paths.ts';
import { suggestion } from './nearest.ts';
import { absolutePaths } from './paths.ts';
import { ConfigError, pathText, type Problem } from './problems.ts';
import { relationProblems, sectionProblems } from './relations.ts';
import {
  configSchema,
  localDefaults,
  sourceIdDefault,
  type Config,
  type RawConfig,
  type SectionName,
} from './schema.ts';
import { expandText, readYaml, type Environment, type YamlFile } from './yaml-file.ts';

export interface LoadConfigOptions {
  /** Null: localDefaults, the config of one machine without servers. */
  file: string | null;
  /** Relative paths, the file's and those in it, start here. */
  cwd: string;
  /** For `${VAR}`; HOSTNAME is expected to be there. */
  env: Environment;
  /** Laid over the file: what flags and arguments say. */
  overrides?: RawConfig;
  /** Sections that must be there and complete. */
  needs?: readonly SectionName[];
}

/** Throws CONFIG_INVALID (a ConfigError) or CONFIG_UNREADABLE. */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { file, cwd } = options;
  const text = file === null ? null : await readConfigFile(resolve(cwd, file), file);
  return checkConfig(text, options, (config) => absolutePaths(config, cwd));
}

/** Sections that are missing or incomplete for a command, as problems without a place. */
export function requireSections(config: Config, needs: readonly SectionName[]): Problem[] {
  return sectionProblems(config, needs).map(({ path, message }) => ({
    path: pathText(path),
    line: null,
    column: null,
    message,
  }));
}

function checkConfig(
  text: string | null,
  options: LoadConfigOptions,
  finish: (config: Config) => Config,
): Config {
  const { file, env, overrides = {}, needs = [] } = options;
  const yaml = text === null ? withoutFile : readYaml(text, env);
  const problems = [...yaml.problems];
  if (yaml.data === undefined) throw new ConfigError(file, problems);
  if (yaml.data === null) {
    problems.push({ path: '', line: 1, column: 1, message: 'the file is empty; see config/ for examples' });
    throw new ConfigError(file, problems);
  }
  if (!isObject(yaml.data)) {
    problems.push({
      path: '',
      line: 1,
      column: 1,
      message: 'must be a map of sections (source:, transport: …)',
    });
    throw new ConfigError(file, problems);
  }
  const merged = merge(withoutEmptySections(yaml.data), overrides);
  const { data, parsed } = parse(merged, yaml.expanded);
  const place = (path: readonly PropertyKey[], key?: string) => placeOf(yaml, overrides, path, key);
  const unset = new Set(problems.map((problem) => problem.path));
  for (const issue of parsed.error?.issues ?? []) {
    problems.push(...issueProblems(issue, place).filter((problem) => !unset.has(problem.path)));
  }
  for (const { path, message } of [
    ...relationProblems(parsed.data ?? data),
    ...sectionProblems(data, needs),
  ]) {
    problems.push({ path: pathText(path), ...place(path), message });
  }
  if (parsed.data?.source?.id === sourceIdDefault) {
    const id = expandText(parsed.data.source.id, env);
    parsed.data.source.id = id.text;
    problems.push(
      ...id.problems.map((message) => ({ path: 'source.id', line: null, column: null, message })),
    );
  }
  if (problems.length > 0 || !parsed.data) throw new ConfigError(file, problems);
  return finish(parsed.data);
}

const withoutFile: YamlFile = { data: localDefaults, problems: [], expanded: new Set(), locate: () => null };

async function readConfigFile(path: string, asGiven: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const why: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'it may not be read by this user',
      EISDIR: 'it is a directory',
    };
    const reason = why[errorCode(error) ?? ''] ?? errorText(error);
    throw new CabooseError('CONFIG_UNREADABLE', `cannot read the config ${asGiven}: ${reason}`, {
      cause: error,
      hint: 'check --config; config/ has examples to start from',
    });
  }
  if (bytes.length > configBytesMax || !isText(bytes)) {
    const what = bytes.length > configBytesMax ? `larger than ${configBytesMax} bytes` : 'no UTF-8 text';
    throw new CabooseError('CONFIG_UNREADABLE', `cannot read the config ${asGiven}: it is ${what}`, {
      hint: 'check --config: this is hardly a config file',
    });
  }
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

const configBytesMax = 1_048_576;

function isText(bytes: Buffer): boolean {
  return !bytes.includes(0) && Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
}

/**
 * A variable expands to text. Where the schema wants a number or a boolean, text from a variable that reads as one is
 * taken as one, and the data checked again.
 */
function parse(data: unknown, expanded: ReadonlySet<string>) {
  const first = configSchema.safeParse(data);
  const wanted = (first.error?.issues ?? []).filter(
    (issue) =>
      issue.code === 'invalid_type' &&
      ['number', 'int', 'boolean'].includes(issue.expected) &&
      expanded.has(pathText(issue.path)),
  );
  if (wanted.length === 0) return { data, parsed: first };
  const retyped = structuredClone(data);
  for (const issue of wanted) retype(retyped, issue.path);
  return { data: retyped, parsed: configSchema.safeParse(retyped) };
}

function retype(data: unknown, path: readonly PropertyKey[]): void {
  const last = path.at(-1);
  let owner = data;
  for (const key of path.slice(0, -1)) owner = (owner as Record<PropertyKey, unknown>)[key];
  if (typeof owner !== 'object' || owner === null || last === undefined) return;
  const value: unknown = (owner as Record<PropertyKey, unknown>)[last];
  if (typeof value !== 'string' || !/^(?:true|false|null|-?\d+(?:\.\d+)?)$/.test(value)) return;
  (owner as Record<PropertyKey, unknown>)[last] = JSON.parse(value.replace(/^(-?)0+(?=\d)/, '$1'));
}

function issueProblems(
  issue: z.core.$ZodIssue,
  place: (path: readonly PropertyKey[], key?: string) => Pick<Problem, 'line' | 'column'>,
): Problem[] {
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(configSchema, issue.path);
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      ...place(issue.path, key),
      message: `unknown key; ${suggestion(key, known) ?? `known here: ${known.join(', ') || 'none'}`}`,
    }));
  }
  return [{ path, ...place(issue.path), message: issueText(issue) }];
}

function issueText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const kinds: Record<string, string> = {
        object: 'a section with keys',
        string: 'a text (quote it)',
        array: 'a list',
        int: 'a whole number',
        number: 'a number',
        boolean: 'true or false',
        record: 'a section with keys',
      };
      const missing = issue.input === undefined && !/received (?!undefined)/.test(issue.message);
      const kind = kinds[issue.expected] ?? issue.expected;
      return missing ? `is missing; it must be ${kind}` : `must be ${kind}`;
    }
    case 'too_small':
      return issue.origin === 'array'
        ? `must name at least ${issue.minimum}`
        : issue.origin === 'string'
          ? issue.message
          : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `must be at most ${issue.maximum}`
        : `is too long: at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_key':
      return 'this name may hold letters, digits, "_", "." and "-", at most 63';
    default:
      return issue.message;
  }
}

function placeOf(
  yaml: YamlFile,
  overrides: RawConfig,
  path: readonly PropertyKey[],
  key: string | undefined,
): Pick<Problem, 'line' | 'column'> {
  const nowhere = { line: null, column: null };
  let given: unknown = overrides;
  for (const part of key === undefined ? path : [...path, key]) {
    given =
      typeof given === 'object' && given !== null ? (given as Record<PropertyKey, unknown>)[part] : undefined;
  }
  return given === undefined || path.length === 0 ? (yaml.locate(path, key) ?? nowhere) : nowhere;
}

/** `lease: { inProcess: }` and `http:` mean an empty section, as people write it; a null deeper down keeps its meaning. */
function withoutEmptySections(data: unknown): unknown {
  if (!isObject(data)) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => {
      if (!isObject(value) || !['transport', 'index', 'lease'].includes(key)) return [key, value ?? {}];
      return [key, Object.fromEntries(Object.entries(value).map(([inner, v]) => [inner, v ?? {}]))];
    }),
  );
}

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = merge(base[key], value);
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
