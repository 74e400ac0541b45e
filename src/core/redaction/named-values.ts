import {
  alphanumeric,
  classes,
  count,
  is,
  letter,
  runEnd,
  runStart,
  startsWith,
  textOf,
  wordClass,
} from './bytes.ts';
import type { Secret, SecretKind } from './secret.ts';
import { valueBehind } from './values.ts';
import type { NamedValue } from './values.ts';

/**
 * Secrets that are known by the name before them: `db_password=…`, `"api_key": "…"`, `--hub_token …`, `('wandb_key', '…')`,
 * `Authorization: Bearer …`. The name may have more before it, nothing behind it (`password_file` names no secret). Only the value is
 * masked.
 *
 * A password is masked whatever it looks like; what is called a key, a secret or a token is often none, and has to look like one.
 */
interface Name {
  /** Lower case. */
  text: string;
  /** Where its fingerprint stands in it. */
  anchor: number;
  read: (bytes: Buffer, name: FoundName) => Secret | null;
}

interface FoundName {
  /** Lower case: what it is known by. */
  text: string;
  start: number;
  end: number;
  /** All of the identifier, in lower case, without `_`, `-` and `.`. */
  identifier: string;
}

const names: readonly Name[] = [
  { text: 'password', anchor: 2, read: password },
  { text: 'passwd', anchor: 2, read: password },
  { text: 'passphrase', anchor: 2, read: password },
  { text: 'authorization', anchor: 1, read: authorization },
  { text: 'secret', anchor: 2, read: (bytes, name) => keyed(bytes, name, 'secret') },
  { text: 'key', anchor: 0, read: key },
  { text: 'token', anchor: 2, read: token },
  { text: 'login', anchor: 2, read: login },
];

const identifierBytesMax = 64;
const identifierClass = wordClass | classes.dash | classes.dot;

/** The value whose name's fingerprint is here. */
export function namedValueAt(bytes: Buffer, at: number): Secret | null {
  for (const { text, anchor, read } of names) {
    const start = at - anchor;
    const end = start + text.length;
    if (start < 0 || is(bytes, end, wordClass) || !isName(bytes, start, text)) continue;
    const from = runStart(bytes, start, identifierClass, Math.max(0, start - identifierBytesMax));
    const identifier = textOf(bytes, from, end).toLowerCase().replaceAll(/[-_.]/g, '');
    return read(bytes, { text, start: from, end, identifier });
  }
  return null;
}

function isName(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1)
    if (((bytes[start + i] ?? 0) | 0x20) !== text.charCodeAt(i)) return false;
  return true;
}

function password(bytes: Buffer, name: FoundName): Secret | null {
  const value = valueBehind(bytes, name);
  if (!value) return null;
  if (isPlaceholder(bytes, value, name)) return unless(value);
  // `password: str`, or a word in a sentence: between words alone, only what looks like a secret is one.
  if (value.sign === ' ' && !looksRandom(bytes, value, 16)) return unless(value);
  return secretOf(value, 'password');
}

const keyNames = [
  'api',
  'secret',
  'access',
  'private',
  'account',
  'auth',
  'encryption',
  'signing',
  'subscription',
];

function key(bytes: Buffer, name: FoundName): Secret | null {
  const before = name.identifier.slice(0, -'key'.length);
  // `API key: …`
  const said = before === '' ? wordBefore(bytes, name.start) : before;
  if (keyNames.some((each) => said.endsWith(each))) return keyed(bytes, name, 'key');
  if (!said.endsWith('wandb') && !(before === '' && startsWith(bytes, name.start - 6, 'login('))) return null;
  return keyed(bytes, { ...name, identifier: 'wandbapikey' }, 'key');
}

function keyed(bytes: Buffer, name: FoundName, kind: SecretKind): Secret | null {
  const value = valueBehind(bytes, name);
  if (!value) return null;
  if (isPlaceholder(bytes, value, name)) return unless(value);
  const { start, end, sign, quoted } = value;
  const isSaid = sign === ':' && !quoted;
  const isEnough = end - start >= 8 && (!isSaid || count(bytes, start, end, classes.digit) > 0);
  if (!isEnough || (sign === ' ' && !looksRandom(bytes, value, 16))) return unless(value);
  return secretOf(value, kindOf(name, kind));
}

/** Tokens of a language. */
const ofModels =
  /(?:bos|eos|pad|unk|sep|cls|mask|image|audio|video|special|start|end|stop|max|min|num|per|next|first|last|think|tool)tokens?$/;

function token(bytes: Buffer, name: FoundName): Secret | null {
  const value = valueBehind(bytes, name);
  if (!value) return null;
  if (isPlaceholder(bytes, value, name)) return unless(value);
  const kind = kindOf(name, 'token');
  if (ofModels.test(name.identifier)) return null;
  // In the environment a token is one: HF_TOKEN=…
  const isVariable = value.sign === '=' && !/[a-z]/.test(textOf(bytes, name.start, name.end));
  if (isVariable && value.end - value.start >= 8 && !isNumber(bytes, value)) return secretOf(value, kind);
  if (looksRandom(bytes, value, value.open ? 8 : 16)) return secretOf(value, kind);
  return unless(value);
}

/** `Authorization: Bearer …` */
function authorization(bytes: Buffer, name: FoundName): Secret | null {
  const value = valueBehind(bytes, name);
  if (!value) return null;
  if (isPlaceholder(bytes, value, name)) return unless(value);
  const schemeEnd = runEnd(bytes, value.start, alphanumeric);
  const scheme = textOf(bytes, value.start, schemeEnd).toLowerCase();
  const isScheme = ['bearer', 'basic', 'token', 'apikey', 'bot', 'key'].includes(scheme);
  if (!isScheme || bytes[schemeEnd] !== 0x20)
    return looksRandom(bytes, value, 16) ? secretOf(value, 'authorization') : null;
  const start = schemeEnd + 1;
  const end = value.quoted
    ? value.end
    : runEnd(bytes, start, identifierClass | classes.base64 | classes.padding);
  const credentials = { ...value, start, end, open: end === bytes.length };
  if (isPlaceholder(bytes, credentials, name)) return unless(credentials);
  return end - start >= 8 || credentials.open ? secretOf(credentials, 'authorization') : null;
}

/** `wandb login` and a key in hex, as a shell shows it. */
function login(bytes: Buffer, name: FoundName): Secret | null {
  if (!textOf(bytes, name.start - 16, name.start).includes('wandb')) return null;
  const value = valueBehind(bytes, name);
  if (value?.sign !== ' ' || value.quoted) return null;
  const isKey = value.end - value.start === 40 && looksRandom(bytes, value, 40);
  if (!isKey) return unless(value);
  return secretOf(value, 'wandb');
}

function secretOf({ start, end, open }: NamedValue, kind: SecretKind): Secret {
  return { start, end, kind, open };
}

/** No secret, unless more of it is to come. */
function unless({ start, open }: NamedValue): Secret | null {
  return open ? { start, end: start, kind: 'secret', open } : null;
}

/** Before a name that is coloured stands what colours it: `32m`. */
function kindOf({ identifier }: FoundName, kind: SecretKind): SecretKind {
  if (identifier.includes('wandb')) return 'wandb';
  if (/(?:^|\d+m)(?:hf|hub|huggingface|pushtohub)/.test(identifier)) return 'huggingface';
  if (identifier.includes('aws') || identifier === 'secretaccesskey' || identifier === 'sessiontoken')
    return 'aws';
  return /(?:^|\d+m)(?:gh|github)/.test(identifier) ? 'github' : kind;
}

function wordBefore(bytes: Buffer, end: number): string {
  const wordEnd = bytes[end - 1] === 0x20 || bytes[end - 1] === 0x2d ? end - 1 : end;
  return textOf(bytes, runStart(bytes, wordEnd, letter, Math.max(0, wordEnd - 16)), wordEnd).toLowerCase();
}

const randomClass = wordClass | classes.dash | classes.base64;
const paddingBytesMax = 2;

/** Of characters that generated secrets have, with digits and letters, and no number or path. */
function looksRandom(
  bytes: Buffer,
  { start, end }: Pick<NamedValue, 'start' | 'end'>,
  bytesMin: number,
): boolean {
  if (end - start < bytesMin || bytes[start] === 0x2f) return false;
  const padding = runStart(bytes, end, classes.padding, Math.max(start, end - paddingBytesMax));
  if (runEnd(bytes, start, randomClass, end) < padding) return false;
  if (count(bytes, start, end, classes.digit) < 2 || count(bytes, start, end, letter) < 1) return false;
  return !isNumber(bytes, { start, end });
}

function isNumber(bytes: Buffer, { start, end }: Pick<NamedValue, 'start' | 'end'>): boolean {
  return !Number.isNaN(Number(textOf(bytes, start, Math.min(end, start + 64))));
}

const placeholders = new Set(
  'none null nil undefined true false yes no empty unset missing required optional redacted hidden masked str string bytes int any bool float dict list object callable unicode secretstr await new not lambda'.split(
    ' ',
  ),
);

/** What stands where a secret would: nothing, a type, the name of a variable, source code. */
function isPlaceholder(bytes: Buffer, value: NamedValue, name: FoundName): boolean {
  const { start, end, quoted } = value;
  if (end <= start) return true;
  // A usage has brackets around what it names.
  const text = textOf(bytes, start, Math.min(end, start + 128)).replace(/[\])},;]+$/, '');
  const lower = text.toLowerCase();
  if (
    placeholders.has(lower) ||
    /^(?:\*+$|[xX]{3,}$|\.{2,}$|<|\$\{|\$\(|\{\{|%\(|%[sdr]$)/.test(text) ||
    /^\$[A-Z_]+$/.test(text)
  )
    return true;
  if (quoted) return false;
  const behind = bytes[end];
  const isCode =
    behind === 0x28 ||
    behind === 0x5b ||
    /^(?:self|args|os|cfg|config|settings|opt|hparams|kwargs|optional)[.[]/.test(lower);
  // `self.password = password`, and `--password PASSWORD` in a usage.
  const isApart = bytes[start - 1] === 0x20 || lower.includes('.');
  if (isApart && lower.endsWith(name.text) && value.sign !== ':') return true;
  return isCode || lower === name.identifier || lower.replaceAll(/[-_.]/g, '').endsWith(name.identifier);
}
