import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { Comparison } from '../../src/tail/comparison.ts';
import type { CompressedFiles } from '../../src/tail/compressed-files.ts';
import { followedFile } from '../../src/tail/followed-file.ts';
import { Orphans } from '../../src/tail/orphans.ts';
import { MemoryFiles } from './memory-files.ts';
import { cutOf, recordOf, stateOf } from './stream-state.ts';

const nothingIsHidden = (): boolean => false;

function orphansOf(states: Parameters<typeof stateOf>[1][]) {
  const { fs } = new MemoryFiles();
  const compressed = { isPending: () => false } as unknown as CompressedFiles;
  const streams = states.map((more) => stateOf([cutOf(0, 10)], more));
  const comparison = new Comparison(fs, silentLogger);
  return { streams, orphans: new Orphans(streams, { compressed, comparison }) };
}

const at = (ino: string) => ({ record: recordOf(ino.repeat(32), { dev: '1', ino }) });
const someFile = () =>
  followedFile(
    '/logs/copy.log',
    {
      key: '1:9',
      dev: '1',
      ino: '9',
      size: 10,
      mtimeMs: 0,
      birthtimeMs: 0,
      links: 1,
      kind: 'file',
    },
    0,
  );

describe('orphans', () => {
  it('are the missing streams that a walk did not find, until they are given up', () => {
    const { streams, orphans } = orphansOf([at('2'), at('3')]);
    orphans.found(streams[1]!);
    orphans.beginScan();
    orphans.endScan(0, nothingIsHidden);
    orphans.addMissing();
    expect(streams.map((stream) => orphans.includes(stream))).toEqual([true, false]);
    for (let scan = 0; scan < 4; scan += 1) orphans.beginScan();
    expect(orphans.giveUp()).toEqual([]);
    orphans.endScan(60_000, nothingIsHidden);
    expect(orphans.giveUp().map(({ stream }) => stream)).toEqual([streams[0]]);
    expect(orphans.missingAt('1:2')).toEqual([]);
  });

  it('are due neither to be looked for at once nor to be given up where the walk could not look', () => {
    const { streams, orphans } = orphansOf([at('2')]);
    const look = (now: number, isHidden: boolean) => {
      orphans.beginScan();
      orphans.endScan(now, () => isHidden);
      orphans.addMissing();
      return orphans.giveUp().map(({ stream }) => stream);
    };
    look(0, false);
    for (let walk = 1; walk < 5; walk += 1) expect(look(20_000 + walk, true)).toEqual([]);
    expect(orphans.areDue).toBe(false);
    expect(look(30_000, false)).toEqual(streams);
  });

  it('go to a file of another family when their own has had the time to come back, to one of theirs at once', () => {
    const { orphans, streams } = orphansOf([at('2')]);
    const walk = (now: number) => {
      orphans.beginScan();
      orphans.endScan(now, nothingIsHidden);
      orphans.addMissing();
    };
    const stat = { ...someFile(), links: 1, kind: 'file' as const };
    const path = streams[0]?.record.path ?? '';
    const mayGo = (to: string): boolean => {
      const orphan = orphans.add(
        { stream: streams[0]!, lastSize: 10, successor: null, unsent: [], unwatched: true },
        10_000,
      );
      for (let scan = 1; scan < 4; scan += 1) walk(scan);
      return orphans.mayGoTo({ paths: [to], stat }, orphan);
    };
    walk(0);
    expect(mayGo(`${path}.1`)).toBe(true);
    expect(mayGo('/logs/other/copy.log')).toBe(false);
    const other = { paths: ['/logs/other/copy.log'], stat };
    const orphan = orphans.add(
      { stream: streams[0]!, lastSize: 10, successor: null, unsent: [], unwatched: true },
      10_000,
    );
    for (let scan = 1; scan < 4; scan += 1) walk(5_000 + scan);
    expect(orphans.mayGoTo(other, orphan)).toBe(true);
    // The other may be gone before the stream is given up.
    expect(orphans.giveUp()).not.toContain(orphan);
  });

  it('are missing no more when a copy has taken them over, whose place their record has by then', () => {
    const { streams, orphans } = orphansOf([at('2')]);
    const [stream] = streams as [(typeof streams)[0]];
    const orphan = orphans.add({ stream, lastSize: 10, successor: null, unsent: [], unwatched: true });
    stream.record.ino = '9';
    orphans.placed(orphan, someFile());
    expect(orphans.missingAt('1:2')).toEqual([]);
    expect(orphans.includes(stream)).toBe(false);
  });
});
