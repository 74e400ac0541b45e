import { streamId } from '../../core/ids.ts';
import type { Candidate } from '../../tail/discovery.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import { headBytesMax, headOf } from '../../tail/identity.ts';
import type { Subject, UnknownFile } from './subjects.ts';

/** A file that was truncated or rewritten while state lived has a later generation; without state few are tried. */
const generationsTried = 4;
const runsMax = 100;

/**
 * Without a cut log: a stream's id is a function of the file and its first bytes, so a document of the index finds its file. Gives
 * subjects their files; returns the files of which nothing is known.
 */
export async function recogniseFiles(
  files: readonly Candidate[],
  subjects: ReadonlyMap<string, Subject>,
  source: string,
): Promise<UnknownFile[]> {
  const homeless = [...subjects.values()].filter(
    (subject) => subject.state === null && subject.source === source,
  );
  const runs = [...new Set(homeless.map(({ run }) => run))].slice(0, runsMax);
  const unknown: UnknownFile[] = [];
  for (const { paths, stat } of files) {
    const path = paths[0] ?? '';
    const subject = runs.length === 0 ? null : await streamIn(path, stat, { subjects, source, runs });
    const { key, size, mtimeMs } = stat;
    if (subject) subject.file = { path, key, size, mtimeMs, compressed: null };
    else unknown.push({ path, size });
  }
  return unknown;
}

async function streamIn(
  path: string,
  { dev, ino }: Candidate['stat'],
  known: { subjects: ReadonlyMap<string, Subject>; source: string; runs: readonly string[] },
): Promise<Subject | null> {
  const head = await readHead(path);
  if (head === null) return null;
  for (let generation = generationsTried - 1; generation >= 0; generation -= 1) {
    for (const run of known.runs) {
      const subject = known.subjects.get(streamId({ source: known.source, run, dev, ino, head, generation }));
      if (subject?.state === null) return subject;
    }
  }
  return null;
}

async function readHead(path: string): Promise<Buffer | null> {
  const file = await nodeFileSystem.open(path);
  if (!file) return null;
  try {
    const bytes = Buffer.alloc(headBytesMax);
    return headOf(bytes.subarray(0, await file.read(bytes, 0, headBytesMax, 0)));
  } finally {
    await file.close();
  }
}
