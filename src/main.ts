#!/usr/bin/env node
/**
 * The process: Node's version, signals, standard streams, exit codes. The only place for process.exit, argv and env.
 * It imports nothing before the version is checked, so that an old Node says what is wrong instead of a syntax error.
 *
 * First SIGTERM or SIGINT: the command drains and returns. Second one: the process ends at once, with 128 + its number.
 */
import type { Output } from './commands/command.ts';

const nodeMajorMin = 24;

if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
  process.stderr.write(
    `caboose: needs Node ${nodeMajorMin} or later, this is ${process.version}\n` +
      '  hint: in a checkout, `npm ci` brings the right one: node_modules/.bin/node src/main.ts\n',
  );
  process.exit(2);
}

const { readFileSync } = await import('node:fs');
const { hostname } = await import('node:os');
const { enableCompileCache } = await import('node:module');
// Compiled code is kept between starts, in the temporary directory: a third of the start-up time.
enableCompileCache();
if (process.argv[2] === 'agent') (await import('./commands/wiring/heap.ts')).keepHeapSmall();
const { systemClock } = await import('./core/clock.ts');
const { CabooseError } = await import('./core/errors.ts');
const { runCommandLine, unknownText } = await import('./commands/dispatch.ts');

process.on('uncaughtException', endInError);
process.on('unhandledRejection', endInError);
const signal = stopSignal();
const code = await runCommandLine({
  args: process.argv.slice(2),
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  // Shells set HOSTNAME, but few export it.
  env: { HOSTNAME: hostname(), ...process.env },
  cwd: process.cwd(),
  signal,
  clock: systemClock,
  version: packageVersion(),
});
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(code);

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const signals = { SIGTERM: 15, SIGINT: 2 } as const;
  for (const [name, number] of Object.entries(signals)) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(128 + number);
      stop.abort(new CabooseError('INTERRUPTED', `stopped by ${name}`));
    });
  }
  return stop.signal;
}

function endInError(error: unknown): never {
  process.stderr.write(`caboose: ${unknownText(error)}\n`);
  process.exit(3);
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** A reader that is gone (`caboose cat RUN | head`) is no error: OUTPUT_CLOSED ends the command with 0. */
function output(stream: NodeJS.WriteStream): Output {
  let closed: Error | null = null;
  stream.on('error', (error) => {
    closed ??= error;
  });
  return {
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    async write(chunk) {
      if (closed === null) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const isRoomLeft = stream.write(chunk, (error) => {
          closed ??= error ?? null;
          resolve();
        });
        if (!isRoomLeft) await promise;
      }
      if (closed !== null) throw outputError(closed);
    },
  };
}

/** Resolves when all that was written is taken, or will never be: a pipe takes what it has no room for later, and an exit would lose it. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write('', () => resolve());
  await promise;
}

function outputError(error: Error & { code?: string }): Error {
  if (error.code === 'EPIPE')
    return new CabooseError('OUTPUT_CLOSED', 'the reader of the output is gone', { cause: error });
  return new CabooseError('OUTPUT_FAILED', 'the output cannot be written', {
    cause: error,
    hint: error.code === 'ENOSPC' ? 'the disk is full' : 'check where the output goes',
  });
}
