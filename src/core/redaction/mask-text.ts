import { segmentBytesMax } from '../segment.ts';
import { lookBackBytes, mask } from './mask.ts';
import type { Rules } from './mask.ts';
import type { SecretKind } from './secret.ts';

/** A text with its secrets masked. `onSecret` is told of each; of a character of several bytes each is a `*`. */
export function maskText(text: string, rules: Rules, onSecret: (kind: SecretKind) => void): string {
  // A text ends: what may be the beginning of a token at its end is none.
  const bytes = Buffer.from(`${text}\n`);
  const parts: Buffer[] = [];
  let isChanged = false;
  for (let start = 0; start < bytes.length; start += segmentBytesMax) {
    const offset = Math.max(0, start - lookBackBytes);
    const window = bytes.subarray(offset, start + segmentBytesMax);
    const masked = mask({ window, from: start - offset, offset }, rules);
    for (const { kind } of masked.secrets) onSecret(kind);
    isChanged ||= masked.secrets.length > 0;
    parts.push(masked.bytes);
  }
  return isChanged ? Buffer.concat(parts).toString('utf8', 0, bytes.length - 1) : text;
}
