import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import type { Descriptors } from './descriptors.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import { followedFile } from './followed-file.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import type { FollowedFiles } from './followed-files.ts';

/** How a stream comes to a file: one that was found, or another one that is followed. */
export interface SuccessionOptions {
  files: FollowedFiles;
  cutLog: CutLog;
  descriptors: Descriptors;
}

/** What is known of a stream from where it was before. */
export type Known = Pick<FollowedFile, 'unsent' | 'unwatched'>;

export const nothingUnsent: Known = { unsent: [], unwatched: false };

export class Succession {
  readonly #options: SuccessionOptions;

  constructor(options: SuccessionOptions) {
    this.#options = options;
  }

  /** The candidate is followed from now on, and has the stream. `now` is monotonic ms. */
  attach(candidate: Candidate, stream: StreamState, known: Known, now: number): FollowedFile {
    const file = fileOf(candidate, now);
    file.stream = stream;
    file.unsent = known.unsent;
    file.unwatched = known.unwatched;
    const { record } = stream;
    if (candidate.paths.includes(record.path)) file.path = record.path;
    const isThere = file.path === record.path && record.ino === file.ino && record.dev === file.dev;
    if (!isThere || file.compressed !== (record.compressed ?? null)) {
      this.#options.cutLog.setPlace(stream, file);
    }
    this.#options.files.add(file);
    return file;
  }

  /** Nothing was cut yet: all is read from the copy. */
  attachUncut(candidate: Candidate, { predecessor, previous }: FollowedFile, now: number): FollowedFile {
    const file = Object.assign(fileOf(candidate, now), { predecessor, previous });
    this.#options.files.add(file);
    return file;
  }

  /** A file of which nothing was cut, and which is followed, has the stream from now on. */
  give(file: FollowedFile, { stream, unsent, unwatched }: Orphan): void {
    file.stream = stream;
    file.previous = null;
    file.predecessor = null;
    file.waitsFor = null;
    file.isHeld = false;
    file.leaving = true;
    file.unsent = unsent;
    file.unwatched = unwatched;
    this.#options.cutLog.setPlace(stream, file);
  }

  /** The stream is another file's now. */
  async replace(original: FollowedFile, by: FollowedFile): Promise<void> {
    const { files, descriptors } = this.#options;
    for (const file of files) if (file.predecessor === original) file.predecessor = by;
    files.remove(original);
    original.stream = null;
    await descriptors.close(original);
  }
}

/** `now` is monotonic ms. */
export function fileOf(candidate: Candidate, now: number): FollowedFile {
  return followedFile(pathOf(candidate), candidate.stat, now, candidate.compressed?.place);
}
