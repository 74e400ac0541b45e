import type { Clock } from '../../src/core/clock.ts';
import type { Publisher } from '../../src/core/transport.ts';
import type { CutLog } from '../../src/tail/cut-log.ts';
import type { DirectoryEntry, FileStat, FileSystem, OpenFile } from '../../src/tail/file-system.ts';
import type { JournalStore } from '../../src/tail/journal-store.ts';
import type { Program } from './program.ts';
import { deletedInAnOutage, deletedSoon, rewrittenFile } from './regressions.ts';

/** A defect, put between the tail and its models: the simulation must find it, or it is worth nothing. */
export interface Mutation {
  store?: (store: JournalStore) => JournalStore;
  cutLog?: (cutLog: CutLog) => void;
  publisher?: (publisher: Publisher) => Publisher;
  fs?: (fs: FileSystem) => FileSystem;
  clock?: (clock: Clock) => Clock;
  /** Instead of the seed's own: what it does harm to is too seldom in those. */
  program?: Program;
  /** The kind of violation that it must be found as, if only one kind shows that the rule is watched. */
  foundAs?: string;
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'cuts are not written before they are published': {
    store: (store) => ({
      ...store,
      append: async (name, length) => ({
        ...(await store.append(name, length)),
        write: async () => undefined,
      }),
    }),
  },

  'cuts are written and not synced': {
    store: (store) => ({
      ...store,
      append: async (name, length) => ({
        ...(await store.append(name, length)),
        sync: async () => undefined,
      }),
    }),
  },

  'what is sent of a short-lived file is thrown away, and descriptors are few': {
    publisher: (publisher) => ({ ...publisher, publish: async () => undefined }),
    program: deletedSoon,
    foundAs: 'silent',
  },

  'a segment is acknowledged before it is stored': {
    publisher: (publisher) => ({
      ...publisher,
      publish: async (lane, partition, segment) => {
        publisher.publish(lane, partition, segment).catch(() => undefined);
      },
    }),
  },

  'the anchor is not kept': {
    cutLog: (cutLog) => {
      const cut = cutLog.cut.bind(cutLog);
      cutLog.cut = (state, made) => cut(state, { ...made, anchor: null });
    },
  },

  'a deleted file is not read to its end': {
    fs: (fs) => openedAs(fs, withoutDeletedBytes),
  },

  'a file ends at its first hole of zeros': {
    fs: (fs) => openedAs(fs, withoutWhatIsBehindZeros),
  },

  'a file that is copied up is another one': {
    fs: (fs) => openedAs(fs, (file) => ({ ...file, realPath: async () => null })),
  },

  'a directory is listed once': {
    fs: (fs) => {
      const listed = new Map<string, DirectoryEntry[] | null>();
      return {
        ...passedOn(fs),
        readDirectory: async (path) => {
          const entries = listed.get(path) ?? (await fs.readDirectory(path));
          listed.set(path, entries);
          return entries;
        },
      };
    },
  },

  'a generation is used again': {
    cutLog: (cutLog) => {
      cutLog.nextGeneration = () => 0;
    },
  },

  'a stream is forgotten when it is final': {
    cutLog: (cutLog) => {
      const ack = cutLog.ack.bind(cutLog);
      cutLog.ack = (state, cut) => {
        ack(state, cut);
        if (cut.final) cutLog.forget(state);
      };
    },
  },

  'the time of a cut is not kept': {
    cutLog: (cutLog) => {
      const cut = cutLog.cut.bind(cutLog);
      cutLog.cut = (state, made) => cut(state, { ...made, observed: made.observed + state.pending.length });
    },
  },

  'a descriptor is not closed': {
    fs: (fs) => openedAs(fs, (file) => ({ ...file, close: async () => undefined })),
    foundAs: 'leak',
  },

  'a segment is handed over again and again': {
    publisher: (publisher) => ({
      ...publisher,
      publish: async (...segment) => {
        await publisher.publish(...segment);
        const again = async (): Promise<void> => await publisher.publish(...segment).then(again);
        again().catch(() => undefined);
      },
    }),
    foundAs: 'ack',
  },

  'an ack is not noted': {
    cutLog: (cutLog) => {
      cutLog.ack = () => undefined;
    },
    foundAs: 'lag',
  },

  'a sleep is over at once': {
    clock: (clock) => ({
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: async (ms, signal) => await clock.sleep(Math.min(ms, 10), signal),
    }),
    foundAs: 'rest',
  },

  'the cut log is never closed': {
    cutLog: (cutLog) => {
      cutLog.close = async () => await new Promise<never>(() => undefined);
    },
    foundAs: 'stop',
  },

  'a file is opened for each look alone': {
    fs: (fs) => ({
      ...passedOn(fs),
      open: async (path) => {
        const file = await fs.open(path);
        await file?.close();
        return file && byPath(fs, path);
      },
    }),
    program: deletedInAnOutage,
    foundAs: 'dropped',
  },

  'what a state adds up to is not kept': {
    cutLog: (cutLog) => {
      const cut = cutLog.cut.bind(cutLog);
      cutLog.cut = (state, made) => cut(state, made.sum === undefined ? made : { ...made, sum: 0 });
    },
    program: rewrittenFile,
    foundAs: 'state',
  },

  'a stream is called final at each of its cuts': {
    cutLog: (cutLog) => {
      const cut = cutLog.cut.bind(cutLog);
      cutLog.cut = (state, made) => cut(state, { ...made, final: true });
    },
    foundAs: 'final',
  },
};

function passedOn(fs: FileSystem): FileSystem {
  return {
    stat: async (path) => await fs.stat(path),
    readDirectory: async (path) => await fs.readDirectory(path),
    realPath: async (path) => await fs.realPath(path),
    open: async (path) => await fs.open(path),
  };
}

function openedAs(fs: FileSystem, change: (file: OpenFile) => OpenFile): FileSystem {
  return {
    ...passedOn(fs),
    open: async (path) => {
      const file = await fs.open(path);
      return file && change(file);
    },
  };
}

/** Nothing is held: what its path leads to is looked at, and nothing where it leads nowhere. */
function byPath(fs: FileSystem, path: string): OpenFile {
  let last: FileStat | null = null;
  const look = async <T>(at: (file: OpenFile) => Promise<T>, none: T): Promise<T> => {
    const file = await fs.open(path);
    if (file === null) return none;
    last = await file.stat();
    const found = await at(file);
    await file.close();
    return found;
  };
  return {
    stat: async () => {
      await look(async () => undefined, undefined);
      if (last === null) throw new Error(`${path} was never there`);
      return last;
    },
    read: async (...range) => await look(async (file) => await file.read(...range), 0),
    realPath: async () => await fs.realPath(path),
    close: async () => undefined,
  };
}

function withoutWhatIsBehindZeros(file: OpenFile): OpenFile {
  return {
    ...file,
    read: async (buffer, bufferOffset, length, position) => {
      const got = await file.read(buffer, bufferOffset, length, position);
      const hole = buffer.subarray(bufferOffset, bufferOffset + got).indexOf(Buffer.alloc(64));
      return hole === -1 ? got : hole;
    },
  };
}

function withoutDeletedBytes(file: OpenFile): OpenFile {
  return {
    ...file,
    read: async (buffer, bufferOffset, length, position) => {
      const { links } = await file.stat();
      return links === 0 ? 0 : await file.read(buffer, bufferOffset, length, position);
    },
  };
}
