import { CabooseError } from '../../../src/core/errors.ts';
import type { Lane, Segment } from '../../../src/core/segment.ts';
import type { CarriedSegment } from '../../../src/core/segment.ts';
import type {
  DeadLetter,
  LetterMark,
  PartitionReport,
  ScanOptions,
  Transport,
} from '../../../src/core/transport.ts';

/** A cluster in memory, of which any number of transports are opened. A test takes it away, or keeps its answers back. */
export class ModelCluster {
  readonly records: CarriedSegment[] = [];
  readonly letters: (DeadLetter | LetterMark)[] = [];
  committed: number | null = null;
  /**
   * - `there`: stores and answers. - `silent`: stores and does not answer. - `away`: does neither. - `refusing`: rejects as a server that
   * cannot be used. - `unwilling`: answers a question, and stores nothing.
   */
  mode: 'there' | 'silent' | 'away' | 'refusing' | 'unwilling' = 'there';
  /** Transports that are not stopped or closed. */
  open = 0;
  questions = 0;
  #waiting: (() => void)[] = [];

  /** Changes the mode, and lets those go on that wait. */
  become(mode: ModelCluster['mode']): void {
    this.mode = mode;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get starts(): number[] {
    return this.records.map(({ segment }) => segment.start);
  }

  transport(): Transport {
    const stop = new AbortController();
    let isOpen = true;
    this.open += 1;
    const close = (): void => {
      stop.abort();
      if (isOpen) this.open -= 1;
      isOpen = false;
    };
    const publisher = {
      partitionFor: async (_lane: Lane, _source: string, signal?: AbortSignal) => {
        this.questions += 1;
        await this.#until(['there', 'silent', 'unwilling'], [stop.signal, ...(signal ? [signal] : [])]);
        return 3;
      },
      publish: async (lane: Lane, partition: number, segment: Segment) => {
        if (this.mode === 'refusing') throw new CabooseError('AWAY', 'no login');
        if (segment.path === '/bad') throw new CabooseError('SEGMENT_INVALID', 'bad');
        await this.#until(['there', 'silent'], [stop.signal]);
        const copy = { ...segment, bytes: Buffer.from(segment.bytes) };
        this.records.push({ lane, partition, position: this.records.length, segment: copy });
        await this.#until(['there'], [stop.signal]);
      },
      stop: async () => close(),
    };
    const records = this.records;
    const log = {
      append: async (letters: readonly DeadLetter[]) => {
        await this.#until(['there'], [stop.signal]);
        this.letters.push(...letters);
      },
      mark: async (marks: readonly LetterMark[]) => {
        await this.#until(['there'], [stop.signal]);
        this.letters.push(...marks);
      },
      read: () => asyncOf(this.letters),
    };
    return {
      publisher,
      subscriber: () => ({ batches: () => asyncOf([]), lag: async () => [] }),
      scanner: {
        scan: ({ match = () => true }: ScanOptions = {}) =>
          asyncOf(records.filter(({ segment }) => match(segment))),
      },
      partitions: async (signal) => {
        await this.#until(['there', 'silent'], [signal]);
        return this.reports;
      },
      facts: { append: async () => undefined, read: () => asyncOf([]) },
      incidents: { append: async () => undefined },
      deadLetters: log,
      state: () => ({ name: 'kafka', connected: this.mode === 'there' }),
      close: async () => close(),
    };
  }

  get reports(): PartitionReport[] {
    return [{ lane: 'bulk', partition: 0, first: 0, end: this.records.length, committed: this.committed }];
  }

  async #until(modes: readonly ModelCluster['mode'][], signals: readonly AbortSignal[]): Promise<void> {
    const signal = AbortSignal.any([...signals]);
    while (!modes.includes(this.mode)) {
      if (signal.aborted) throw new CabooseError('TRANSPORT_STOPPED', 'stopped', { retriable: true });
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (signal.aborted) throw new CabooseError('TRANSPORT_STOPPED', 'stopped', { retriable: true });
  }
}

async function* asyncOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
