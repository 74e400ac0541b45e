import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textFilter } from '../../../src/train/observations/text-filter.ts';

const word = fc.string({
  unit: fc.constantFrom('a', 'b', 'E', 'r', ':', '\n', ' ', 'é'),
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
