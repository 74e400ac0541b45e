import fc from 'fast-check';
import { expect, it } from 'vitest';
import { numberFromJson, numberToJson } from '../../src/core/fact.ts';

it('numbers survive JSON, whatever they are', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity)), (value) => {
      const read = numberFromJson(JSON.parse(JSON.stringify(numberToJson(value))));
      // JSON has no -0.
      expect(read).toBe(Object.is(value, -0) ? 0 : value);
    }),
  );
});

it.each(['nan', 'inf', '1', '', null, true, {}, undefined])('%j is no number', (value) => {
  expect(numberFromJson(value)).toBeNull();
});
