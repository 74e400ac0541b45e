/**
 * The pings of one connection, and all arithmetic of trust. With T the negotiated session timeout:
 *
 *     every T/6         a ping, unless the one before is unanswered: one at a time, so that answers need no number
 *     T/3 unanswered    the link is silent: the connection is dropped and another server tried
 *     ⅔ T               after the *sending* of the last answered ping, trust ends
 *
 * The server heard from us no earlier than we sent, so it keeps the session until T after that. The last third covers what
 * a follower tells its leader late (it passes on whom it has heard at the leader's next ping, half a tick later, and T is
 * at least two ticks). Time is the injected monotonic clock; a machine that is suspended as a whole may stop that clock:
 * against this there is the fencing token.
 */
import type { Clock } from '../../core/clock.ts';

export const pingsPerSession = 6;

export function silenceLimitMs(sessionTimeoutMs: number): number {
  return sessionTimeoutMs / 3;
}

export function trustedUntilMs(answeredPingSentMs: number, sessionTimeoutMs: number): number {
  return answeredPingSentMs + (sessionTimeoutMs * 2) / 3;
}

export interface HeartbeatOptions {
  clock: Clock;
  sessionTimeoutMs: number;
  /** When the handshake was sent: it proves life as a ping does. */
  handshakeSentMs: number;
  sendPing: () => void;
  onSilent: (silentMs: number) => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #answeredSentMs: number;
  #outstandingSentMs: number | null = null;
  #waiting: (() => void)[] = [];

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#answeredSentMs = options.handshakeSentMs;
  }

  get trustedUntilMs(): number {
    return trustedUntilMs(this.#answeredSentMs, this.#options.sessionTimeoutMs);
  }

  /** Pings until the signal aborts or the link is found silent. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, sessionTimeoutMs, onSilent } = this.#options;
    const intervalMs = sessionTimeoutMs / pingsPerSession;
    while (!signal.aborted) {
      const dueMs = clock.monotonic() + intervalMs;
      // oxlint-disable-next-line no-await-in-loop
      await clock.sleep(intervalMs, signal);
      // After a pause of this process the answer may lie unread in the socket: let it be read before judging.
      if (clock.monotonic() > dueMs + intervalMs / 2) await clock.sleep(intervalMs / 4, signal);
      if (signal.aborted) return;
      const silentMs = this.#silentMs();
      // Timers may fire a little early: half an interval of tolerance keeps the verdict at its tick.
      if (silentMs !== null && silentMs >= silenceLimitMs(sessionTimeoutMs) - intervalMs / 2) {
        onSilent(silentMs);
        return;
      }
      if (silentMs === null) this.#send();
    }
  }

  /** To be called when the answer to a ping arrives. */
  answered(): void {
    if (this.#outstandingSentMs === null) return;
    this.#answeredSentMs = this.#outstandingSentMs;
    this.#outstandingSentMs = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Calls back at the next answer; sends a ping now unless one is under way. */
  confirm(onAnswer: () => void): void {
    this.#waiting.push(onAnswer);
    if (this.#outstandingSentMs === null) this.#send();
  }

  #silentMs(): number | null {
    return this.#outstandingSentMs === null
      ? null
      : this.#options.clock.monotonic() - this.#outstandingSentMs;
  }

  #send(): void {
    // Taken before the write: what is sent later than it says is trusted shorter, never longer.
    this.#outstandingSentMs = this.#options.clock.monotonic();
    this.#options.sendPing();
  }
}
