import { describe, expect, it } from 'vitest';
import { moment } from '../../src/commands/command.ts';
import { queryOf } from '../../src/commands/search.ts';

const now = Date.UTC(2026, 10, 23, 12);
const args = (values: Record<string, string>, ...positionals: string[]) => ({ values, positionals });

describe('the query', () => {
  it('holds the words and the options', () => {
    expect(
      queryOf(args({ run: 'r', rank: '3', level: 'WARNING', since: '2h', limit: '5' }, 'cuda', 'error'), now),
    ).toEqual({
      clauses: [expect.objectContaining({ words: ['cuda'] }), expect.objectContaining({ words: ['error'] })],
      run: 'r',
      rank: 3,
      level: 'warn',
      since: now - 7_200_000,
      limit: 5,
      order: 'newest',
    });
  });

  it('matches everything when it is empty', () => {
    expect(queryOf(args({}), now)).toEqual({ clauses: [], limit: 100, order: 'newest' });
  });
});

describe('a time', () => {
  it.each([
    ['90s', now - 90_000],
    ['3d', now - 259_200_000],
    ['2026-11-23', Date.UTC(2026, 10, 23)],
    ['2026-11-23T10:00', Date.UTC(2026, 10, 23, 10)],
    ['2026-11-23 10:00:01.5', Date.UTC(2026, 10, 23, 10, 0, 1, 500)],
    ['2026-11-23T10:00:00+02:00', Date.UTC(2026, 10, 23, 8)],
  ])('%s is understood', (value, expected) =>
    expect(moment(args({ since: value }), 'since', now)).toBe(expected),
  );

  it.each(['', '2', '2 h', '-2h', '2026-13-01', '1764000000', '2026-11-23T25:00'])('%j is not', (value) => {
    expect(() => moment(args({ since: value }), 'since', now)).toThrow('is no time');
  });
});
