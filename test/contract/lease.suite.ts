/** The conformance suite of `Lease` (src/core/lease.ts): every implementation passes it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Lease, Tenure } from '../../src/core/lease.ts';
import { until } from '../fakes/clock.ts';

export interface LeaseSubject {
  /** A new candidate in the one election of this subject. */
  candidate(identity: string): Lease;
  /** Within this time a successor leads after a release. */
  handOverMs: number;
  /** Moves the monotonic clock of all candidates past the end of trust; absent where trust has no limit. */
  passTrust?: () => void;
}

/** Stands for election and acts for each tenure until its signal aborts, as a consumer should. */
export function stand(lease: Lease) {
  const stop = new AbortController();
  const tenures: Tenure[] = [];
  const done = (async () => {
    for await (const tenure of lease.tenures(stop.signal)) {
      tenures.push(tenure);
      await new Promise<void>((resolve) => {
        if (tenure.signal.aborted) resolve();
        else tenure.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  })();
  return {
    lease,
    tenures,
    leads: (): boolean => tenures.at(-1)?.isTrusted() === true,
    async leave(): Promise<void> {
      stop.abort();
      await done;
    },
    done,
  };
}

export type Standing = ReturnType<typeof stand>;

export function leaseSuite(name: string, setUp: () => Promise<LeaseSubject>): void {
  describe(`lease: ${name}`, () => {
    let subject: LeaseSubject;
    let standing: Standing[];

    beforeEach(async () => {
      subject = await setUp();
      standing = [];
    });

    afterEach(async () => {
      await Promise.all(standing.map((s) => s.leave()));
    });

    const enrol = (identity: string): Standing => {
      const s = stand(subject.candidate(identity));
      standing.push(s);
      return s;
    };
    const leaders = (): Standing[] => standing.filter((s) => s.leads());

    test('of several candidates one leads; each release hands over to another, under a larger token', async () => {
      for (const identity of ['a', 'b', 'c', 'd', 'e']) enrol(identity);
      let overlaps = 0;
      const watch = setInterval(() => (overlaps += leaders().length > 1 ? 1 : 0), 1);
      const tokens: number[] = [];
      try {
        while (standing.length > 0) {
          await until(() => leaders().length === 1, 'somebody leads');
          const [leader] = leaders();
          tokens.push(leader?.tenures.at(-1)?.token ?? NaN);
          await leader?.leave();
          standing = standing.filter((s) => s !== leader);
        }
      } finally {
        clearInterval(watch);
      }
      expect(overlaps).toBe(0);
      expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y));
      expect(tokens.every((token) => Number.isSafeInteger(token) && token > 0)).toBe(true);
      expect(tokens.length).toBe(5);
    });

    test('a release hands over at once, not after a time-out', async () => {
      const first = enrol('first');
      await until(() => first.leads(), 'the first leads');
      const second = enrol('second');
      await until(() => second.lease.status().connected, 'the second is connected');
      expect(second.tenures).toEqual([]);
      const releasedMs = performance.now();
      await first.leave();
      await until(() => second.leads(), 'the second leads');
      expect(performance.now() - releasedMs).toBeLessThan(subject.handOverMs);
    });

    test('leaving ends the tenure: its signal aborts and it is trusted no more', async () => {
      const s = enrol('a');
      await until(() => s.leads(), 'it leads');
      const [tenure] = s.tenures;
      expect(tenure?.signal.aborted).toBe(false);
      const left = s.leave();
      expect(tenure?.signal.aborted).toBe(true);
      expect(tenure?.isTrusted()).toBe(false);
      await left;
    });

    test('a consumer that leaves its loop gives the lease up', async () => {
      let token = 0;
      for await (const tenure of subject.candidate('leaver').tenures(new AbortController().signal)) {
        token = tenure.token;
        break;
      }
      const next = enrol('next');
      await until(() => next.leads(), 'the next leads');
      expect(next.tenures[0]?.token).toBeGreaterThan(token);
    });

    test('the same candidate may stand again, for a larger token', async () => {
      const lease = subject.candidate('again');
      const tokens: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const s = stand(lease);
        await until(() => s.leads(), 'it leads');
        tokens.push(s.tenures[0]?.token ?? NaN);
        await s.leave();
      }
      expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y));
      expect(lease.status().role).toBe('stopped');
    });

    test('the status tells the role and the token', async () => {
      const lease = subject.candidate('a');
      expect(lease.status()).toMatchObject({ role: 'stopped', token: null });
      const s = stand(lease);
      standing.push(s);
      await until(() => s.leads(), 'it leads');
      expect(lease.status()).toEqual({ role: 'leader', token: s.tenures[0]?.token, connected: true });
    });

    test('a signal that has aborted already yields nothing', async () => {
      const seen: Tenure[] = [];
      for await (const tenure of subject.candidate('a').tenures(AbortSignal.abort())) seen.push(tenure);
      expect(seen).toEqual([]);
    });

    test('a candidate that leaves while another leads is out of the way', async () => {
      const first = enrol('first');
      await until(() => first.leads(), 'the first leads');
      const second = enrol('second');
      await until(() => second.lease.status().connected, 'the second is connected');
      const third = enrol('third');
      await second.leave();
      await first.leave();
      await until(() => third.leads(), 'the third leads');
      expect(second.tenures).toEqual([]);
    });

    test('trust ends when the clock passes its limit, before any timer has fired', async (context) => {
      const { passTrust } = subject;
      if (!passTrust) return context.skip('this lease has no time limit');
      const s = enrol('a');
      await until(() => s.leads(), 'it leads');
      const [tenure] = s.tenures;
      passTrust();
      expect(tenure?.isTrusted()).toBe(false);
      expect(tenure?.signal.aborted).toBe(true);
      // The session lives: the same node leads on, in a new tenure.
      await until(() => s.leads(), 'it leads again');
      expect(tenure?.isTrusted()).toBe(false);
      expect(s.tenures[1]?.token).toBeGreaterThanOrEqual(tenure?.token ?? NaN);
    });
  });
}
