import { maskFile } from '../../core/redaction/mask-records.ts';
import { lookBackBytes } from '../../core/redaction/mask.ts';
import { readRedaction } from '../../core/redaction/rule-book.ts';
import type { RuleBook } from '../../core/redaction/rule-book.ts';
import type { Segment } from '../../core/segment.ts';
import { DecompressedFile } from '../../tail/decompressed-file.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import type { OpenFile } from '../../tail/file-system.ts';
import type { ByteRange } from './byte-ranges.ts';
import type { SubjectFile } from './subjects.ts';

/** Reads files to compare them with what was carried; keeps a few open, for records of many files come in turns. */
const openFilesMax = 64;

export class FileComparer {
  readonly #book: RuleBook;
  /** By key; the least recently used first. Null: another file is in its place now. */
  readonly #open = new Map<string, OpenFile | null>();

  /** `book`: the rules by which segments were masked. */
  constructor(book: RuleBook) {
    this.#book = book;
  }

  /**
   * The range in which the file holds other bytes, as narrow as it is; null where it holds the same. What lies beyond the file's
   * end is no difference: it was truncated, which its size tells.
   */
  async difference(
    file: SubjectFile,
    segment: Pick<Segment, 'path' | 'start' | 'bytes' | 'redact'>,
  ): Promise<ByteRange | null> {
    const { start, bytes } = segment;
    const handle = bytes.length === 0 ? null : await this.#handleOf(file);
    if (!handle) return null;
    if (file.compressed && start + bytes.length > file.compressed.size) return null;
    const before = Math.min(start, lookBackBytes);
    const window = Buffer.allocUnsafe(before + bytes.length);
    const got = (await handle.read(window, 0, window.length, start - before)) - before;
    if (got <= 0) return null;
    const now = this.#asCarried(window.subarray(0, before + got), before, segment);
    if (now.equals(bytes.subarray(0, got))) return null;
    let first = 0;
    while (now[first] === bytes[first]) first += 1;
    let last = got;
    while (now[last - 1] === bytes[last - 1]) last -= 1;
    return { start: start + first, end: start + last };
  }

  /** The file's bytes, masked as the segment's are. Where that is not known, each `*` of the segment stands for any byte. */
  #asCarried(
    window: Buffer,
    before: number,
    { path, start, bytes, redact }: Pick<Segment, 'path' | 'start' | 'bytes' | 'redact'>,
  ): Buffer {
    const redaction = readRedaction(redact);
    if (redaction?.place !== 'source') return window.subarray(before);
    const rules = this.#book.of(redaction.version);
    // Of a file that is shorter now, the last line may have been longer: what is masked at its end hangs on that.
    const isWhole = window.length - before === bytes.length;
    if (rules && isWhole)
      return maskFile(path, { window, from: before, offset: start - before }, rules).bytes;
    const now = Buffer.from(window.subarray(before));
    for (let at = bytes.indexOf(star); at !== -1 && at < now.length; at = bytes.indexOf(star, at + 1))
      now[at] = star;
    return now;
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

const star = 0x2a;

/** Null when the file was renamed or replaced meanwhile: another one's bytes say nothing of it. */
async function openSame({ path, key, compressed }: SubjectFile): Promise<OpenFile | null> {
  const handle = await nodeFileSystem.open(path);
  if (!handle) return null;
  if ((await handle.stat()).key === key)
    return compressed ? new DecompressedFile(handle, compressed) : handle;
  await handle.close();
  return null;
}
