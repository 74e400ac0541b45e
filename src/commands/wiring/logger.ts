import type { Config } from '../../config/schema.ts';
import type { Logger } from '../../core/logger.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type { CommandContext } from '../command.ts';

/** The log of a long-running command: JSON lines on stderr, or lines for a person if that is a terminal. */
export function openLogger(context: CommandContext, config: Pick<Config, 'logLevel'>): Logger {
  return loggerTo(context, config.logLevel);
}

/** The log of a command that prints data: what goes wrong, and nothing else unless --log-level debug asks for it. */
export function quietLogger(context: CommandContext, config: Pick<Config, 'logLevel'>): Logger {
  return loggerTo(context, config.logLevel === 'info' ? 'warn' : config.logLevel);
}

function loggerTo({ stderr, env }: CommandContext, level: Config['logLevel']): Logger {
  const colour = stderr.isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return createLogger({
    level,
    pretty: stderr.isTerminal,
    colour,
    // A stderr that is gone is no reason to stop shipping: there is nowhere left to tell of it.
    write: (line) => void stderr.write(line).catch(() => undefined),
  });
}
