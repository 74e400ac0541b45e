import { DecompressedFile } from '../../tail/decompressed-file.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import type { OpenFile } from '../../tail/file-system.ts';
import type { ByteRange } from './byte-ranges.ts';
import type { SubjectFile } from './subjects.ts';

/** Reads files to compare them with what was carried; keeps a few open, for records of many files come in turns. */
const openFilesMax = 64;

export class FileComparer {
  /** By key; the least recently used first. Null: another file is in its place now. */
  readonly #open = new Map<string, OpenFile | null>();

  /**
   * The range in which the file holds other bytes, as narrow as it is; null where it holds the same. What lies beyond the file's
   * end is no difference: it was truncated, which its size tells.
   */
  async difference(file: SubjectFile, start: number, bytes: Buffer): Promise<ByteRange | null> {
    const handle = bytes.length === 0 ? null : await this.#handleOf(file);
    if (!handle) return null;
    if (file.compressed && start + bytes.length > file.compressed.size) return null;
    const now = Buffer.allocUnsafe(bytes.length);
    const got = await handle.read(now, 0, bytes.length, start);
    if (now.subarray(0, got).equals(bytes.subarray(0, got))) return null;
    let first = 0;
    while (now[first] === bytes[first]) first += 1;
    let last = got;
    while (now[last - 1] === bytes[last - 1]) last -= 1;
    return { start: start + first, end: start + last };
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await handle?.close();
    this.#open.clear();
  }

  async #handleOf(file: SubjectFile): Promise<OpenFile | null> {
    const known = this.#open.get(file.key);
    this.#open.delete(file.key);
    const handle = known === undefined ? await openSame(file) : known;
    this.#open.set(file.key, handle);
    const [oldest] = this.#open;
    if (this.#open.size > openFilesMax && oldest) {
      this.#open.delete(oldest[0]);
      await oldest[1]?.close();
    }
    return handle;
  }
}

/** Null when the file was renamed or replaced meanwhile: another one's bytes say nothing of it. */
async function openSame({ path, key, compressed }: SubjectFile): Promise<OpenFile | null> {
  const handle = await nodeFileSystem.open(path);
  if (!handle) return null;
  if ((await handle.stat()).key === key)
    return compressed ? new DecompressedFile(handle, compressed) : handle;
  await handle.close();
  return null;
}
