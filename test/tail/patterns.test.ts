import { describe, expect, it } from 'vitest';
import { compilePatterns, isBelow } from '../../src/tail/patterns.ts';

describe('what is followed', () => {
  it.each([
    ['/logs/*.log', '/logs/a.log', true],
    ['/logs/*.log', '/logs/deep/a.log', false],
    ['/logs/**/*.log', '/logs/a.log', true],
    ['/logs/**/*.log', '/logs/x/y/a.log', true],
    ['/logs/**/*.log', '/logs/x/y/a.log.1', false],
    ['/logs/**/*.log', '/logs/.hidden/.a.log', true],
    ['/logs/rank[0-3].log', '/logs/rank2.log', true],
    ['/logs/rank[0-3].log', '/logs/rank4.log', false],
    ['/logs/rank?.log', '/logs/rank10.log', false],
    ['/logs/*.{out,err}', '/logs/a.err', true],
    ['/logs/*.{out,err}', '/logs/a.log', false],
    ['/logs/train.log', '/logs/train.log', true],
    ['/logs/train.log', '/logs/trainXlog', false],
    [String.raw`/runs/\[1\]/*.log`, '/runs/[1]/a.log', true],
    [String.raw`/runs/\[1\]/*.log`, '/runs/1/a.log', false],
    ['logs/*.log', '/work/logs/a.log', true],
    ['../*.log', '/a.log', true],
  ])('%s and %s: %s', (include, path, expected) => {
    expect(compilePatterns([include], [], '/work').matches(path)).toBe(expected);
  });

  it.each([
    ['**/*.tmp', '/logs/x/a.tmp', false],
    ['**/*.tmp', '/logs/x/a.log', true],
    ['/logs/old/**', '/logs/old/a.log', false],
    ['/logs/old/**', '/logs/older/a.log', true],
    ['old/**', '/logs/old/a.log', false],
    ['**/.git/**', '/logs/x/.git/config', false],
  ])('without %s, %s: %s', (exclude, path, expected) => {
    expect(compilePatterns(['/logs/**'], [exclude], '/logs').matches(path)).toBe(expected);
  });

  it('a path need match only one of many', () => {
    const { matches } = compilePatterns(['/a/*.log', '/b/*.out'], ['/b/x.*', '/a/y.*'], '/');
    expect(['/a/x.log', '/b/y.out', '/b/x.out', '/a/y.log'].filter(matches)).toEqual([
      '/a/x.log',
      '/b/y.out',
    ]);
  });
});

describe('where it is looked for', () => {
  it.each([
    [['/logs/*.log'], ['/logs']],
    [['/logs/**/*.log'], ['/logs']],
    [['/logs/{a,b}/*.log'], ['/logs']],
    [['/logs/train.log'], ['/logs/train.log']],
    [['/**/*.log'], ['/']],
    [['*.log'], ['/work']],
    [['/logs/a/*', '/logs/**', '/logs/b/*'], ['/logs']],
    [['/logs/*.log', '/logs/*.out'], ['/logs']],
    [
      ['/log/*', '/logs/*'],
      ['/log', '/logs'],
    ],
    [['/**/*.log', '/logs/*'], ['/']],
    // An escaped character is a plain one in the path: else a directory named so is never found.
    [[String.raw`/runs/\[1\] \(x\)/**/*.log`], ['/runs/[1] (x)']],
    [[String.raw`/runs/a\{1\}.log`], ['/runs/a{1}.log']],
    [[String.raw`/runs/\{x\}/*.log`], ['/runs/{x}']],
    [['/runs/a{b/c,d}/*.log'], ['/runs']],
    [['/runs/@a/b+/c!/*.log'], ['/runs/@a/b+/c!']],
    [[], []],
  ])('%j: %j', (include, roots) => {
    expect(compilePatterns(include, [], '/work').roots).toEqual(roots);
  });
});

describe('a directory is left out', () => {
  it.each([
    ['/logs/old/**', '/logs/old', true],
    ['/logs/old/**', '/logs/old/deep', true],
    ['/logs/old/**', '/logs', false],
    ['**/checkpoints/**', '/logs/run/checkpoints', true],
    ['**/checkpoints/**', '/logs/run', false],
    ['**/*.tmp', '/logs/run', false],
    // These leave out files of one name or kind, and not what else lies beside them.
    ['**/x', '/logs/run', false],
    ['**/[a-z]', '/logs/run', false],
    ['**/?', '/logs/run', false],
    ['/logs/run/*.log', '/logs/run', false],
  ])('by %s: %s %s', (exclude, directory, expected) => {
    expect(compilePatterns(['/logs/**'], [exclude], '/').prunes(directory)).toBe(expected);
  });
});

it.each([
  ['/logs', '/logs', true],
  ['/logs/a', '/logs', true],
  ['/logs2/a', '/logs', false],
  ['/log', '/logs', false],
  ['/anything', '/', true],
])('%s lies below %s: %s', (path, root, expected) => expect(isBelow(path, root)).toBe(expected));
