import type { Logger } from '../../core/logger.ts';
import type { LogName } from '../../core/segment.ts';
import type { Transport } from '../../core/transport.ts';

export const sides = ['first', 'second'] as const;
export type Side = (typeof sides)[number];

/** What the second's records and reports are marked with. */
export const secondName = { cluster: 'second' } as const satisfies LogName;

export interface StationOptions {
  /** A transport of its own each time: one that was stopped is not used again. Its warnings go to the logger that it is given. */
  open: (side: Side, logger: Logger) => Transport;
  logger: Logger;
}

/** A cluster that is, or was, sent to. */
export interface Station {
  side: Side;
  transport: Transport;
  /** Its sends that have not ended. */
  underWay: Set<Promise<void>>;
  isLeft: boolean;
  logger: QuietableLogger;
}

export function stationOf(side: Side, { open, logger }: StationOptions): Station {
  const own = new QuietableLogger(logger);
  return { side, transport: open(side, own.logger), underWay: new Set(), isLeft: false, logger: own };
}

export async function leaveStation(station: Station): Promise<void> {
  station.isLeft = true;
  await station.transport.publisher.stop(AbortSignal.abort());
  // Until each send has ended its bytes may still be read.
  await Promise.all(station.underWay);
  await station.transport.close();
}

export function otherSide(side: Side): Side {
  return side === 'first' ? 'second' : 'first';
}

/** One that is only asked whether it is there has nothing to say. */
class QuietableLogger {
  #isQuiet = false;
  readonly logger: Logger;

  constructor(inner: Logger) {
    const told =
      (level: 'info' | 'warn' | 'error'): Logger['info'] =>
      (fields, message) =>
        inner[this.#isQuiet ? 'debug' : level](fields, message);
    this.logger = {
      debug: (fields, message) => inner.debug(fields, message),
      info: told('info'),
      warn: told('warn'),
      error: told('error'),
    };
  }

  hush(): void {
    this.#isQuiet = true;
  }

  speak(): void {
    this.#isQuiet = false;
  }
}
