import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SearchClause } from '../../src/core/search-query.ts';
import { fieldMatches, messageMatches } from '../../src/sinks/matching.ts';
import { tokenize } from '../../src/sinks/tokens.ts';

test.each<[string, string[]]>([
  ['step=12 train_loss=2.31 lr:1e-5', ['step', '12', 'train_loss', '2.31', 'lr', '1e', '5']],
  ["Don't torch.nn.Linear a:b 1,000 x.", ["don't", 'torch.nn.linear', 'a:b', '1,000', 'x']],
  ['__ _a b_ - |', ['_a', 'b_']],
  ['损失loss ✅ ★', ['损', '失', 'loss', '✅', '★']],
  ['x'.repeat(256), ['x'.repeat(255), 'x']],
  ['', []],
])('%j', (text, tokens) => {
  expect(tokenize(text)).toEqual(tokens);
});

test('a word is its own only word, so that queries find what they copy', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      for (const token of tokenize(text)) {
        expect(token.length).toBeGreaterThan(0);
        expect(
          messageMatches(text, [{ negated: false, field: 'message', words: [token], phrase: false }]),
        ).toBe(true);
      }
    }),
  );
});

const path = (value: string): SearchClause => ({
  negated: false,
  field: 'path',
  words: [value],
  phrase: false,
});

test.each([
  ['/logs/a/x.log', '/logs/a/x.log', true],
  ['/logs/a/x.log', 'x.log', true],
  ['/logs/a/x.log', 'a/X.LOG', true],
  ['/logs/a/x.log', '.log', false],
  ['/logs/a/x.log', '*.log', true],
  ['/logs/a/x.log', '*a*log*', true],
  ['/logs/a/x.log', 'x*x.log', false],
  ['/logs/a/x.log', '/logs', false],
  ['ab', 'ab*b', false],
])('path %s matches %s: %s', (value, wanted, expected) => {
  expect(fieldMatches(value, path(wanted))).toBe(expected);
  expect(fieldMatches(value, { ...path(wanted), negated: true })).toBe(!expected);
});
