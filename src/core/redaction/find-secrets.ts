import { addressSecretAt } from './addresses.ts';
import { eachFingerprint } from './fingerprints.ts';
import { namedValueAt } from './named-values.ts';
import { privateKeyLinesAt } from './private-keys.ts';
import type { Secret, SecretKind } from './secret.ts';
import { tokenAt } from './tokens.ts';

/**
 * The secrets in bytes, by the built-in rules: in order of their beginnings, none within another, and none that ends before `from`.
 *
 * Whether something is one hangs on at most 4,096 bytes before its end and on its own bytes alone, not on what else was found:
 * so it is found the same wherever the bytes were cut before it.
 */
export function findSecrets(bytes: Buffer, from: number): Secret[] {
  const found: Secret[] = [];
  eachFingerprint(bytes, (at) => {
    switch (bytes[at]) {
      case 0x3a: // :
        return add(found, addressSecretAt(bytes, at), from);
      case 0x45: // E
        for (const line of privateKeyLinesAt(bytes, at)) add(found, line, from);
        return;
      default:
        return add(found, tokenAt(bytes, at) ?? namedValueAt(bytes, at), from);
    }
  });
  return found.length > 1 ? outermost(found) : found;
}

function add(found: Secret[], secret: Secret | null, from: number): void {
  if (secret !== null && (secret.end > from || secret.open)) found.push(secret);
}

/** Without those that lie within others. Of two that are the same, the one that says more of its form: its rule came first. */
export function outermost(found: readonly Secret[]): Secret[] {
  const kept: Secret[] = [];
  for (const secret of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1);
    if (last && secret.end <= last.end) {
      if (isPlain(last) && secret.end > secret.start) last.kind = secret.kind;
      last.open ||= secret.open;
    } else if (last && secret.start < last.end) last.end = secret.end;
    else kept.push({ ...secret });
  }
  return kept;
}

/** Known by its place alone. */
function isPlain({ kind }: Secret): boolean {
  return plainKinds.has(kind);
}

const plainKinds: ReadonlySet<string> = new Set<SecretKind>([
  'token',
  'key',
  'secret',
  'password',
  'authorization',
  'url',
]);
