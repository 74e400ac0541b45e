/** A training as its facts tell it: a little simulation, with its own clock and no randomness but that of its seed. */
import type { Fact, FactBase, FactBody, PhaseName } from '../../../src/core/fact.ts';
import { canonicalName } from '../../../src/train/canonical.ts';

export interface TrainingOptions {
  rank?: number | null;
  attempt?: number;
  host?: string;
  stream?: string;
  /** ms since epoch */
  from?: number;
  /** The texts tell their time; else only the reader's is known. */
  isDated?: boolean;
  /** Of texts that tell their time: so many ms later they are read. Absent: all at once, long after, as files are. */
  delayMs?: number;
}

export const start = Date.UTC(2026, 10, 23, 10);
/** Of files: when they were read. */
const readAt = Date.UTC(2026, 10, 25);

export class Training {
  readonly facts: Fact[] = [];
  readonly #base: Pick<FactBase, 'run' | 'attempt' | 'rank' | 'host' | 'stream' | 'path'>;
  readonly #isDated: boolean;
  readonly #delayMs: number | null;
  time: number;
  step = 0;
  #offset = 0;

  constructor(options: TrainingOptions = {}) {
    const { rank = null, attempt = 0, host = 'n1', from = start, isDated = true, delayMs = null } = options;
    const stream = options.stream ?? `stream-${attempt}-${rank ?? 'x'}`;
    this.#base = { run: 'run', attempt, rank, host, stream, path: `/logs/${stream}.log` };
    this.#isDated = isDated;
    this.#delayMs = delayMs;
    this.time = from;
  }

  tell(...bodies: FactBody[]): this {
    const begin = this.#offset;
    this.#offset += 100;
    const event = `${this.#base.stream}-${begin}`;
    const observed = !this.#isDated ? this.time : this.#delayMs === null ? readAt : this.time + this.#delayMs;
    for (const [i, body] of bodies.entries())
      this.facts.push({
        ...this.#base,
        ...body,
        id: `${event}-${i}`,
        event,
        start: begin,
        end: begin + 99,
        time: this.time,
        observed,
      });
    return this;
  }

  point(values: Readonly<Record<string, number>>, total?: number): this {
    return this.tell(
      ...Object.entries(values).map(([name, value]): FactBody => ({
        kind: 'point',
        step: this.step,
        name,
        canonical: canonicalName(name),
        value,
        ...(total !== undefined && { total }),
      })),
    );
  }

  /** `ms`: of one step; `every`: steps from one print to the next. */
  steps(count: number, options: StepOptions = {}): this {
    const { ms = 1_000, every = 1, total, values = (step) => ({ loss: 2 + 1 / (step + 1) }) } = options;
    for (let i = 0; i < count; i += 1) {
      this.step += 1;
      this.time += typeof ms === 'number' ? ms : ms(this.step);
      if (this.step % every === 0) this.point(values(this.step), total);
    }
    return this;
  }

  wait(ms: number): this {
    this.time += ms;
    return this;
  }

  phase(phase: PhaseName, state: 'begins' | 'ends' = 'begins'): this {
    return this.tell({ kind: 'phase', phase, state, step: null });
  }

  observe(name: string, role: 'root' | 'evidence' | 'warning' = 'evidence', end?: 'sure'): this {
    const details = end === undefined ? {} : { details: { end } };
    return this.tell({ kind: 'observation', class: name, role, message: name, ...details });
  }
}

export interface StepOptions {
  ms?: number | ((step: number) => number);
  every?: number;
  /** The last step, as the lines tell it. */
  total?: number;
  values?: (step: number) => Readonly<Record<string, number>>;
}

/** Mulberry32: numbers from 0 to 1, the same for each seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Normally distributed (Box-Muller). */
export function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
