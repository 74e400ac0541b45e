import { createRequire } from 'node:module';

interface RequestQueue {
  pending: readonly unknown[];
  inflight: ReadonlyMap<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
  enforceRequestTimeout: boolean;
  /** kafkajs clears it in `destroy`. */
  requestTimeoutIntervalId?: NodeJS.Timeout;
  isConnected(): boolean;
  destroy(): void;
}
interface RequestQueueClass {
  prototype: { scheduleCheckPendingRequests?: unknown; scheduleRequestTimeoutCheck?: unknown };
}

/** Precise enough for request time-outs of 30 s. */
const timeoutCheckMs = 1000;

let patched: boolean | null = null;

/**
 * kafkajs 2.2.4 re-arms a timer of a millisecond for as long as a connection is open, even when no request waits: 3 % of a core per
 * idle connection. The check is needed only while requests wait, and each request that has to wait asks for it itself. Its check of
 * request time-outs, ten times a second, is slowed down to once.
 *
 * False when kafkajs has changed so that there is nothing to patch: it still works then, but costs more (a test notices).
 */
export function patchRequestQueue(): boolean {
  patched ??= patch();
  return patched;
}

function patch(): boolean {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue') as RequestQueueClass;
  const { scheduleCheckPendingRequests: schedule, scheduleRequestTimeoutCheck: watch } = prototype;
  if (typeof schedule !== 'function' || typeof watch !== 'function') return false;
  prototype.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
  prototype.scheduleRequestTimeoutCheck = function watchSlowly(this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(() => endOverdue(this), timeoutCheckMs);
  };
  return true;
}

function endOverdue(queue: RequestQueue): void {
  const now = Date.now();
  for (const request of queue.inflight.values())
    if (now - request.sentAt > request.requestTimeout) request.timeoutRequest();
  if (!queue.isConnected()) queue.destroy();
}
