import { alphanumeric, classes, runEnd, startsWith, textOf } from './bytes.ts';
import { lookBackBytes } from './fingerprints.ts';
import type { Secret } from './secret.ts';

const base64 = alphanumeric | classes.base64 | classes.padding;
const marker = 'PRIVATE KEY';
const fingerprintAt = 6;
/** What is shorter has to be alone on its line: the last of a key. */
const lineBytesMin = 16;

/**
 * The lines of a private key in PEM (RFC 7468), each on its own: line ends stay. Within JSON a line end is `\n`. Looks no further than a
 * cut looks back, so that a key is masked the same, however its lines are cut; that is all of an RSA key of 4,096 bits. `at`: of the
 * fingerprint in "PRIVATE KEY".
 */
export function privateKeyLinesAt(bytes: Buffer, at: number): Secret[] {
  const start = at - fingerprintAt;
  const body = startsWith(bytes, start, marker) ? bodyStart(bytes, start) : -1;
  if (body === -1) return [];
  const limit = Math.min(bytes.length, start + lookBackBytes - 128);
  const secrets: Secret[] = [];
  for (let from = body; from < limit;) {
    const gap = gapBehind(bytes, from);
    if (gap.end === from) break;
    const header = /^[A-Za-z][A-Za-z-]{2,20}: [^\n\r\\]*/.exec(textOf(bytes, gap.end, gap.end + 128));
    if (header) {
      from = gap.end + header[0].length;
      continue;
    }
    const end = runEnd(bytes, gap.end, base64, limit);
    const open = end === bytes.length;
    const isAlone = gap.isLineEnd && (open || gapBehind(bytes, end).isLineEnd);
    if (end === gap.end || !(isAlone || open || end - gap.end >= lineBytesMin)) break;
    secrets.push({ start: gap.end, end, kind: 'private-key', open });
    from = end;
  }
  return secrets;
}

/** Behind the line that begins a key; -1 if it is none. */
function bodyStart(bytes: Buffer, markerAt: number): number {
  if (!/-----BEGIN [A-Z0-9 ]{0,20}$/.test(textOf(bytes, markerAt - 32, markerAt))) return -1;
  const block = ' BLOCK';
  const end = markerAt + marker.length;
  const dashes = startsWith(bytes, end, block) ? end + block.length : end;
  return startsWith(bytes, dashes, '-----') ? dashes + 5 : -1;
}

/** Line ends, also written as `\n`, and spaces. */
function gapBehind(bytes: Buffer, from: number): { end: number; isLineEnd: boolean } {
  let at = from;
  let isLineEnd = false;
  for (;;) {
    const byte = bytes[at];
    if (byte === 0x0a || byte === 0x0d) isLineEnd = true;
    else if (byte === 0x5c) {
      const letterAt = bytes[at + 1] === 0x5c ? at + 2 : at + 1;
      if (bytes[letterAt] !== 0x6e && bytes[letterAt] !== 0x72) return { end: at, isLineEnd };
      isLineEnd = true;
      at = letterAt;
    } else if (byte !== 0x20 && byte !== 0x09) return { end: at, isLineEnd };
    at += 1;
  }
}
