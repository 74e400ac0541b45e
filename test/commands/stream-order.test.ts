import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inFileOrder, type OrderedStream } from '../../src/commands/original-bytes/stream-order.ts';

const of = (
  stream: string,
  path: string,
  created: number,
  previous: string | null = null,
  source = 's',
): OrderedStream => ({
  stream,
  source,
  path,
  created,
  previous,
});
const order = (streams: OrderedStream[]) =>
  inFileOrder(streams)
    .map(({ stream }) => stream)
    .join(' ');

describe('inFileOrder', () => {
  it('goes file by file, by the first creation, and within a file by creation', () => {
    const streams = [of('b2', '/b', 40), of('a1', '/a', 20), of('b1', '/b', 10), of('a2', '/a', 30)];
    expect(order(streams)).toBe('b1 b2 a1 a2');
  });

  it.each(['/t.log.1', '/t.log-20261123', '/t.log.2026-11-23', '/t.log.2.gz'])(
    'takes %s for a rotation of /t.log',
    (path) => {
      expect(order([of('now', '/t.log', 30), of('other', '/x', 20), of('old', path, 10)])).toBe(
        'old now other',
      );
    },
  );

  it('takes a name that only looks rotated for a file of its own', () => {
    expect(
      order([of('m0b', '/metrics.0', 30), of('m1', '/metrics.1', 20), of('m0a', '/metrics.0', 10)]),
    ).toBe('m0a m0b m1');
  });

  it('keeps what a stream continues before it, even if clocks say otherwise', () => {
    expect(order([of('second', '/a', 10, 'first'), of('first', '/elsewhere', 20)])).toBe('first second');
  });

  it('does not mix the files of two hosts', () => {
    const streams = [
      of('a1', '/t', 1, null, 'a'),
      of('b1', '/t', 2, null, 'b'),
      of('a2', '/t', 3, null, 'a'),
    ];
    expect(order(streams)).toBe('a1 a2 b1');
  });

  it('ends on a circle, and gives back every stream once, whatever they say', () => {
    expect(
      order([of('x', '/a', 1, 'y'), of('y', '/a', 2, 'x')])
        .split(' ')
        .sort(),
    ).toEqual(['x', 'y']);
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const paths = fc.constantFrom('/t', '/t.1', '/t.2', '/u');
    const stream = fc.record({
      path: paths,
      created: fc.nat(5),
      previous: fc.option(fc.constantFrom(...ids)),
      source: fc.constantFrom('s', 'r'),
    });
    fc.assert(
      fc.property(fc.array(stream, { maxLength: 5 }), (list) => {
        const streams = list.map((one, i) => ({ ...one, stream: ids[i] ?? '' }));
        expect(
          inFileOrder(streams)
            .map((s) => s.stream)
            .sort(),
        ).toEqual(streams.map((s) => s.stream).sort());
      }),
    );
  });
});
