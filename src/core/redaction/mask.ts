import { hash } from 'node:crypto';
import { findSecrets, outermost } from './find-secrets.ts';
import { lookBackBytes } from './fingerprints.ts';
import { compileSecretPattern, findPatterns } from './patterns.ts';
import type { LinePattern } from './patterns.ts';
import type { Secret } from './secret.ts';
import { beginningAt } from './tokens.ts';
import { asWideText } from './wide-text.ts';

/**
 * Masks secrets with as many `*`. What is masked is a function of the bytes, of where they were cut, and of the rules' version: who
 * masks the same cut of the same bytes again gets the same, after a restart as in an audit.
 */
export interface Rules {
  /** Of the built-in rules, with a digest of the user's patterns if there are any. */
  version: string;
  patterns: readonly LinePattern[];
}

/** Of the built-in rules. A change that finds anything else than before is a new number, and the old rules stay beside it. */
export const builtInVersion = '1';

/** Throws an Error that says what is wrong with a pattern. */
export function rulesOf(patterns: readonly string[]): Rules {
  const digest = patterns.length === 0 ? '' : `.${hash('sha256', JSON.stringify(patterns)).slice(0, 16)}`;
  return { version: `${builtInVersion}${digest}`, patterns: patterns.map(compileSecretPattern) };
}

/** The bytes of a cut, with what is looked at before them. */
export interface CutBytes {
  /** From up to 4,096 bytes before the cut to its end. */
  window: Buffer;
  /** Where the cut begins in it. */
  from: number;
  /** Where the window begins in its stream. */
  offset: number;
}

export { lookBackBytes };

export interface Masked {
  /** Of the cut: a copy where something was masked, else the bytes themselves. */
  bytes: Buffer;
  /** By position in the cut. */
  secrets: readonly Secret[];
}

export function mask(cut: CutBytes, rules: Rules): Masked {
  const { window, from } = cut;
  const bytes = window.subarray(from);
  const secrets = secretsIn(cut, rules).filter(({ start, end }) => end > Math.max(start, from));
  if (secrets.length === 0) return { bytes, secrets };
  const masked = Buffer.from(bytes);
  const wide = asWideText(window, cut.offset);
  const spans = secrets.map((secret) => ({
    ...secret,
    start: Math.max(0, secret.start - from),
    end: secret.end - from,
  }));
  for (const { start, end } of spans) {
    if (!wide) masked.fill(star, start, end);
    else for (let at = start; at < end; at += 1) if (bytes[at] !== 0) masked[at] = star;
  }
  return { bytes: masked, secrets: spans };
}

export const star = 0x2a;

/**
 * How many of the cut's bytes can be cut off so that no secret is cut through: those before one that may go on behind their end. All of
 * them where there is none, 0 where it is all that there is.
 */
export function safeLength(cut: CutBytes, rules: Rules): number {
  const { window, from, offset } = cut;
  // No secret that is open at the end begins further back.
  const skipped = Math.max(0, window.length - 2 * lookBackBytes);
  const rest = window.subarray(skipped);
  const restFrom = Math.max(0, from - skipped);
  // One that was cut through before is not made whole by waiting.
  const opens = secretsIn({ window: rest, from: restFrom, offset: offset + skipped }, rules)
    .filter(({ open }) => open)
    .map(({ start }) => start)
    .filter((start) => start >= restFrom);
  const safe = skipped + Math.min(beginningAt(rest), ...opens);
  return Math.max(safe, from) - from;
}

/** By position in the window. */
function secretsIn({ window, from, offset }: CutBytes, rules: Rules): Secret[] {
  const wide = asWideText(window, offset);
  if (!wide) return findIn(window, from, rules);
  const { narrow, first } = wide;
  const widened = (at: number) => first + 2 * at;
  return findIn(narrow, Math.max(0, Math.floor((from - first) / 2)), rules).map((secret) => ({
    ...secret,
    start: widened(secret.start),
    end: widened(secret.end),
  }));
}

/** In text of one byte a character: by the built-in rules and the user's. */
export function findIn(bytes: Buffer, from: number, { patterns }: Rules): Secret[] {
  const builtIn = findSecrets(bytes, from);
  return patterns.length === 0 ? builtIn : outermost([...builtIn, ...findPatterns(bytes, from, patterns)]);
}
