import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { directoryWatcher } from '../../src/tail/watcher.ts';

const watching = vi.hoisted(() => ({ emitter: null as EventEmitter | null }));
vi.mock('chokidar', () => ({
  watch: () => {
    watching.emitter = Object.assign(new EventEmitter(), {
      add: () => undefined,
      close: async () => undefined,
    });
    return watching.emitter;
  },
}));

describe('directoryWatcher', () => {
  it.each([
    ['ENOSPC', /fs\.inotify\.max_user_watches/],
    ['EMFILE', /fs\.inotify\.max_user_watches/],
    ['EPERM', /nothing to do/],
  ])('tells once that it does not work (%s), and goes on', async (code, hint) => {
    const told: { fields: object; message: string }[] = [];
    const logger = {
      ...silentLogger,
      warn: (fields: object, message: string) => void told.push({ fields, message }),
    };
    const woken: string[] = [];
    const watcher = directoryWatcher(['/logs'], () => true, logger);
    await watcher.start((kind, path) => void woken.push(`${kind} ${path}`));
    for (let i = 0; i < 3; i += 1)
      watching.emitter?.emit('error', Object.assign(new Error(`${code}: refused`), { code }));
    watching.emitter?.emit('change', '/logs/a.log');
    watching.emitter?.emit('unlinkDir', '/logs/sub');
    expect(woken).toEqual(['changed /logs/a.log', 'appeared /logs/sub']);
    expect(told).toEqual([
      {
        fields: {
          reason: `${code}: refused`,
          hint: expect.stringMatching(hint),
        },
        message: 'file system events are not to be had: polling finds changes',
      },
    ]);
    await watcher.close();
  });
});
