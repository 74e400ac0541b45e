import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textFinder } from '../../../src/train/observations/text-filter.ts';

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
        expect(textFinder(texts)(text)).toEqual(new Set(texts.filter((part) => text.includes(part))));
      },
    ),
  );
});

test('finds it in a text that is longer than what is looked at pair by pair', () => {
  const find = textFinder(['Killed', 'Aborted']);
  const long = 'x'.repeat(70_000);
  expect(find(`${long}Killed`)).toEqual(new Set(['Killed']));
  expect(find(`${long}Kille`)).toEqual(new Set());
});
