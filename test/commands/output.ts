import type { CommandContext, Output } from '../../src/commands/command.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';

/** An output that keeps what is written. */
export class KeptOutput implements Output {
  readonly isTerminal: boolean;
  readonly columns = 80;
  readonly rows = 24;
  readonly #chunks: Buffer[] = [];

  constructor({ isTerminal = false } = {}) {
    this.isTerminal = isTerminal;
  }

  write(chunk: string | Uint8Array): Promise<void> {
    this.#chunks.push(Buffer.from(chunk));
    return Promise.resolve();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

/** A context as main.ts makes it, with kept output; `file` stands for --config. */
export function testContext(options: Partial<CommandContext> & { file?: string | null } = {}) {
  const stdout = new KeptOutput();
  const stderr = new KeptOutput();
  const { file = null, cwd = '/', env = { HOSTNAME: 'box' }, ...rest } = options;
  const context: CommandContext = {
    stdout,
    stderr,
    env,
    cwd,
    signal: new AbortController().signal,
    clock: systemClock,
    version: '0.0.0',
    loadConfig: async (load = {}) => await loadConfig({ file, cwd, env, ...load }),
    ...rest,
  };
  return { context, stdout, stderr };
}
