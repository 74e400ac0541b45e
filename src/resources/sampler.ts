/**
 * Samples what the runs use: reads every source, every `intervalMs`. A device's first reading gives no sample if it has counters, whose rates
 * need a second one.
 *
 * Failure rule: a source that fails is told once, until it works again, and the others go on; so is a full disk. One reading is under way
 * at a time: a source that hangs delays the next one, and nothing else of the agent.
 */
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { measuresOf } from './reading.ts';
import type { Measures, Reading, ResourceSource } from './reading.ts';

export interface SamplerOptions {
  sources: readonly ResourceSource[];
  intervalMs: number;
  /** Takes one sample: its time, and measures by group and device. */
  write: (sample: object) => Promise<void>;
  clock: Clock;
  logger: Logger;
}

export class Sampler {
  readonly #options: SamplerOptions;
  /** By group and device. */
  #before = new Map<string, { reading: Reading; at: number }>();
  /** Sources that gave something, gave nothing, or failed, as was told. */
  readonly #told = new Map<ResourceSource | 'writing', string>();

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options;
    for (let dueAt = clock.monotonic(); !signal.aborted;) {
      await this.#sample();
      // Missed ones are not made up for.
      dueAt = Math.max(dueAt + intervalMs, clock.monotonic());
      await clock.sleep(dueAt - clock.monotonic(), signal);
    }
  }

  async #sample(): Promise<void> {
    const { clock, write } = this.#options;
    const sample: Record<string, unknown> = { time: new Date(clock.now()).toISOString() };
    const before = this.#before;
    this.#before = new Map();
    for (const source of this.#options.sources) {
      for (const reading of await this.#read(source)) {
        const key = `${reading.group} ${reading.device ?? ''}`;
        const at = clock.monotonic();
        const earlier = before.get(key);
        this.#before.set(key, { reading, at });
        if (earlier === undefined && Object.keys(reading.counters).length > 0) continue;
        const measures = earlier
          ? measuresOf(earlier.reading, reading, (at - earlier.at) / 1000)
          : reading.values;
        addTo(sample, reading, measures);
      }
    }
    if (Object.keys(sample).length === 1) return;
    try {
      await write(sample);
      this.#told.delete('writing');
    } catch (error) {
      this.#tell('writing', errorText(error), () =>
        this.#options.logger.warn(
          { reason: errorText(error), hint: 'make room in state.dir, or switch agent.resources.enabled off' },
          'a sample of resource usage could not be written: it is left out',
        ),
      );
    }
  }

  async #read(source: ResourceSource): Promise<Reading[]> {
    const { logger } = this.#options;
    const { name } = source;
    try {
      const readings = await source.read();
      // What has worked may have nothing new: that is not news.
      if (readings.length > 0) this.#told.set(source, 'found');
      else if (this.#told.get(source) !== 'found')
        this.#tell(source, 'nothing', () =>
          logger.info({ source: name }, 'resource usage: there is none of this here'),
        );
      return readings;
    } catch (error) {
      const reason = errorText(error);
      this.#tell(source, 'failed', () =>
        logger.warn({ source: name, reason }, 'resource usage: this cannot be read'),
      );
      return [];
    }
  }

  #tell(about: ResourceSource | 'writing', what: string, tell: () => void): void {
    if (this.#told.get(about) === what) return;
    this.#told.set(about, what);
    tell();
  }
}

function addTo(sample: Record<string, unknown>, { group, device }: Reading, measures: Measures): void {
  if (Object.keys(measures).length === 0) return;
  if (device === null) sample[group] = measures;
  else sample[group] = { ...(sample[group] as Record<string, Measures> | undefined), [device]: measures };
}
