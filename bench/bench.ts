/** What a bench is: it measures, run.ts prints and asserts. */

/** One measured figure. With a budget, it must be at most `max` (or at least `min`). */
export interface Figure {
  name: string;
  unit: string;
  /** One value a run; the median counts. */
  values: readonly number[];
  budget?: { max: number } | { min: number };
}

export interface BenchContext {
  /** How often to measure. */
  runs: number;
  /** An empty directory of this bench; removed afterwards. */
  directory: string;
  /** host:port of a broker; started when it is first asked for, unless CABOOSE_TEST_KAFKA names one. */
  kafka: () => Promise<string>;
  /** URL of an Elasticsearch, likewise; CABOOSE_TEST_ELASTICSEARCH. */
  elasticsearch: () => Promise<string>;
  /** Of those that were started; null of one that was named, or not asked for. */
  serverPids: () => { kafka: number | null; elasticsearch: number | null };
}

export interface Bench {
  name: string;
  /** In one line, what is measured. */
  about: string;
  measure(context: BenchContext): Promise<Figure[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

/** `part` of the values are smaller. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? NaN;
}

export function isMet({ values, budget }: Figure): boolean {
  if (!budget) return true;
  return 'max' in budget ? median(values) <= budget.max : median(values) >= budget.min;
}
