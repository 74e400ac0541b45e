/**
 * What a stream is, told by its first bytes alone (and by its configured encoding), so that the answer does not depend on how they
 * were cut into segments. With too few of them it is `undecided`, and they are held.
 *
 * - `text`: UTF-8, and what is close to it;
 * - `binary`: see binary.ts. The bytes are counted as held, without events;
 * - `docker`, `cri`: what a container has written, wrapped by its runtime;
 * - `utf-16le`, `utf-16be`: by the byte order mark;
 * - `encoded`: in the encoding of the origin's label.
 */
import type { Origin } from '../core/segment.ts';
import { beginsWithTextLine, binaryHeadBytes, isBinaryHead } from './binary.ts';
import { cri, isCriHead } from './cri.ts';
import { dockerJson, isDockerHead } from './docker-json.ts';
import { encodingLabel, utf16ByMark, wrappingOf } from './encodings.ts';
import type { Wrapping } from './unwrapping.ts';

export type Format = 'undecided' | 'text' | 'binary' | 'docker' | 'cri' | 'utf-16le' | 'utf-16be' | 'encoded';

/** `isWhole`: no more bytes come, or not soon. */
export function decideFormat(origin: Origin, head: Buffer, isWhole: boolean): Format {
  const marked = utf16ByMark(head);
  if (marked !== null) return marked;
  const first = head.subarray(0, binaryHeadBytes);
  if (isBinaryHead(first)) return 'binary';
  const isDocker = isDockerHead(head);
  const isCri = isCriHead(head);
  if (isDocker === true) return 'docker';
  if (isCri === true) return 'cri';
  if (!isWhole && head.length < binaryHeadBytes && !beginsWithTextLine(first)) return 'undecided';
  if (!isWhole && (isDocker === null || isCri === null)) return 'undecided';
  return encodingOf(origin) === null ? 'text' : 'encoded';
}

/** How the stream is unwrapped; null where it is text as it stands. */
export function wrappingFor(format: Format, origin: Origin): Wrapping | null {
  switch (format) {
    case 'docker':
      return dockerJson;
    case 'cri':
      return cri;
    case 'utf-16le':
    case 'utf-16be':
      return wrappingOf(format);
    case 'encoded':
      return encodingOf(origin);
    case 'undecided':
    case 'text':
    case 'binary':
      return null;
  }
}

function encodingOf({ labels }: Origin): Wrapping | null {
  const label = labels[encodingLabel];
  return label === undefined ? null : wrappingOf(label);
}
