/**
 * The gauges of the training and of its resources: the last value of each metric, for a Prometheus that scrapes the process.
 *
 *     caboose_train_<canonical>{run,attempt,rank}     points whose name has a canonical one: caboose_train_loss …
 *     caboose_train_value{run,attempt,rank,name}      all others; what a user has named stays a label value
 *     caboose_train_step{run,attempt,rank}            the highest step of any point
 *     caboose_resource_<group>_<measure>{run,attempt,rank,host,device}
 *                                                     measures of resources: caboose_resource_gpu_power_watts …
 *
 * A rank that is not known is an empty label, which Prometheus takes as none. A gauge moves only forward, by attempt, restart
 * and step, then time, so that a redelivery or a replay cannot turn it back, and it does not change between sources of one metric (gauge-value.ts);
 * the first point of a later attempt of a rank removes the gauges of the earlier one. Series end with their run (`endedGraceMs` later, so that the last values are
 * scraped), when their rank is silent for `runIdleMs`, and when their streams move to another indexer. Past `seriesMax`
 * no new series is made: the points are counted, and the log says so once.
 *
 * Nothing here fails: a fact that makes no gauge is left out.
 */
import { Counter } from 'prom-client';
import type { Metric, Registry } from 'prom-client';
import type { Clock } from '../core/clock.ts';
import type { Fact, PointFact } from '../core/fact.ts';
import { silentLogger } from '../core/logger.ts';
import type { Logger } from '../core/logger.ts';
import { EndedRuns } from './ended-runs.ts';
import { labelValue, resourceNaming, trainNaming } from './gauge-naming.ts';
import type { Naming, Place } from './gauge-naming.ts';
import { firstValue, moveValue } from './gauge-value.ts';
import type { GaugeValue, ToldValue } from './gauge-value.ts';

export interface TrainGaugesOptions {
  registry: Registry;
  clock: Clock;
  /** Most series of the training over all runs, default 10,000. */
  seriesMax?: number;
  /** Likewise of resources, so that these never take the training's place. */
  resourceSeriesMax?: number;
  /** A rank without a point for so long is removed, and older facts make no gauge. Default one hour. */
  runIdleMs?: number;
  /** How long the last values stay after a run has ended: some scrapes. Default two minutes. */
  endedGraceMs?: number;
  logger?: Logger;
}

export interface TrainGauges {
  take(facts: readonly Fact[]): void;
  removeRun(run: string): void;
  /** Removes the series whose last value came from one of these streams: their partition was taken away. */
  removeStreams(streams: Iterable<string>): void;
  /** How many series there are now. */
  readonly seriesCount: number;
}

/** Registers in `registry`; call it once per registry. */
export function createTrainGauges(options: TrainGaugesOptions): TrainGauges {
  const train = new Gauges(options, trainNaming, options.seriesMax ?? seriesMaxDefault);
  const resources = new Gauges(options, resourceNaming, options.resourceSeriesMax ?? seriesMaxDefault);
  const both = [train, resources];
  return {
    take: (facts) => both.forEach((gauges) => gauges.take(facts)),
    removeRun: (run) => both.forEach((gauges) => gauges.removeRun(run)),
    removeStreams(streams) {
      const gone = new Set(streams);
      for (const gauges of both) gauges.removeStreams(gone);
    },
    get seriesCount() {
      return train.seriesCount + resources.seriesCount;
    },
  };
}

/** The series of one rank of one run, and of one host where resources are meant; only its newest attempt has any. */
interface RankGroup {
  run: string;
  rank: number | null;
  attempt: number;
  /** Monotonic, of the last point taken. */
  takenMs: number;
  series: Map<string, Series>;
}

interface Series {
  family: Family;
  labels: Record<string, string>;
  held: GaugeValue;
  /** Where the last point came from. */
  stream: string;
}

/** One metric name. The registry asks it for its values at each scrape. */
interface Family {
  name: string;
  series: Set<Series>;
}

const seriesMaxDefault = 10_000;
/** Metric names come from a fixed list; this bound holds even if a fact of another origin makes names up. */
const familiesMax = 100;
const sweepIntervalMs = 1000;

class Gauges implements TrainGauges {
  readonly #naming: Naming;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #seriesMax: number;
  readonly #runIdleMs: number;
  readonly #logger: Logger;
  readonly #dropped: Counter;
  readonly #families = new Map<string, Family>();
  readonly #groups = new Map<string, RankGroup>();
  readonly #ended: EndedRuns;
  #seriesCount = 0;
  #sweptMs: number;
  #toldFull = false;

  constructor(options: TrainGaugesOptions, naming: Naming, seriesMax: number) {
    const { prefix, noun } = naming;
    this.#naming = naming;
    this.#registry = options.registry;
    this.#clock = options.clock;
    this.#seriesMax = seriesMax;
    this.#runIdleMs = options.runIdleMs ?? 3_600_000;
    this.#ended = new EndedRuns(options.clock, options.endedGraceMs ?? 120_000);
    this.#logger = options.logger ?? silentLogger;
    this.#sweptMs = options.clock.monotonic();
    this.#dropped = new Counter({
      name: `${prefix}dropped_points_total`,
      help: `Points that have no ${noun} gauge because the limit of series is reached.`,
      registers: [this.#registry],
    });
    this.#register(`${prefix}series`, `Series of ${noun} gauges now.`, () => [
      { labels: {}, value: this.#seriesCount },
    ]);
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  take(facts: readonly Fact[]): void {
    this.#sweep();
    const oldest = this.#clock.now() - this.#runIdleMs;
    for (const fact of facts) {
      if (fact.observed < oldest) continue;
      if (fact.kind === 'point' && this.#naming.takes(fact)) this.#takePoint(fact);
      else if (fact.kind === 'lifecycle' && fact.state !== 'started') this.#ended.add(fact);
    }
  }

  removeRun(run: string): void {
    for (const [key, group] of this.#groups) if (group.run === run) this.#removeGroup(key, group);
  }

  removeStreams(streams: Iterable<string>): void {
    const gone = new Set(streams);
    for (const [key, group] of this.#groups) {
      for (const [seriesKey, series] of group.series) {
        if (gone.has(series.stream)) this.#removeSeries(group, seriesKey, series);
      }
      if (group.series.size === 0) this.#groups.delete(key);
    }
  }

  #takePoint(fact: PointFact): void {
    if (this.#ended.includes(fact)) return;
    const key = this.#naming.group(fact);
    const group = this.#groups.get(key) ?? emptyGroup(fact);
    if (fact.attempt < group.attempt) return;
    if (fact.attempt > group.attempt) {
      this.#removeGroup(key, group);
      group.attempt = fact.attempt;
    }
    group.takenMs = this.#clock.monotonic();
    for (const place of this.#naming.places(fact)) this.#set(group, fact, place);
    if (group.series.size > 0) this.#groups.set(key, group);
  }

  #set(group: RankGroup, fact: PointFact, { part, value, labels }: Place): void {
    const seriesKey = [part, ...Object.values(labels)].join(':');
    const known = group.series.get(seriesKey);
    const told = toldBy(fact, part, value);
    const now = this.#clock.monotonic();
    if (known !== undefined) {
      moveValue(known.held, told, now);
      if (known.held.source === told.source) known.stream = fact.stream;
      return;
    }
    const family = this.#seriesCount < this.#seriesMax ? this.#family(part) : undefined;
    if (family === undefined) return this.#drop();
    const series: Series = {
      family,
      labels: {
        run: labelValue(fact.run),
        attempt: String(fact.attempt),
        rank: fact.rank === null ? '' : String(fact.rank),
        ...labels,
      },
      held: firstValue(told, now),
      stream: fact.stream,
    };
    group.series.set(seriesKey, series);
    family.series.add(series);
    this.#seriesCount += 1;
  }

  #drop(): void {
    this.#dropped.inc();
    if (this.#toldFull) return;
    this.#toldFull = true;
    this.#logger.warn(
      { seriesMax: this.#seriesMax, counted: `${this.#naming.prefix}dropped_points_total` },
      'the limit of gauges is reached: new series are left out and counted',
    );
  }

  #family(part: string): Family | undefined {
    const name = `${this.#naming.prefix}${part}`;
    const held = this.#families.get(name);
    if (held !== undefined) return held;
    if (this.#families.size >= familiesMax || this.#registry.getSingleMetric(name) !== undefined)
      return undefined;
    const family: Family = { name, series: new Set() };
    this.#families.set(name, family);
    this.#register(name, this.#naming.help(part), () => {
      this.#sweep();
      return [...family.series].map(({ labels, held: { value } }) => ({ labels, value }));
    });
    return family;
  }

  /**
   * A metric of our own instead of prom-client's Gauge, which keeps a second map of the series under a key that is made
   * by joining labels with commas and colons: two runs with such characters in their names could meet under one key.
   */
  #register(
    name: string,
    help: string,
    values: () => { labels: Record<string, string>; value: number }[],
  ): void {
    const metric = {
      name,
      help,
      get: () =>
        Promise.resolve({
          name,
          help,
          type: 'gauge',
          aggregator: 'omit',
          values: values(),
        }),
      reset: () => undefined,
    };
    this.#registry.registerMetric(metric as unknown as Metric);
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    if (now - this.#sweptMs < sweepIntervalMs) return;
    this.#sweptMs = now;
    for (const [key, group] of this.#groups) {
      if (this.#ended.isOverFor(group) || now - group.takenMs > this.#runIdleMs)
        this.#removeGroup(key, group);
    }
    this.#ended.forget(this.#runIdleMs);
  }

  #removeGroup(key: string, group: RankGroup): void {
    for (const [seriesKey, series] of group.series) this.#removeSeries(group, seriesKey, series);
    this.#groups.delete(key);
  }

  #removeSeries(group: RankGroup, seriesKey: string, series: Series): void {
    group.series.delete(seriesKey);
    series.family.series.delete(series);
    this.#seriesCount -= 1;
  }
}

function emptyGroup({ run, rank, attempt }: PointFact): RankGroup {
  return { run, rank, attempt, takenMs: 0, series: new Map() };
}

/** The step is the stream's, whatever it is told with; else a name in a file is a source. */
function toldBy(
  { path, name, step, time, decimals, restart = 0 }: PointFact,
  part: string,
  value: number,
): ToldValue {
  const isStep = part === 'step';
  const source = isStep ? path : `${path}\n${name}`;
  return { source, value, step, time, restart, decimals: isStep ? undefined : decimals };
}
