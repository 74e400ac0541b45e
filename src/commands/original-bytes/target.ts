import { resolve } from 'node:path';
import { rotationFamily } from '../../core/rotation-family.ts';
import { holdsResources } from '../../core/resources.ts';
import type { SegmentHeader } from '../../core/segment.ts';

/** In the order in which a meaning wins when a word fits several: a stream, a run, this very path, the end of a path. */
export const meanings = ['stream', 'run', 'file', 'file-name'] as const;
export type Meaning = (typeof meanings)[number];

/** What `caboose cat WORD` can mean for a stream; null: nothing. Sees the header alone. */
export function targetOf(word: string, cwd: string): (header: SegmentHeader) => Meaning | null {
  const path = resolve(cwd, word);
  const suffix = `/${word.replace(/^(?:\.?\/)+/, '')}`;
  const isPath = word.startsWith('/') || word.startsWith('./') || word.startsWith('../');
  const id = /^[0-9a-f]{32}$/.test(word) ? word : null;
  return (header) => {
    if (header.stream === id) return 'stream';
    if (header.run === word && !isPath && !holdsResources(header)) return 'run';
    if (header.path === path || rotationFamily(header.path) === path) return 'file';
    return !isPath && header.path.endsWith(suffix) ? 'file-name' : null;
  };
}

/** Whether `a` wins over `b`. */
export function winsOver(a: Meaning, b: Meaning): boolean {
  return meanings.indexOf(a) < meanings.indexOf(b);
}
