import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { Descriptors } from '../../src/tail/descriptors.ts';
import type { OpenFile } from '../../src/tail/file-system.ts';
import { followedFile } from '../../src/tail/followed-file.ts';

function unread(ino: string) {
  const stat = { key: `1:${ino}`, dev: '1', ino, size: 10, mtimeMs: 1, birthtimeMs: 1, links: 1 };
  return followedFile(`/logs/${ino}.log`, { ...stat, kind: 'file' }, 0);
}

function handle(): OpenFile {
  return {
    stat: async () => await Promise.reject(new Error('not asked for')),
    read: async () => 0,
    realPath: async () => null,
    close: async () => undefined,
  };
}

describe('descriptors', () => {
  const [waits, other] = [unread('1'), unread('2')];
  waits.predecessor = unread('3');

  it.each([
    ['is to be read now', true, [null, 'open']],
    ['is only to be held', false, ['open', 'open']],
  ])('of files that wait for another are given to one that %s: %s', async (_, isNext, after) => {
    const descriptors = new Descriptors(2, silentLogger);
    for (const file of [waits, other]) descriptors.opened(file, handle());
    expect(await descriptors.makeRoom(isNext)).toBe(isNext);
    expect([waits, other].map((file) => file.handle && 'open')).toEqual(after);
  });

  it('that were wanted are told of once, however late somebody asks', async () => {
    const descriptors = new Descriptors(1, silentLogger);
    descriptors.opened({ ...waits, gone: true }, handle());
    await descriptors.makeRoom(true);
    descriptors.takeWaiting();
    expect([descriptors.takeShortage(), descriptors.takeShortage()]).toEqual([true, false]);
  });

  it('of files that are gone are not given away, for nothing else has their bytes', async () => {
    const descriptors = new Descriptors(1, silentLogger);
    descriptors.opened(waits, handle());
    waits.gone = true;
    expect(await descriptors.makeRoom(true)).toBe(false);
  });
});
