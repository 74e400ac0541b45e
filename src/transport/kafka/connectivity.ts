import type { Clock } from '../../core/clock.ts';
import type { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { backoffMs } from '../../core/retry.ts';
import type { ConnectionState } from '../../core/transport.ts';
import type { ForeignServers } from './foreign-servers.ts';
import { isAboutRequest, kafkaProblem } from './problems.ts';

const backoff = { initialMs: 200, maxMs: 3000 };

/**
 * Whether Kafka can be reached, as all parts of a transport see it together: an outage is told once when it begins and once when it
 * is over. Before the first success, what waiting cannot mend (a wrong address, a refused login) is thrown; later it is an outage
 * like another.
 */
export class Connectivity {
  readonly foreign: ForeignServers = new Map();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #brokers: string;
  #everConnected = false;
  #connected = false;
  #outage: CabooseError | null = null;

  constructor(options: { brokers: readonly string[]; clock: Clock; logger: Logger }) {
    this.#brokers = options.brokers.join(', ');
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Calls `work` until it succeeds; throws what waiting cannot mend, and the last problem when the signal aborts. */
  async attempt<T>(work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await work(attempt);
        this.succeeded();
        return result;
      } catch (error) {
        if (signal?.aborted) throw kafkaProblem(error, this.foreign);
        const problem = this.failed(error);
        if (this.isFatal(problem)) throw problem;
        await this.pause(attempt, signal);
        if (signal?.aborted) throw problem;
      }
    }
  }

  /** What is wrong while Kafka is away. */
  get outage(): CabooseError | null {
    return this.#outage;
  }

  async pause(attempt: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(backoffMs(attempt, backoff), signal);
  }

  succeeded(): void {
    if (this.#outage) this.#logger.info({ brokers: this.#brokers }, 'Kafka is back');
    this.#outage = null;
    this.#connected = true;
    this.#everConnected = true;
  }

  /** The error as a problem; told when it begins an outage. */
  failed(error: unknown): CabooseError {
    const problem = kafkaProblem(error, this.foreign);
    if (isAboutRequest(problem) || this.isFatal(problem)) return problem;
    if (this.#outage === null) {
      const { code, hint } = problem;
      this.#logger.warn(
        { brokers: this.#brokers, code, reason: problem.message, hint },
        'Kafka cannot be reached, waiting',
      );
    }
    this.#outage = problem;
    this.#connected = false;
    return problem;
  }

  isFatal(problem: CabooseError): boolean {
    return isAboutRequest(problem) || (!problem.retriable && !this.#everConnected);
  }

  state(): ConnectionState {
    if (this.#connected) return { name: 'kafka', connected: true };
    return { name: 'kafka', connected: false, reason: this.#outage?.message ?? 'not connected yet' };
  }
}
