import type { OpenFile } from '../../src/tail/file-system.ts';
import type { AppendFile, JournalStore } from '../../src/tail/journal-store.ts';
import type { SpoolStore } from '../../src/tail/spool-store.ts';
import type { Random } from './random.ts';
import type { Life } from './scheduler.ts';

interface StoredFile {
  content: Buffer;
  /** So many bytes survive a crash of the machine. */
  durable: number;
}

/** The state directory on a disk that can be full, and that keeps of a crash what a disk keeps: any part of what was not synced. */
export class ModelJournalStore {
  /** While set, nothing can be written. */
  full = false;
  readonly #files = new Map<string, StoredFile>();
  /** What is being written right now: a crash lets any part of it be done. */
  #underWay: ((share: number) => void) | null = null;
  #removed: [string, StoredFile] | null = null;

  /** `machine`: what was not synced is lost, or torn, or kept; else only the write under way is. */
  crash(machine: boolean, random: Random): void {
    this.#underWay?.(random.chance(0.3) ? 1 : random.next());
    this.#underWay = null;
    if (!machine) return;
    for (const file of this.#files.values()) {
      const kept = random.chance(0.4) ? file.durable : random.between(file.durable, file.content.length);
      const zeros = random.chance(0.2) ? file.content.length - kept : 0;
      file.content = Buffer.concat([file.content.subarray(0, kept), Buffer.alloc(zeros)]);
      file.durable = file.content.length;
    }
    if (this.#removed && random.chance(0.5)) this.#files.set(...this.#removed);
    this.#removed = null;
  }

  view(life: Life): JournalStore {
    return {
      ...this.#common(life),
      read: async (name) => await life.step(() => Buffer.from(this.#at(name).content)),
      replace: async (name, content) => {
        await this.#write(life, (share) => {
          if (share < 0.5) return;
          this.#files.set(name, { content: Buffer.from(content), durable: content.length });
        });
      },
      append: async (name, length) =>
        await life.step(() => {
          const file = this.#at(name);
          file.content = file.content.subarray(0, length);
          return this.#appendFile(life, file);
        }),
    };
  }

  /** The same disk as the spool asks for it. `onRead` is called at each read. */
  spool(life: Life, onRead: () => void): SpoolStore {
    const common = this.#common(life);
    return {
      ...common,
      remove: async (name) => {
        await common.remove(name);
        await life.step(() => void (this.#removed = null));
      },
      append: async (name, length) =>
        await life.step(() => {
          const file = this.#files.get(name) ?? { content: Buffer.alloc(0), durable: 0 };
          file.content = file.content.subarray(0, length);
          this.#files.set(name, file);
          return this.#appendFile(life, file);
        }),
      open: async (name) =>
        await life.step(() => {
          const file = this.#files.get(name);
          return file ? openStored(life, file, onRead) : null;
        }),
      freeBytes: async () => await life.step(() => (this.full ? 0 : 1e12)),
    };
  }

  #common(life: Life): Pick<JournalStore, 'names' | 'rename' | 'remove'> {
    return {
      names: async () => await life.step(() => [...this.#files.keys()]),
      rename: async (from, to) =>
        await life.step(() => {
          const file = this.#at(from);
          this.#files.delete(from);
          this.#files.set(to, file);
        }),
      remove: async (name) =>
        await life.step(() => {
          const file = this.#files.get(name);
          if (file) this.#removed = [name, file];
          this.#files.delete(name);
        }),
    };
  }

  #appendFile(life: Life, file: StoredFile): AppendFile {
    return {
      write: async (bytes) =>
        await this.#write(life, (share) => {
          const part = bytes.subarray(0, Math.floor(bytes.length * share));
          file.content = Buffer.concat([file.content, part]);
        }),
      sync: async () => await life.step(() => void (file.durable = file.content.length)),
      close: async () => await life.step(() => undefined),
    };
  }

  /** `write` writes so large a share of what there is to write. */
  async #write(life: Life, write: (share: number) => void): Promise<void> {
    this.#underWay = write;
    await life.step(() => {
      this.#underWay = null;
      if (!this.full) write(1);
      else {
        write(0.3);
        throw Object.assign(new Error('ENOSPC, no space left on device'), { code: 'ENOSPC' });
      }
    });
  }

  #at(name: string): StoredFile {
    const file = this.#files.get(name);
    if (!file) throw Object.assign(new Error(`ENOENT, ${name}`), { code: 'ENOENT' });
    return file;
  }
}

function openStored(life: Life, file: StoredFile, onRead: () => void): OpenFile {
  const stat = {
    key: '3:1',
    dev: '3',
    ino: '1',
    mtimeMs: 0,
    birthtimeMs: 0,
    links: 1,
    kind: 'file',
  } as const;
  return {
    stat: async () => await life.step(() => ({ ...stat, size: file.content.length })),
    read: async (buffer, bufferOffset, length, position) =>
      await life.step(() => {
        onRead();
        return file.content.subarray(position, position + length).copy(buffer, bufferOffset);
      }),
    realPath: async () => null,
    close: async () => undefined,
  };
}
