import { runCommandLine } from '../../src/commands/dispatch.ts';
import { openTail } from '../../src/commands/wiring/tail.ts';
import { openTransport } from '../../src/commands/wiring/transport.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { KeptOutput } from '../commands/output.ts';

/** A caboose command in this process: where no kill is needed, it saves the start of one. */
export async function runHere(
  args: readonly string[],
  signal = AbortSignal.timeout(600_000),
): Promise<{ code: number; stdout: string; stderr: string }> {
  const stdout = new KeptOutput();
  const stderr = new KeptOutput();
  const code = await runCommandLine({
    args: [...args],
    stdout,
    stderr,
    env: {},
    cwd: process.cwd(),
    signal,
    clock: systemClock,
    version: 'test',
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** `caboose agent --once`, without what that does to the process that it runs in (its priority, its heap). */
export async function ship(configFile: string): Promise<void> {
  const options = { clock: systemClock, logger: silentLogger };
  const config = await loadConfig({
    file: configFile,
    cwd: process.cwd(),
    env: {},
    needs: [],
    overrides: {},
  });
  const transport = await openTransport(config, options);
  const metrics = createMetrics();
  const { publisher } = transport;
  const { tail, release } = await openTail(config, {
    ...options,
    publisher,
    env: {},
    metrics,
    once: true,
    sharesProcess: true,
  });
  try {
    await tail.once(AbortSignal.timeout(60_000));
  } finally {
    await publisher.stop(AbortSignal.timeout(1_000));
    await transport.close();
    release();
  }
}
