import { expect, it } from 'vitest';
import { streamVersion } from '../../src/core/stream-document.ts';

it('the version grows with every byte, and with the final marker, but less than with a byte', () => {
  const states = [
    { end: 0, final: false },
    { end: 0, final: true },
    { end: 1, final: false },
    { end: 1, final: true },
    { end: 2 ** 40, final: false },
    { end: 2 ** 40, final: true },
  ];
  const versions = states.map(streamVersion);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect(versions.every(Number.isSafeInteger)).toBe(true);
});
