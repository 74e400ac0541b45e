import { join } from 'node:path';
import { writeLive } from '../../scenario/oracle.ts';

export interface LoadOptions {
  /** Directories, one an agent; two files are written in each. */
  dirs: readonly string[];
  linesPerSecond: number;
  rotateEveryMs: number;
  seed: number;
}

const filesPerDir = 2;

/** The oracle's writers, from construction until `end`. */
export class Load {
  readonly linesPerSecond: number;
  readonly #written: string[][] = [];
  readonly #over = new AbortController();
  readonly #writing: Promise<unknown>;

  constructor({ dirs, linesPerSecond, rotateEveryMs, seed }: LoadOptions) {
    this.linesPerSecond = linesPerSecond;
    const paths = dirs.flatMap((dir, d) =>
      Array.from({ length: filesPerDir }, (_, i) => join(dir, `w${d * filesPerDir + i}.log`)),
    );
    const rate = linesPerSecond / paths.length;
    this.#writing = Promise.all(
      paths.map(async (path, i) => {
        const written: string[] = [];
        this.#written.push(written);
        const rotateEvery = Math.max(1, Math.round((rate * rotateEveryMs) / 1000));
        const { signal } = this.#over;
        await writeLive({
          path,
          lines: Infinity,
          rate,
          rotations: 0,
          rotateEvery,
          seed: seed + i,
          signal,
          written,
        });
      }),
    );
    // Awaited in `end`; a writer that fails before is told there.
    this.#writing.catch(() => undefined);
  }

  /** How many lines are written so far. */
  get lines(): number {
    return this.#written.reduce((sum, { length }) => sum + length, 0);
  }

  /** Of one line, on average, with its end. */
  get lineBytes(): number {
    const some = this.#written.flatMap((lines) => lines.slice(0, 1000));
    return some.reduce((sum, line) => sum + line.length + 1, 0) / Math.max(1, some.length);
  }

  /** Stops the writers; all lines. */
  async end(): Promise<string[]> {
    this.#over.abort();
    await this.#writing;
    return this.#written.flat();
  }
}
