import { describe, expect, it } from 'vitest';
import { segmentBytesMax } from '../../src/core/segment.ts';
import type { FileStat } from '../../src/tail/file-system.ts';
import { followedFile } from '../../src/tail/followed-file.ts';
import type { FollowedFile } from '../../src/tail/followed-file.ts';
import { ReadingTurns } from '../../src/tail/reading-turns.ts';

const fileOf = (path: string): FollowedFile => followedFile(path, {} as FileStat, 0);
const turnsOf = (): ReadingTurns =>
  new ReadingTurns(segmentBytesMax, ({ path }) => (path.startsWith('err') ? 'fast' : 'bulk'));
const always = (): boolean => true;

/** So many turns, each of a whole segment, of files that never end; the names in order. */
function read(turns: ReadingTurns, count: number, hasRoom = always, mayRead = always): string[] {
  const names: string[] = [];
  while (names.length < count) {
    const file = turns.next(hasRoom, mayRead);
    if (!file) break;
    names.push(file.path);
    turns.took(file, segmentBytesMax);
    turns.again(file);
  }
  return names;
}

describe('ReadingTurns', () => {
  it('reads a segment of each file in turn, and goes on with the next one in the next round', () => {
    const turns = turnsOf();
    const files = ['a', 'b', 'c'].map(fileOf);
    turns.begin(files);
    expect(read(turns, 4)).toEqual(['a', 'b', 'c', 'a']);
    turns.begin(files);
    expect(read(turns, 4)).toEqual(['b', 'c', 'a', 'b']);
  });

  it('lets a file that is new go before those that had a turn', () => {
    const turns = turnsOf();
    const files = ['a', 'b'].map(fileOf);
    turns.begin(files);
    read(turns, 5);
    turns.begin([...files, fileOf('new')]);
    expect(read(turns, 1)).toEqual(['new']);
  });

  it('reads the fast lane first, and bulk a quarter of the time', () => {
    const turns = turnsOf();
    turns.begin([fileOf('bulk'), fileOf('err')]);
    const names = read(turns, 40);
    expect(names.slice(0, 3)).toEqual(['err', 'err', 'err']);
    expect(names.filter((name) => name === 'bulk')).toHaveLength(10);
  });

  it('leaves a lane without room alone', () => {
    const turns = turnsOf();
    turns.begin([fileOf('bulk'), fileOf('err')]);
    expect(read(turns, 3, (lane?: string) => lane !== 'fast')).toEqual(['bulk', 'bulk', 'bulk']);
  });

  it('reads bulk that is over budget only as far as the fast lane, which is not, owes it its share', () => {
    const turns = turnsOf();
    turns.begin([fileOf('bulk'), fileOf('err')]);
    const names = read(turns, 40, always, (lane?: string) => lane !== 'bulk');
    expect(names.filter((name) => name === 'bulk')).toHaveLength(10);
    turns.begin([fileOf('bulk')]);
    expect(read(turns, 1, always, (lane?: string) => lane !== 'bulk')).toEqual([]);
  });

  it('reads nothing while even the fast lane is over budget', () => {
    const turns = turnsOf();
    turns.begin([fileOf('bulk'), fileOf('err')]);
    expect(read(turns, 1, always, () => false)).toEqual([]);
  });
});
