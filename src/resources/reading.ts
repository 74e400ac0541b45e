/**
 * What is read of a part of the machine at one moment, and the measures that two such readings give. A counter's measure is its rate a
 * second between two of them: taken by the writer, so that every sample stands alone, and neither a rebalance, a lost line nor a replay can
 * change it. What a restart of the agent costs is one interval, in which there is no sample.
 */
export type Measures = Record<string, number>;

export interface Reading {
  /** `machine`, `gpu` …: the part of a sample that it belongs to. */
  group: string;
  /** Null: there is one of its kind. */
  device: string | null;
  /** As they stand. */
  values: Measures;
  /** Growing, under the name and in the unit of their rate: seconds of CPU under `cpu_cores`. */
  counters: Measures;
}

export function isEmpty({ values, counters }: Pick<Reading, 'values' | 'counters'>): boolean {
  return Object.keys(values).length + Object.keys(counters).length === 0;
}

/** What a source reads at one moment; empty where the machine has nothing of its kind. */
export interface ResourceSource {
  /** For the log. */
  name: string;
  read(): Promise<Reading[]>;
}

/** The text of a small file, or null when it is not to be had. */
export type ReadText = (path: string) => Promise<string | null>;

/** Rates of counters that both readings have; one that ran backwards was set to zero in between and has none. */
export function measuresOf(before: Reading, after: Reading, seconds: number): Measures {
  const measures: Measures = { ...after.values };
  if (!(seconds > 0)) return measures;
  for (const [name, count] of Object.entries(after.counters)) {
    const earlier = before.counters[name];
    if (earlier !== undefined && count >= earlier) measures[name] = rounded((count - earlier) / seconds);
  }
  return measures;
}

/** Six digits are more than any of these is known by, and a tenth of the bytes. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** Only the numbers among them. */
export function known(measures: Readonly<Record<string, number | null | undefined>>): Measures {
  const found: Measures = {};
  for (const [name, value] of Object.entries(measures))
    if (typeof value === 'number' && Number.isFinite(value)) found[name] = value;
  return found;
}

/** Lines of `name value` or `name: value kB`, as the kernel writes them. Malformed lines are left out. */
export function namedNumbers(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^(\S+?):?\s+(-?\d+)(?:\s+kB)?\s*$/.exec(line) ?? [];
    if (name !== '') found.set(name, Number(value));
  }
  return found;
}

/** A file of one number; null for `max` and anything else. */
export function oneNumber(text: string | null): number | null {
  return text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null;
}

/**
 * Pressure stall information (kernel, Documentation/accounting/psi.rst): microseconds in which some, or all, tasks stood still for want of
 * a resource, as counters of seconds.
 */
export function pressureCounters(resource: string, text: string | null): Measures {
  const counters: Measures = {};
  for (const [, kind = '', total = ''] of (text ?? '').matchAll(/^(some|full) .*\btotal=(\d+)\s*$/gm))
    counters[`${resource}_pressure_${kind}_ratio`] = Number(total) / 1e6;
  return counters;
}
