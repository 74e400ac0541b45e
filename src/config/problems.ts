import { CabooseError } from '../core/errors.ts';

/** One thing that is wrong with a config. */
export interface Problem {
  /** Key path, e.g. `transport.kafka.brokers[0]`; empty for the file as a whole. */
  path: string;
  /** From 1 on; null when the value comes from the command line or the default. */
  line: number | null;
  column: number | null;
  message: string;
}

/** CONFIG_INVALID, with all problems at once. `file` is null when the config was given without one. */
export class ConfigError extends CabooseError {
  readonly problems: readonly Problem[];
  readonly file: string | null;

  constructor(file: string | null, problems: readonly Problem[]) {
    const ordered = [...problems].sort(byPlace);
    const count = ordered.length === 1 ? 'there is 1 error' : `there are ${ordered.length} errors`;
    super(
      'CONFIG_INVALID',
      `${count} in the config:\n${ordered.map((p) => `  ${problemText(file, p)}`).join('\n')}`,
      {
        hint:
          file === null
            ? 'no --config was given, so the defaults for one machine apply; docs/CONFIG.md explains every key'
            : 'docs/CONFIG.md explains every key; `caboose validate FILE` checks a file and starts nothing',
      },
    );
    this.problems = ordered;
    this.file = file;
  }
}

/** `caboose.yaml:4:7: transport.kafka.brokers: …` */
export function problemText(file: string | null, problem: Problem): string {
  const place = problem.line === null ? '' : `${file ?? 'config'}:${problem.line}:${problem.column ?? 1}: `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${place}${path}${problem.message}`;
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0) || 0;
}

/** `['a', 'b', 0]` → `a.b[0]` */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
