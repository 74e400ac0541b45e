import { joined } from '../records/framing.ts';
import type { Framing, Range } from '../records/framing.ts';
import { recordFramingOf } from '../records/record-files.ts';
import { eachFingerprint, lookBackBytes } from './fingerprints.ts';
import { findIn, mask, star } from './mask.ts';
import type { CutBytes, Masked, Rules } from './mask.ts';
import { secretsInMessage } from './message-secrets.ts';
import type { Secret } from './secret.ts';

/**
 * Masks the secrets in a cut of a file: in one of binary records (by its name: TensorBoard's, W&B's) so that each record stays one. Its
 * texts are masked as texts, and its checksums are made right again.
 *
 * What is no whole record of the cut, because it is larger than a segment or was torn when the agent stopped, is masked like text, and the
 * checksums of such a record are then wrong.
 */
export function maskFile(path: string, cut: CutBytes, rules: Rules): Masked {
  const framing = recordFramingOf(path);
  return (framing && maskRecords(cut, rules, framing)) ?? mask(cut, rules);
}

/** A whole one: where it stands in the cut. */
interface FoundRecord {
  start: number;
  end: number;
}

/** By position in the cut. A secret in a record may stand in several places, between which are heads of its parts. */
interface Find {
  secret: Secret;
  places: readonly Range[];
  record: FoundRecord | null;
}

/** Null: there is no record in it. */
function maskRecords(cut: CutBytes, rules: Rules, framing: Framing): Masked | null {
  const bytes = cut.window.subarray(cut.from);
  const finds = findsIn(cut, rules, framing);
  if (finds === null || finds.length === 0) return finds && { bytes, secrets: [] };
  const masked = Buffer.from(bytes);
  for (const { start, end } of finds.flatMap(({ places }) => places)) masked.fill(star, start, end);
  for (const record of new Set(finds.map(({ record }) => record)))
    if (record) framing.seal(masked, bytes, record, cut.offset + cut.from);
  return { bytes: masked, secrets: finds.map(({ secret }) => secret) };
}

function findsIn({ window, from, offset }: CutBytes, rules: Rules, framing: Framing): Find[] | null {
  const bytes = window.subarray(from);
  const suspects = suspectsIn(window);
  if (suspects.length === 0 && rules.patterns.length === 0 && !framing.isSplit) return [];
  const records = recordsIn(bytes, framing, offset + from);
  if (records.length === 0) return null;
  const finds: Find[] = [];
  let next = 0;
  let restFrom = 0;
  for (const record of records) {
    finds.push(...findsInRest(window, from, { start: restFrom, end: record.start }, rules));
    restFrom = record.end;
    const ranges = framing.dataRanges(bytes, record, offset + from);
    while (suspects[next] !== undefined && suspects[next]! < from + record.start) next += 1;
    const isSuspect = (suspects[next] ?? Infinity) < from + record.end;
    if (!isSuspect && ranges.length === 1 && rules.patterns.length === 0) continue;
    for (const secret of secretsInMessage(joined(bytes, ranges), rules))
      finds.push(placed(secret, ranges, record));
  }
  finds.push(...findsInRest(window, from, { start: restFrom, end: bytes.length }, rules));
  return finds;
}

/** Where in the window there may be a secret by the built-in rules, in ascending order. */
function suspectsIn(window: Buffer): number[] {
  const suspects: number[] = [];
  eachFingerprint(window, (at) => suspects.push(at));
  return suspects;
}

function recordsIn(bytes: Buffer, framing: Framing, offset: number): FoundRecord[] {
  const records: FoundRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const frame = framing.next(bytes, at, offset + at, 'record');
    if (frame === null) break;
    if (frame.kind === 'record') records.push({ start: at, end: at + frame.length });
    at += frame.length;
  }
  return records;
}

/** In what is no record: with what stands before it. */
function findsInRest(window: Buffer, from: number, { start, end }: Range, rules: Rules): Find[] {
  if (end === start) return [];
  const lookFrom = Math.max(0, from + start - lookBackBytes);
  const toCut = lookFrom - from;
  return findIn(window.subarray(lookFrom, from + end), from + start - lookFrom, rules)
    .map((secret) => ({ ...secret, start: Math.max(start, secret.start + toCut), end: secret.end + toCut }))
    .filter((secret) => secret.end > secret.start)
    .map((secret) => ({ secret, places: [secret], record: null }));
}

/** A secret in the data of a record, where it stands in the cut. */
function placed(secret: Secret, ranges: readonly Range[], record: FoundRecord): Find {
  const places: Range[] = [];
  let before = 0;
  for (const { start, end } of ranges) {
    const shift = start - before;
    const place = { start: Math.max(secret.start + shift, start), end: Math.min(secret.end + shift, end) };
    if (place.end > place.start) places.push(place);
    before += end - start;
  }
  const whole = { start: places[0]?.start ?? record.start, end: places.at(-1)?.end ?? record.start };
  return { secret: { ...secret, ...whole }, places, record };
}
