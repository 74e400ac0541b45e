import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CabooseError } from '../../src/core/errors.ts';
import { parseSearch } from '../../src/sinks/query.ts';

const word = (text: string, more = {}) => ({
  negated: false,
  field: 'message',
  words: [text],
  phrase: false,
  ...more,
});

test.each<[string, unknown[]]>([
  ['', []],
  ['  \n ', []],
  ['loss', [word('loss')]],
  ['Loss NaN', [word('loss'), word('nan')]],
  ['-loss', [word('loss', { negated: true })]],
  ['loss=2.3', [word('', { words: ['loss', '2.3'], phrase: true })]],
  ['"out of  Memory"', [word('', { words: ['out', 'of', 'memory'], phrase: true })]],
  ['-"a b"', [word('', { words: ['a', 'b'], phrase: true, negated: true })]],
  [String.raw`"say \"hi\" \\o"`, [word('', { words: ['say', 'hi', 'o'], phrase: true })]],
  ['run:a', [word('a', { field: 'run' })]],
  ['RUN:A', [word('A', { field: 'run' })]],
  ['path:"/a b/c"', [word('/a b/c', { field: 'path', phrase: true })]],
  ['path:/logs/x', [word('/logs/x', { field: 'path' })]],
  ['-host:n1', [word('n1', { field: 'host', negated: true })]],
  ['level:WARNING', [word('warn', { field: 'level' })]],
  ['rank:007', [word('7', { field: 'rank' })]],
  ['message:x', [word('x')]],
  ['ValueError:', [word('valueerror')]],
  ['10:00:01', [word('', { words: ['10', '00', '01'], phrase: true })]],
  ['http://a.b/c', [word('', { words: ['http', 'a.b', 'c'], phrase: true })]],
  ['a"b c"', [word('a'), word('', { words: ['b', 'c'], phrase: true })]],
])('%j', (text, clauses) => {
  expect(parseSearch(text)).toEqual(clauses);
});

describe('what is wrong is said', () => {
  test.each([
    ['rnk:3', 'no field "rnk"', 'Nearest: rank'],
    ['cuda:0', 'no field "cuda"', '"cuda:0"'],
    ['a "b', 'unbalanced quote', 'second "'],
    ['run:"a', 'unbalanced quote', 'second "'],
    ['level:warm', 'no level "warm"', 'Nearest: warn'],
    ['kind:lines', 'no kind "lines"', 'Nearest: line'],
    ['rank:x', 'not a number', 'rank:0'],
    ['run:""', 'no value', 'run:*'],
    ['===', 'no word', 'letters'],
    ['""', 'no word', 'letters'],
    ['a '.repeat(65), 'more than 64', ''],
    ['a'.repeat(10_001), 'longer than', ''],
  ])('%j', (text, message, hint) => {
    let thrown: unknown;
    try {
      parseSearch(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'QUERY_INVALID', message: expect.stringContaining(message) });
    expect((thrown as CabooseError).hint ?? '').toContain(hint);
  });
});

test('anything gives clauses with words, or an error of its own', () => {
  const alphabet = ['a', 'b', ' ', '"', '-', ':', '\\', '*', '/', '\n', '.', 'é'];
  const outcome = (text: string): unknown => {
    try {
      return parseSearch(text).every(({ words }) => words.length > 0);
    } catch (error) {
      return error instanceof CabooseError;
    }
  };
  const texts = fc.string({ unit: fc.constantFrom(...alphabet) });
  expect(fc.check(fc.property(texts, (text) => outcome(text) === true)).counterexample).toBeNull();
});
