import {
  alphanumeric,
  beginsWord,
  classes,
  count,
  is,
  letter,
  runEnd,
  runStart,
  startsWith,
  wordClass,
} from './bytes.ts';
import type { Secret, SecretKind } from './secret.ts';

/**
 * Tokens that are known by how they begin. `anchor` is where its fingerprint (fingerprints.ts) stands in `prefix`. All of a token is
 * masked, its prefix too. The forms are those that the issuers document, or that their secret scanning partners list.
 */
interface TokenForm {
  kind: SecretKind;
  prefix: string;
  anchor: number;
  /** Of the bytes behind the prefix. */
  body: number;
  bodyBytesMin: number;
  /** Just so many as the least. */
  exact?: true;
  /** What else the body has to look like. */
  accepts?: (bytes: Buffer, start: number, end: number) => boolean;
}

const dashed = wordClass | classes.dash;
/** What is longer is no token. */
const bodyBytesMax = 1024;
const webTokenBytesMax = 4000;

const forms: readonly TokenForm[] = [
  { kind: 'huggingface', prefix: 'hf_', anchor: 0, body: alphanumeric, bodyBytesMin: 30 },
  { kind: 'huggingface', prefix: 'api_org_', anchor: 4, body: alphanumeric, bodyBytesMin: 30 },
  { kind: 'wandb', prefix: 'wandb_v1_', anchor: 5, body: wordClass, bodyBytesMin: 30 },
  ...alike(['AKIA', 'ASIA'], {
    kind: 'aws',
    body: classes.upper | classes.digit,
    bodyBytesMin: 16,
    exact: true,
  }),
  ...alike(['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], {
    kind: 'github',
    body: dashed | classes.dot,
    bodyBytesMin: 36,
  }),
  { kind: 'github', prefix: 'github_pat_', anchor: 7, body: wordClass, bodyBytesMin: 22 },
  { kind: 'docker', prefix: 'dckr_pat_', anchor: 5, body: dashed, bodyBytesMin: 20 },
  { kind: 'gitlab', prefix: 'glpat-', anchor: 1, body: dashed | classes.dot, bodyBytesMin: 20 },
  { kind: 'npm', prefix: 'npm_', anchor: 0, body: alphanumeric, bodyBytesMin: 36, exact: true },
  { kind: 'groq', prefix: 'gsk_', anchor: 0, body: alphanumeric, bodyBytesMin: 40 },
  { kind: 'google', prefix: 'AIza', anchor: 0, body: dashed, bodyBytesMin: 35, exact: true },
  { kind: 'nvidia', prefix: 'nvapi-', anchor: 1, body: dashed, bodyBytesMin: 40 },
  {
    kind: 'databricks',
    prefix: 'dapi',
    anchor: 0,
    body: classes.digit | classes.lower,
    bodyBytesMin: 32,
    accepts: isHex,
  },
  { kind: 'anthropic', prefix: 'sk-ant-', anchor: 0, body: dashed, bodyBytesMin: 20 },
  { kind: 'openai', prefix: 'sk-', anchor: 0, body: dashed, bodyBytesMin: 20, accepts: isRandom },
  ...alike(['xoxa-', 'xoxb-', 'xoxe-', 'xoxo-', 'xoxp-', 'xoxr-', 'xoxs-'], {
    kind: 'slack',
    body: alphanumeric | classes.dash,
    bodyBytesMin: 10,
    accepts: hasDigit,
  }),
];

function alike(beginnings: readonly string[], form: Omit<TokenForm, 'prefix' | 'anchor'>): TokenForm[] {
  return beginnings.map((prefix) => ({ ...form, prefix, anchor: 0 }));
}

const byAnchor = Map.groupBy(forms, ({ prefix, anchor }) => fingerprintOf(prefix, anchor));
/** Beginnings that may go on behind the end of the bytes. */
const prefixes = [...forms.map(({ prefix }) => prefix), 'eyJ'];

/** The token whose fingerprint is here. */
export function tokenAt(bytes: Buffer, at: number): Secret | null {
  const first = bytes[at] ?? 0;
  if (first === 0x65) return startsWith(bytes, at, 'eyJ') ? webTokenAt(bytes, at) : null;
  for (const form of byAnchor.get(first) ?? []) {
    const start = at - form.anchor;
    if (!startsWith(bytes, start, form.prefix) || !beginsWord(bytes, start)) continue;
    const secret = ofForm(bytes, start, form);
    if (secret) return secret;
  }
  return null;
}

/** Where the beginning of a token at the end of the bytes begins that is too short to be known; their length if there is none. */
export function beginningAt(bytes: Buffer): number {
  const { length } = bytes;
  for (let start = Math.max(0, length - 12); start < length; start += 1) {
    const isBeginning = prefixes.some(
      (prefix) => length - start <= prefix.length + 1 && isPartOf(bytes, start, prefix),
    );
    if (isBeginning && beginsWord(bytes, start)) return start;
  }
  return length;
}

function isPartOf(bytes: Buffer, start: number, prefix: string): boolean {
  const seen = bytes.length - start;
  return startsWith(bytes, start, prefix.slice(0, seen));
}

function ofForm(bytes: Buffer, start: number, form: TokenForm): Secret | null {
  const { kind, prefix, body, bodyBytesMin, exact, accepts } = form;
  const bodyStart = start + prefix.length;
  const limit = Math.min(bytes.length, bodyStart + bodyBytesMax);
  const runsTo = runEnd(bytes, bodyStart, body, limit);
  if (runsTo < bytes.length && runsTo === limit) return null;
  const isOpen = runsTo === bytes.length;
  // A full stop or a dash behind it is the sentence's.
  const end = isOpen ? runsTo : runStart(bytes, runsTo, classes.dot | classes.dash, bodyStart);
  const bodyBytes = end - bodyStart;
  if (exact && (bodyBytes > bodyBytesMin || (!isOpen && is(bytes, end, wordClass)))) return null;
  const found = { start, end, kind, open: isOpen };
  if (bodyBytes >= bodyBytesMin && (!accepts || accepts(bytes, bodyStart, end))) return found;
  if (!isOpen) return null;
  const isEnough = bodyBytes >= partBytesMin && (!accepts || hasDigit(bytes, bodyStart, end));
  return isEnough ? found : { ...found, end: start };
}

/** Of a token of which no more is there, so much must be, to be masked. */
const partBytesMin = 4;
const webTokenPart = dashed;
const partBytesMinOfWebToken = 10;

/** A JSON web token: three parts in base64url, the first of which begins a JSON object; or a token that is one, as Neptune's. */
function webTokenAt(bytes: Buffer, start: number): Secret | null {
  if (!beginsWord(bytes, start)) return null;
  const limit = Math.min(bytes.length, start + webTokenBytesMax);
  const secretTo = (end: number): Secret | null =>
    end === limit && limit < bytes.length ? null : { start, end, kind: 'jwt', open: end === bytes.length };
  let end = runEnd(bytes, start, webTokenPart | classes.base64 | classes.padding, limit);
  if (startsWith(bytes, start, 'eyJhcGlf') && end - start >= 48) return secretTo(end);
  end = runEnd(bytes, start, webTokenPart, limit);
  let parts = 1;
  while (end < limit && bytes[end] === 0x2e && parts < 5) {
    const next = runEnd(bytes, end + 1, webTokenPart, limit);
    if (next < limit && next - end - 1 < partBytesMinOfWebToken) break;
    end = next;
    parts += 1;
  }
  if (parts >= 3) return secretTo(end);
  if (end < bytes.length) return null;
  return { start, end: parts > 1 ? end : start, kind: 'jwt', open: true };
}

function fingerprintOf(prefix: string, anchor: number): number {
  return prefix.charCodeAt(anchor);
}

function hasDigit(bytes: Buffer, start: number, end: number): boolean {
  return count(bytes, start, end, classes.digit) > 0;
}

function isHex(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) > 0x66) return false;
  return hasDigit(bytes, start, end);
}

/** `sk-` begins words, too: a key has digits, and capitals or the length of a digest. */
function isRandom(bytes: Buffer, start: number, end: number): boolean {
  if (count(bytes, start, end, classes.digit) < 2 || count(bytes, start, end, letter) < 2) return false;
  return (
    count(bytes, start, end, classes.upper) >= 2 ||
    (end - start >= 32 && count(bytes, start, end, classes.dash) === 0)
  );
}
