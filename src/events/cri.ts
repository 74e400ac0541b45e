/**
 * The log format of the Kubernetes container runtime interface (containerd, CRI-O):
 * `2026-11-23T10:34:00.144273709Z stdout F text`. `P` is a part of a line, of which more follows; a last line without an end stays
 * `P`. Further tags may follow behind a colon. Times drop the zeros at their end and so vary in length
 * (containerd internal/cri/io/logger.go; kubernetes design-proposals, kubelet-cri-logging).
 */
import { readIsoTime } from './iso-time.ts';
import { RunList } from './places.ts';
import type { Unwrapped, Wrapping } from './unwrapping.ts';

const newline = 0x0a;
const headBytesMax = 96;
const recordHead =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::[^ \n]{0,32})?(?: |(?=\r?\n?$))/;
/** A beginning of such a head, as far as it is told from other lines that begin with a time. */
const headBeginning =
  /^[\d-]{0,10}(?:T[\d:.]{0,18}(?:Z|[+-][\d:]{0,5})?(?: s?t?d?[a-z]{0,3}(?: [PF]?(?::[^ \n]{0,32})?)?)?)?$/;

export const cri: Wrapping = {
  recordEnd: (bytes, from) => bytes.indexOf(newline, from) + 1,
  recordBytesMax: 256 * 1024,
  unwrap: unwrapCri,
};

/** Whether a stream that begins so is of this format; null while that is open. */
export function isCriHead(head: Buffer): boolean | null {
  const lineEnd = head.indexOf(newline);
  const end = Math.min(headBytesMax, lineEnd < 0 ? head.length : lineEnd);
  const text = head.toString('latin1', 0, end);
  if (lineEnd < 0 && end < headBytesMax && headBeginning.test(text)) return null;
  return recordHead.test(text);
}

function unwrapCri(record: Buffer): Unwrapped | null {
  const found = recordHead.exec(record.toString('latin1', 0, headBytesMax));
  const time = found === null ? null : readIsoTime(found[1] ?? '', 0, () => 0);
  if (found === null || time === null) return null;
  const from = found[0].length;
  const rawEnd = record.length - (record.at(-1) === newline ? 1 : 0);
  // The line end of a record of a whole line is the line's; that of a part is wrapping.
  const text = record.subarray(from, found[3] === 'F' ? record.length : rawEnd);
  const list = new RunList(from);
  list.add(text.length, 1, 1);
  const iostream = found[2] === 'stderr' ? 'stderr' : 'stdout';
  return { text, runs: list.runs, rawEnd, iostream, time: time.ms, endsWriter: false };
}
