import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventId, incidentId, streamId } from '../../src/core/ids.ts';

const identity = {
  source: 'pod-1',
  run: 'run-1',
  dev: '2049',
  ino: '131',
  head: Buffer.from('step 1 loss 4.2\n'),
  generation: 0,
};

describe('ids', () => {
  // What an index holds is found again by these: another value here orphans every document ever written.
  it('are what they have always been', () => {
    expect({
      stream: streamId(identity),
      event: eventId('a'.repeat(32), 1024, 0),
      part: eventId('a'.repeat(32), 1024, 1),
      incident: incidentId('run-1', 2, 'silent', 'f-0'),
    }).toEqual({
      stream: '6a472b3fa95e03de40adc04c3d67cb2c',
      event: 'aaaaaaaaaaaaaaaaaaaa000000000400',
      part: '176e8480f1d7380d88185af2c081849f',
      incident: '0063f93ec36aa270900d237e4f0cd310',
    });
  });

  it.each([
    ['source', { source: 'pod-2' }],
    ['run', { run: 'run-2' }],
    ['device', { dev: '2050' }],
    ['inode', { ino: '132' }],
    ['head', { head: Buffer.from('step 1 loss 4.2') }],
    ['generation', { generation: 1 }],
  ])('of streams differ by the %s', (_, other) => {
    expect(streamId({ ...identity, ...other })).not.toBe(streamId(identity));
  });

  it('tell bytes apart that are the same as text', () => {
    const withHead = (bytes: number[]) => streamId({ ...identity, head: Buffer.from(bytes) });
    expect(withHead([0xff])).not.toBe(withHead([0xfe]));
  });

  it.each([
    [incidentId('a', 1, 'b', 'c'), incidentId('a,1:1', 1, 'b', 'c')],
    [incidentId('a', 1, 'b,1:c', 'd'), incidentId('a', 1, 'b', 'c,1:d')],
    [incidentId('a', 1, '', 'bc'), incidentId('a', 1, 'bc', '')],
    [incidentId('é', 1, 'x', 'y'), incidentId('e\u0301', 1, 'x', 'y')],
    [eventId('s', 11, 1), eventId('s', 1, 11)],
  ])('do not run parts together', (one, other) => expect(one).not.toBe(other));

  it('of events are in the order of the bytes of their stream', () => {
    const offset = fc.nat(2 ** 40);
    fc.assert(
      fc.property(offset, offset, (one, other) => {
        const [before, after] = [one, other].map((start) => eventId('f'.repeat(32), start, 0));
        expect(before).toMatch(/^[0-9a-f]{32}$/);
        expect(Math.sign(before?.localeCompare(after ?? '') ?? 0)).toBe(Math.sign(one - other));
      }),
    );
  });

  it('are 32 hex digits, and as distinct as their parts', () => {
    const parts = fc.tuple(fc.string(), fc.nat(99), fc.string(), fc.string());
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(incidentId(...one)).toMatch(/^[0-9a-f]{32}$/);
        expect(incidentId(...one) === incidentId(...other)).toBe(same);
      }),
    );
  });
});
