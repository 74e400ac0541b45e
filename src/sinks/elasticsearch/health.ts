/** The state of the connection, told once when it changes: a long outage is one line, not thousands. */
import type { Logger } from '../../core/logger.ts';
import type { ConnectionState } from '../../core/transport.ts';
import type { Failure } from './client.ts';

export class Health {
  readonly #logger: Logger;
  readonly #node: string;
  #state: ConnectionState = { name: 'elasticsearch', connected: false, reason: 'not connected yet' };
  /** Code of the failure that was told last; undefined while all is well. */
  #told: string | undefined;

  constructor(logger: Logger, node: string) {
    this.#logger = logger;
    this.#node = node;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  works(): void {
    if (this.#told !== undefined) this.#logger.info({ node: this.#node }, 'The index takes writes again.');
    this.#told = undefined;
    this.#state = { name: 'elasticsearch', connected: true };
  }

  fails({ kind, error }: Failure): void {
    this.#state = { name: 'elasticsearch', connected: false, reason: error.message };
    if (this.#told === error.code) return;
    this.#told = error.code;
    const fields = { node: this.#node, code: error.code, error: error.message, hint: error.hint };
    if (kind === 'outage' && error.code !== 'INDEX_BLOCKED') {
      this.#logger.warn(fields, 'The index does not take writes; trying again.');
    } else
      this.#logger.error(fields, 'The index refuses writes and an operator is needed; trying again slowly.');
  }
}
