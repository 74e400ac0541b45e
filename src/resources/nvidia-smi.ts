/**
 * GPUs, from `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`.
 *
 * A process for each reading, with a time limit, and never a second one beside one that hangs (a GPU that has fallen off the bus holds it in
 * the kernel, where no signal reaches it). One that lives on and prints in a loop (`-l`) would start the driver's library once, but keep the
 * devices open, so that an operator can neither reset a GPU nor change its MIG mode, hold its memory beside the trainer, and say nothing
 * more when it hangs. What the processes cost is measured, and they are started as seldom as keeps them within `cpuMax`.
 *
 * Fields that this driver does not know are found out by what nvidia-smi says, and left out; a value that it does not have (`[N/A]`,
 * `[Not Supported]`, `ERR!` …) is no measure. Under MIG the utilisation of the whole GPU is such a value.
 */
import type { Clock } from '../core/clock.ts';
import type { Measures, Reading, ResourceSource } from './reading.ts';

/** What a process has printed and how it ended; `code` is null when it was killed. */
export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface NvidiaSmiOptions {
  /** Rejects with ENOENT where there is no such program. */
  run: (args: readonly string[]) => Promise<Finished>;
  /** Seconds of CPU that ended children of this process have used. */
  childCpuSeconds: () => Promise<number>;
  /** Cores. */
  cpuMax: number;
  clock: Clock;
}

interface Field {
  /** Names by which drivers know it; the first that is known is asked for. */
  names: readonly string[];
  read: (value: number) => Measures;
}

const mebibyte = 1024 * 1024;
const gauge =
  (name: string, factor = 1) =>
  (value: number): Measures => ({ [name]: value * factor });

/** `nvidia-smi --help-query-gpu` explains each. */
const fields: readonly Field[] = [
  { names: ['utilization.gpu'], read: gauge('utilization_ratio', 0.01) },
  { names: ['utilization.memory'], read: gauge('memory_busy_ratio', 0.01) },
  { names: ['memory.used'], read: gauge('memory_bytes', mebibyte) },
  { names: ['memory.total'], read: gauge('memory_limit_bytes', mebibyte) },
  { names: ['power.draw', 'power.draw.instant'], read: gauge('power_watts') },
  { names: ['enforced.power.limit', 'power.limit'], read: gauge('power_limit_watts') },
  { names: ['temperature.gpu'], read: gauge('temperature_celsius') },
  { names: ['temperature.memory'], read: gauge('memory_temperature_celsius') },
  { names: ['clocks.sm', 'clocks.current.sm'], read: gauge('clock_mhz') },
  { names: ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'], read: slowedDown },
  { names: ['ecc.errors.corrected.volatile.total'], read: gauge('ecc_corrected_total') },
  { names: ['ecc.errors.uncorrected.volatile.total'], read: gauge('ecc_uncorrected_total') },
];

/** Bits of nvmlClocksEventReasons (nvml.h). Idle and application clocks are no fault. */
const reasons = { powerCap: 0x4, hardware: 0x8, heat: 0x20, hardwareHeat: 0x40, powerBrake: 0x80 } as const;

function slowedDown(mask: number): Measures {
  const any = (...bits: number[]) => Number(bits.some((bit) => (mask & bit) !== 0));
  return {
    slowed_by_heat: any(reasons.heat, reasons.hardwareHeat),
    slowed_by_power: any(reasons.powerCap, reasons.powerBrake),
    slowed_by_hardware: any(reasons.hardware),
  };
}

const gpusMax = 32;
/** Longer than whoever runs it lets it live: only what cannot be killed takes so long. */
const waitMs = 15_000;
const hangs = 'it hangs, and cannot be killed: a GPU or its driver is stuck';

export function nvidiaSmiSource(options: NvidiaSmiOptions): ResourceSource {
  return new NvidiaSmi(options);
}

class NvidiaSmi implements ResourceSource {
  readonly name = 'nvidia-smi';
  readonly #options: NvidiaSmiOptions;
  /** For each field, which of its names is asked for; one past the last: it is left out. */
  readonly #chosen = fields.map(() => 0);
  /** Monotonic ms. */
  #dueAt = -Infinity;
  #isPresent = true;
  /** A process that did not end in time, while it does not. */
  #hanging: Promise<unknown> | null = null;
  #runs = 0;
  #cpuSeconds = 0;

  constructor(options: NvidiaSmiOptions) {
    this.#options = options;
  }

  /** Throws what the program says when it fails. Between two times that it may run there is nothing to read. */
  async read(): Promise<Reading[]> {
    const { clock } = this.#options;
    if (!this.#isPresent || clock.monotonic() < this.#dueAt) return [];
    if (this.#hanging !== null) throw new Error(hangs);
    const startedAt = clock.monotonic();
    try {
      return await this.#query();
    } finally {
      this.#dueAt = startedAt + this.#restMs();
    }
  }

  /** What one process costs, over what may be spent, rounded down a little: the next sample is a few ms early or late. */
  #restMs(): number {
    const cost = this.#runs === 0 ? 0 : this.#cpuSeconds / this.#runs;
    return (cost / this.#options.cpuMax) * 1000 - 100;
  }

  async #query(): Promise<Reading[]> {
    for (let tries = 0; tries <= fields.length * 2; tries += 1) {
      const asked = this.#asked();
      if (asked.length === 0) break;
      const finished = await this.#run(asked.map(({ name }) => name));
      if (finished === null) return [];
      const output = `${finished.stdout}\n${finished.stderr}`;
      const unknown = /Field "([^"]{1,100})" is not a valid field to query/.exec(output)?.[1];
      const field = asked.find(({ name }) => name === unknown);
      if (field === undefined) {
        const readings = parseGpus(
          finished.stdout,
          asked.map(({ at }) => at),
        );
        if (readings.length === 0 && !/No devices were found/i.test(output)) throw failure(finished);
        return readings;
      }
      this.#chosen[field.at] = (this.#chosen[field.at] ?? 0) + 1;
    }
    this.#isPresent = false;
    throw new Error('it knows none of the fields that it is asked for');
  }

  /** Null: there is no such program. */
  async #run(names: readonly string[]): Promise<Finished | null> {
    const { run, childCpuSeconds, clock } = this.#options;
    const before = await childCpuSeconds();
    const running = run([`--query-gpu=index,${names.join(',')}`, '--format=csv,noheader,nounits']);
    const waited = new AbortController();
    try {
      const finished = await Promise.race([running, clock.sleep(waitMs, waited.signal)]);
      if (finished !== undefined) return finished;
      const ended = () => (this.#hanging = null);
      this.#hanging = running.then(ended, ended);
      throw new Error(hangs);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
      this.#isPresent = false;
      return null;
    } finally {
      waited.abort();
      this.#runs += 1;
      this.#cpuSeconds += Math.max(0, (await childCpuSeconds()) - before);
    }
  }

  #asked(): { at: number; name: string }[] {
    return fields.flatMap(({ names }, at) => {
      const name = names[this.#chosen[at] ?? 0];
      return name === undefined ? [] : [{ at, name }];
    });
  }
}

/**
 * `asked`: which of the fields stand behind the index, in order. A line that does not begin with an index is no GPU's; of one with more or
 * fewer columns, or cut off, nobody can say what is what.
 */
export function parseGpus(csv: string, asked: readonly number[] = fields.map((_, at) => at)): Reading[] {
  const readings: Reading[] = [];
  for (const line of csv.split('\n').slice(0, -1)) {
    const [index = '', ...columns] = line.trim().split(/,\s+/);
    if (!/^\d{1,3}$/.test(index) || columns.length !== asked.length) continue;
    if (readings.length === gpusMax) break;
    const values: Measures = {};
    for (const [i, text] of columns.entries()) {
      const value = numberOf(text);
      const field = fields[asked[i] ?? -1];
      if (field !== undefined && value !== null) Object.assign(values, field.read(value));
    }
    if (Object.keys(values).length > 0) readings.push({ group: 'gpu', device: index, values, counters: {} });
  }
  return readings;
}

/** `97`, `312.41`, `312,41` where numbers are written so, `0x0000000000000004`; a unit behind it is left alone. Else null. */
function numberOf(text: string): number | null {
  const [, number] =
    /^(0x[0-9a-fA-F]{1,16}|-?\d{1,15}(?:[.,]\d{1,6})?)(?: ?(?:%|W|MiB|MHz|C))?$/.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number.replace(',', '.'));
}

function failure({ code, stdout, stderr }: Finished): Error {
  const said = `${stdout}\n${stderr}`.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
  const end = code === null ? 'was killed: it took too long' : `ended with ${code}`;
  return new Error(`it ${end}${said === '' ? '' : `, and said: ${said}`}`);
}
