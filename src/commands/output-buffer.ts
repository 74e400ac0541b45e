import type { Output } from './command.ts';

/** Gathers many small lines into few writes. */
export class OutputBuffer {
  static readonly #charactersMax = 64 * 1024;
  readonly #output: Output;
  #lines: string[] = [];
  #characters = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  async add(line: string): Promise<void> {
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= OutputBuffer.#charactersMax) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    await this.#output.write(text);
  }
}
