import type { OpenFile } from '../../src/tail/file-system.ts';
import type { AppendFile, JournalStore } from '../../src/tail/journal-store.ts';
import type { SpoolStore } from '../../src/tail/spool-store.ts';

/** A directory in memory, for the cut log and for the spool. `before` is asked at each call, and may throw as a full disk does. */
export class MemoryDirectory {
  readonly files: Map<string, Buffer>;
  before: (call: string) => void = () => undefined;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.files = new Map(files);
  }

  get journalStore(): JournalStore {
    return {
      ...this.#common,
      read: async (name) => {
        this.before('read');
        return Buffer.from(this.#file(name));
      },
      replace: async (name, content) => {
        this.before('replace');
        this.files.set(name, Buffer.from(content));
      },
    };
  }

  get spoolStore(): SpoolStore {
    return {
      ...this.#common,
      open: async (name) => {
        this.before('open');
        return this.files.has(name) ? this.#openFile(name) : null;
      },
      freeBytes: async () => {
        this.before('freeBytes');
        return Infinity;
      },
    };
  }

  get #common() {
    return {
      names: async () => [...this.files.keys()],
      append: async (name: string, length: number) => {
        this.before('append');
        this.files.set(name, (this.files.get(name) ?? Buffer.alloc(0)).subarray(0, length));
        return this.#appendFile(name);
      },
      rename: async (from: string, to: string) => {
        this.before('rename');
        this.files.set(to, this.#file(from));
        this.files.delete(from);
      },
      remove: async (name: string) => {
        this.before('remove');
        this.files.delete(name);
      },
    };
  }

  #file(name: string): Buffer {
    const bytes = this.files.get(name);
    if (!bytes) throw Object.assign(new Error(`no such file: ${name}`), { code: 'ENOENT' });
    return bytes;
  }

  #appendFile(name: string): AppendFile {
    return {
      write: async (bytes) => {
        try {
          this.before('write');
        } catch (error) {
          // A disk that runs full takes a part.
          this.files.set(name, Buffer.concat([this.#file(name), bytes.subarray(0, 7)]));
          throw error;
        }
        this.files.set(name, Buffer.concat([this.#file(name), bytes]));
      },
      sync: async () => this.before('sync'),
      close: async () => undefined,
    };
  }

  #openFile(name: string): OpenFile {
    const stat = {
      key: name,
      dev: '1',
      ino: name,
      mtimeMs: 0,
      birthtimeMs: 0,
      links: 1,
      kind: 'file' as const,
    };
    return {
      stat: async () => ({ ...stat, size: this.files.get(name)?.length ?? 0 }),
      read: async (buffer, bufferOffset, length, position) =>
        this.files
          .get(name)
          ?.subarray(position, position + length)
          .copy(buffer, bufferOffset) ?? 0,
      realPath: async () => null,
      close: async () => undefined,
    };
  }
}
