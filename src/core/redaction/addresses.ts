import { count, is, letter, runEnd, startsWith, textOf, wordClass, classes } from './bytes.ts';
import type { Secret } from './secret.ts';

/** User, password and host of an address. */
const authorityBytesMax = 512;
const ends = new Set(Buffer.from(' \t\r\n"\'`<>/?#\\,;)]}|'));
const webhook = 'hooks.slack.com/services/';

/** The password in `scheme://user:password@host`, or a token in the place of the user. `at`: of `://`. */
export function addressSecretAt(bytes: Buffer, at: number): Secret | null {
  if (!startsWith(bytes, at, '://') || !is(bytes, at - 1, wordClass)) return null;
  const start = at + 3;
  if (startsWith(bytes, start, webhook)) return webhookAt(bytes, start + webhook.length);
  const limit = Math.min(bytes.length, start + authorityBytesMax);
  let colon = -1;
  let sign = -1;
  let end = start;
  for (; end < limit; end += 1) {
    const byte = bytes[end] ?? 0;
    if (ends.has(byte)) break;
    if (byte === 0x40) sign = end;
    else if (byte === 0x3a && colon === -1 && sign === -1) colon = end;
  }
  const from = colon === -1 ? start : colon + 1;
  if (sign === -1) return end === bytes.length ? { start: from, end: from, kind: 'url', open: true } : null;
  if (colon === -1 && !looksLikeToken(bytes, start, sign)) return null;
  if (from === sign || isPlaceholder(bytes, from, sign)) return null;
  return { start: from, end: sign, kind: 'url', open: end === bytes.length };
}

function webhookAt(bytes: Buffer, start: number): Secret | null {
  const end = runEnd(bytes, start, wordClass | classes.base64);
  return end > start ? { start, end, kind: 'slack', open: end === bytes.length } : null;
}

function looksLikeToken(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start >= 20 && count(bytes, start, end, classes.digit) >= 2 && count(bytes, start, end, letter) >= 2
  );
}

/** Stars, or a variable that nobody has put in. */
function isPlaceholder(bytes: Buffer, start: number, end: number): boolean {
  const text = textOf(bytes, start, end);
  return /^(?:\*+|[xX]{3,}|\$.+|\{.*|<.*|%.*s)$/.test(text);
}
