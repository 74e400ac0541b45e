import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textFilter } from '../../../src/train/observations/text-filter.ts';

const word = fc.string({
  unit: fc.constantFrom('a', 'b', 'E', 'r', ':', '\n', ' ', 'é', '\u0142'),
  minLength: 3,
  maxLength: 8,
});

test('finds what a search for each text finds, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 5 }),
      fc.array(word, { maxLength: 6 }),
      (texts, words) => {
        const text = words.join('');
        expect(textFilter(texts)(text)).toBe(texts.some((part) => text.includes(part)));
      },
    ),
  );
});

test('finds it in a text that is longer than what is looked at pair by pair', () => {
  const holds = textFilter(['Killed']);
  const long = 'x'.repeat(70_000);
  expect(holds(`${long}Killed`)).toBe(true);
  expect(holds(`${long}Kille`)).toBe(false);
});
