import type { ObservationBody, ObservationDetails } from '../../core/fact.ts';
import { ranksOf } from './exits.ts';
import { signatures } from './signatures.ts';
import type { Signature } from './signatures.ts';

/** What a text says by a signature. */
interface Signed {
  signature: Signature;
  match: RegExpExecArray;
}

/** The first signature that accuses, and all that only help. */
export function signed(text: string, hints: ReadonlySet<string>): Signed[] {
  const found: Signed[] = [];
  let accused = false;
  for (const signature of signatures) {
    if (accused && signature.role !== 'evidence') continue;
    if (!signature.hints.some((hint) => hints.has(hint))) continue;
    const match = signature.pattern.exec(text);
    if (match === null) continue;
    found.push({ signature, match });
    accused ||= signature.role !== 'evidence';
  }
  return found;
}

export function observationOf(signature: Signature, match: RegExpExecArray, text: string): ObservationBody {
  const body: ObservationBody = {
    kind: 'observation',
    class: signature.class,
    role: signature.role,
    message: lineAround(text, match.index),
  };
  return addDetails(body, { ...detailsOf(match), ...(signature.ends && { end: 'sure' }) });
}

export function detailsOf({ groups = {} }: RegExpExecArray): ObservationDetails {
  const details: ObservationDetails = {};
  const number = (name: string) => (groups[name] === undefined ? undefined : Number(groups[name]));
  const writer = number('writer') ?? number('writerToo');
  if (writer !== undefined) details.writer = writer;
  const ranks = ranksOf(groups['ranks'] ?? groups['ranksToo'] ?? '');
  if (ranks.length > 0) details.ranks = ranks;
  const pid = number('pidToo');
  if (pid !== undefined) details.pid = pid;
  for (const name of [
    'pid',
    'signal',
    'sequence',
    'timeoutMs',
    'ranMs',
    'enqueued',
    'completed',
    'xid',
  ] as const) {
    const value = number(name);
    if (value !== undefined) details[name] = value;
  }
  if (groups['gpu'] !== undefined) details.gpu = groups['gpu'];
  if (groups['operation'] !== undefined) details.operation = groups['operation'];
  return details;
}

export function addDetails(body: ObservationBody, details: ObservationDetails): ObservationBody {
  if (Object.keys(details).length > 0) body.details = { ...body.details, ...details };
  return body;
}

export function lineAround(text: string, index: number): string {
  const start = text.lastIndexOf('\n', index) + 1;
  const end = text.indexOf('\n', index);
  return shortened(text.slice(start, end < 0 ? undefined : end).trim());
}

export function shortened(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ').trim();
  return line.length > messageMax ? `${line.slice(0, messageMax)}…` : line;
}

/** So much of a message is shown. */
export const messageMax = 400;
