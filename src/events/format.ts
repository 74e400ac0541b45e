/**
 * What a stream is, told by its first bytes (and by its name or its configured encoding), so that the answer does not depend on how they
 * were cut into segments. With too few of them it is `undecided`, and they are held.
 *
 * - `text`: UTF-8, and what is close to it;
 * - `tfevents`, `wandb`: binary records, by their name or their head: framed-cutter.ts;
 * - `binary`: any other, see binary.ts. The bytes are counted as held, without events;
 * - `docker`, `cri`: what a container has written, wrapped by its runtime;
 * - `utf-16le`, `utf-16be`: by the byte order mark;
 * - `encoded`: in the encoding of the origin's label.
 */
import type { Origin } from '../core/segment.ts';
import { beginsWithTextLine, binaryHeadBytes, isBinaryHead } from './binary.ts';
import { cri, isCriHead } from './cri.ts';
import { dockerJson, isDockerHead } from './docker-json.ts';
import { encodingLabel, utf16ByMark, wrappingOf } from './encodings.ts';
import type { RecordFormat } from './framed-cutter.ts';
import { tfevents } from './tfevents.ts';
import { wandbName } from '../core/records/record-files.ts';
import { isEventFileHead } from '../core/records/tfrecord.ts';
import type { Wrapping } from './unwrapping.ts';
import { isWandbHead } from '../core/records/wandb-log.ts';
import { wandb } from './wandb.ts';

export type Format =
  | 'undecided'
  | 'text'
  | 'binary'
  | 'tfevents'
  | 'wandb'
  | 'docker'
  | 'cri'
  | 'utf-16le'
  | 'utf-16be'
  | 'encoded';

/** As TensorBoard's writers call their files (event_file_writer.py, EventsWriter::InitIfNeeded). */
const eventFileName = /(?:^|\/)events\.out\.tfevents\.[^/]*$/;

/** `isWhole`: no more bytes come, or not soon. */
export function decideFormat(origin: Origin, head: Buffer, isWhole: boolean): Format {
  const records = recordFormatOf(origin, head, isWhole);
  if (records !== null) return records;
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

function recordFormatOf(
  origin: Origin,
  head: Buffer,
  isWhole: boolean,
): 'tfevents' | 'wandb' | 'undecided' | null {
  if (eventFileName.test(origin.path)) return 'tfevents';
  if (wandbName.test(origin.path)) return 'wandb';
  const isEvents = isEventFileHead(head, isWhole);
  const isWandb = isWandbHead(head, isWhole);
  if (isEvents === true) return 'tfevents';
  if (isWandb === true) return 'wandb';
  return isWandb === null || (isEvents === null && isBinaryHead(head)) ? 'undecided' : null;
}

/** How the records of the stream are read; null where it has none. */
export function recordsFor(format: Format): RecordFormat | null {
  if (format === 'tfevents') return tfevents;
  return format === 'wandb' ? wandb : null;
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
    case 'tfevents':
    case 'wandb':
      return null;
  }
}

function encodingOf({ labels }: Origin): Wrapping | null {
  const label = labels[encodingLabel];
  return label === undefined ? null : wrappingOf(label);
}
