/**
 * Bulk requests with an answer for every item. The client's helper is not used: it has an idle timer, one failed request
 * aborts all, and it retries nothing but 429.
 *
 * Failure rule, per item: 2xx, 409 (something as new is there) and the 404 of a delete are done; 429, 5xx and blocks are sent
 * again, those items only; any other 4xx is rejected for good. Per request: 413 and a 400 are halved down to the item at
 * fault; an outage is waited out; 401 and 403 too, slowly and with an alarm.
 */
import type { Clock } from '../../core/clock.ts';
import type { ItemResult } from '../../core/event-index.ts';
import { backoffMs } from '../../core/retry.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { ElasticsearchClient, Failure } from './client.ts';
import { incompleteAnswer, statusFailure, toFailure } from './client.ts';
import type { Health } from './health.ts';

export interface BulkAction {
  index: string;
  /** The two lines (one in a delete) of the request's body. */
  lines: readonly string[];
  bytes: number;
}

const itemsMax = 2_000;
const bodyBytesMax = 8 * 1024 * 1024;
const outageBackoff = { initialMs: 200, maxMs: 10_000 };
const refusedBackoff = { initialMs: 5_000, maxMs: 60_000 };

export interface BulkContext {
  client: ElasticsearchClient;
  /** For messages. */
  node: string;
  clock: Clock;
  health: Health;
  metrics: Pick<Metrics, 'indexRetries'> | undefined;
  /** Makes an index that a server with `action.auto_create_index: false` has not made. */
  createIndex(index: string, signal: AbortSignal): Promise<void>;
}

/** What one sending said of an item: a result, or why it has to be sent again. */
type Outcome = ItemResult | { status: 'again'; failure: Failure };

interface BulkResponseItem {
  status?: number;
  error?: { type?: string; reason?: string | null; caused_by?: { reason?: string | null } };
}

/** Sends until each action is done or rejected; rejects with the signal's reason when it aborts. */
export async function sendBulk(
  context: BulkContext,
  actions: readonly BulkAction[],
  signal: AbortSignal,
): Promise<ItemResult[]> {
  const results = Array.from<ItemResult>({ length: actions.length });
  let pending = [...actions.keys()];
  let fruitless = 0;
  while (pending.length > 0) {
    const left: number[] = [];
    let failure: Failure | undefined;
    for (const chunk of chunksOf(pending, actions)) {
      const outcomes = await send(
        context,
        chunk.map((position) => actions[position] as BulkAction),
        signal,
      );
      for (const [at, position] of chunk.entries()) {
        const outcome = outcomes[at] ?? { status: 'again', failure: incompleteAnswer(context.node) };
        if (outcome.status !== 'again') results[position] = outcome;
        else {
          left.push(position);
          failure = outcome.failure;
          context.metrics?.indexRetries.inc({ status: failure.status });
        }
      }
    }
    fruitless = left.length < pending.length ? 0 : fruitless + 1;
    pending = left;
    if (failure) await pause(context, failure, fruitless, signal);
    else context.health.works();
  }
  return results;
}

/** Positions in bodies of at most `bodyBytesMax` and `itemsMax`; what is larger by itself goes alone. */
function* chunksOf(positions: readonly number[], actions: readonly BulkAction[]): Iterable<number[]> {
  let chunk: number[] = [];
  let bytes = 0;
  for (const position of positions) {
    const next = actions[position]?.bytes ?? 0;
    if (chunk.length > 0 && (chunk.length >= itemsMax || bytes + next > bodyBytesMax)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(position);
    bytes += next;
  }
  if (chunk.length > 0) yield chunk;
}

/** Tells the failure and waits before the next sending. */
export async function pause(
  { clock, health }: Pick<BulkContext, 'clock' | 'health'>,
  failure: Failure,
  attempt: number,
  signal?: AbortSignal,
): Promise<void> {
  health.fails(failure);
  await clock.sleep(backoffMs(attempt, failure.kind === 'outage' ? outageBackoff : refusedBackoff), signal);
  signal?.throwIfAborted();
}

async function send(
  context: BulkContext,
  actions: readonly BulkAction[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  signal.throwIfAborted();
  try {
    const items = await request(context, actions, signal);
    if (items.length !== actions.length) return actions.map(() => again(incompleteAnswer(context.node)));
    await createMissing(context, actions, items, signal);
    return items.map((item) => toOutcome(item, context.node));
  } catch (error) {
    signal.throwIfAborted();
    const failure = toFailure(error, context.node);
    if (failure.kind !== 'tooLarge' && failure.kind !== 'invalid') return actions.map(() => again(failure));
    if (actions.length <= 1)
      return actions.map(() => ({ status: 'rejected', reason: failure.error.message }));
    const half = Math.ceil(actions.length / 2);
    const first = await send(context, actions.slice(0, half), signal);
    return [...first, ...(await send(context, actions.slice(half), signal))];
  }
}

async function request(
  { client }: BulkContext,
  actions: readonly BulkAction[],
  signal: AbortSignal,
): Promise<BulkResponseItem[]> {
  const { items } = await client.transport.request<{ items?: Record<string, BulkResponseItem>[] }>(
    { method: 'POST', path: '/_bulk', querystring: { filter_path: answered }, bulkBody: bodyOf(actions) },
    { signal },
  );
  // Each item is under the name of its operation: { "index": { "status": 201 } }.
  return (items ?? []).map((item) => Object.values(item)[0] ?? {});
}

/** Of the answer, what is looked at. */
const answered = [
  'items.*.status',
  'items.*.error.type',
  'items.*.error.reason',
  'items.*.error.caused_by.reason',
].join(',');

/** The lines as they are sent: `client.bulk` would make one text of them, to be encoded again. */
function bodyOf(actions: readonly BulkAction[]): Buffer {
  const body = Buffer.allocUnsafe(actions.reduce((sum, { bytes }) => sum + bytes, 0));
  let end = 0;
  for (const { lines } of actions)
    for (const line of lines) {
      end += body.write(line, end);
      body[end] = lineEnd;
      end += 1;
    }
  return body;
}
const lineEnd = 0x0a;

async function createMissing(
  context: BulkContext,
  actions: readonly BulkAction[],
  items: readonly BulkResponseItem[],
  signal: AbortSignal,
): Promise<void> {
  const missing = actions.filter((_, at) => items[at]?.error?.type === indexMissing);
  for (const index of new Set(missing.map((action) => action.index)))
    await context.createIndex(index, signal);
}

const indexMissing = 'index_not_found_exception';

function toOutcome({ status = 0, error }: BulkResponseItem, node: string): Outcome {
  if ((status >= 200 && status < 300) || status === 409) return { status: 'stored' };
  // A delete of what is not there comes without an error.
  if (status === 404 && error === undefined) return { status: 'stored' };
  const reason = [error?.type, error?.reason, error?.caused_by?.reason]
    .filter(Boolean)
    .join(': ')
    .slice(0, 1_000);
  if (status === 0 || error?.type === indexMissing) return again(incompleteAnswer(node));
  const failure = statusFailure({ code: status, type: error?.type, reason }, node);
  return failure && failure.kind !== 'tooLarge' ? again(failure) : { status: 'rejected', reason };
}

function again(failure: Failure): Outcome {
  return { status: 'again', failure };
}
