/**
 * Tells somebody else's service of things, each by a POST of JSON with an `Idempotency-Key`, one after the other.
 *
 *   waiting ──POST: 2xx──▶ delivered
 *     ▲          ├─ no answer, 408, 425, 429, 5xx ──▶ again, later and later, `attemptsMax` times in all ──▶ given up
 *     └──────────┘  └─ any other status ──▶ given up
 *
 * At least once: who dies between the answer and what `onDelivered` notes delivers again, under the same key.
 *
 * Failure rule: nothing here throws, and nothing waits for it. What is given up, or finds the queue full, is counted and logged.
 */
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { backoffMs } from '../core/retry.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface WebhookOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Of one attempt. */
  timeoutMs: number;
  attemptsMax: number;
  /** Asked before each attempt: whether this process still may. */
  mayAct: () => boolean;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'webhookDeliveries'>;
  /** The status of the answer; for tests. */
  post?: (url: string, request: PostRequest, signal: AbortSignal) => Promise<number>;
  random?: () => number;
}

export interface PostRequest {
  headers: Record<string, string>;
  body: string;
}

export interface Delivery {
  /** The same for the same news, whoever tells it. */
  key: string;
  body: unknown;
  onDelivered: () => Promise<void>;
}

const queueMax = 1_000;
const backoff = { initialMs: 1_000, maxMs: 300_000 };
const worthAnotherTry: ReadonlySet<number> = new Set([408, 425, 429]);

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #queue: Delivery[] = [];
  #wake: () => void = () => undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  offer(delivery: Delivery): void {
    if (this.#queue.length >= queueMax) return this.#count('queue-full', delivery, 'too many wait');
    this.#queue.push(delivery);
    this.#wake();
  }

  /** Until the signal aborts: what is not delivered by then is the next leader's to tell. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const [delivery] = this.#queue;
      if (delivery === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      await this.#deliver(delivery, signal);
      this.#queue.shift();
    }
  }

  async #deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { attemptsMax, mayAct, clock, random, metrics, logger } = this.#options;
    let reason = '';
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      if (attempt > 0) {
        metrics.webhookDeliveries.inc({ result: 'retried' });
        await clock.sleep(backoffMs(attempt - 1, { ...backoff, ...(random && { random }) }), signal);
      }
      if (signal.aborted || !mayAct()) return;
      const answer = await this.#post(delivery, signal);
      if (answer === 'delivered') {
        metrics.webhookDeliveries.inc({ result: 'delivered' });
        return await this.#note(delivery);
      }
      if (signal.aborted) return;
      ({ reason } = answer);
      if (!answer.mayHelp) break;
      logger.debug({ key: delivery.key, reason }, 'the webhook did not take it: tried again');
    }
    this.#count('given-up', delivery, reason);
  }

  async #post(
    { key, body }: Delivery,
    signal: AbortSignal,
  ): Promise<'delivered' | { reason: string; mayHelp: boolean }> {
    const { url, headers, timeoutMs, post = postJson } = this.#options;
    const request = {
      headers: { ...headers, 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(body),
    };
    try {
      const status = await post(url, request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      if (status >= 200 && status < 300) return 'delivered';
      return { reason: `it answered ${status}`, mayHelp: status >= 500 || worthAnotherTry.has(status) };
    } catch (error) {
      return { reason: errorText(error), mayHelp: true };
    }
  }

  async #note(delivery: Delivery): Promise<void> {
    try {
      await delivery.onDelivered();
    } catch (error) {
      this.#options.logger.warn(
        { key: delivery.key, reason: errorText(error) },
        'that the webhook was told could not be noted: the next leader may tell it again, under the same key',
      );
    }
  }

  #count(result: 'given-up' | 'queue-full', { key }: Delivery, reason: string): void {
    const { metrics, logger } = this.#options;
    metrics.webhookDeliveries.inc({ result });
    const hint = 'check incidents.webhook, and the service behind it; the incident itself is in the index';
    logger.error({ key, reason, hint }, 'the webhook could not be told of an incident');
  }
}

/** A redirect is no answer: a POST must not become another request elsewhere. */
async function postJson(url: string, request: PostRequest, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { method: 'POST', redirect: 'manual', ...request, signal });
  await response.body?.cancel();
  return response.status;
}
