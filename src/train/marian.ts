/**
 * Marian NMT (src/training/scheduler.h): `Ep. 1 : Up. 100 : Sen. 12,345 : Cost 9.12 : Time 12.34s : 1234.56 words/s : gNorm 1.23 : L.r. 1.0000e-05`, and
 * for a validation `[valid] Ep. 1 : Up. 1000 : cross-entropy : 123.456 : new best`. The step is the number of updates.
 */
import { canonicalName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const head = /(?:^|\s)(?:\[valid\] )?Ep\. [\d.,]{1,16} : Up\. (\d[\d,]{0,15}) : /d;
const separator = / : /g;
const statement = /^(Cost|gNorm|L\.r\.) (\S{1,40})/;
const metric = /^[a-z][\w-]{1,63}$/;
const headMax = 256;
const lineMax = 2048;

export const marianReader: LineReader = {
  format: 'Marian',
  find: ({ line }) => (line.length <= lineMax && line.includes(' : Up. ') ? findStated(line) : null),
};

function findStated(line: string): Finding | null {
  const found = head.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements: NamedStatement[] = [];
  const pieces = piecesOf(line, found.index + found[0].length, separator, 64);
  if (found[0].includes('[valid]')) {
    const [first, value] = pieces;
    const name = line.slice(first?.at, first?.end);
    if (first && value && metric.test(name) && readNumber(line.slice(value.at, value.end)) !== null)
      statements.push({ name, nameAt: first.at, ...value, canonical: canonicalName(`val_${name}`) });
    return { counts: [step], statements };
  }
  for (const { at, end } of pieces) {
    const [, name = '', text = ''] = statement.exec(line.slice(at, end)) ?? [];
    if (readNumber(text) === null) continue;
    const canonical = name === 'Cost' ? 'loss' : name === 'L.r.' ? 'learning_rate' : canonicalName(name);
    const valueAt = at + name.length + 1;
    statements.push({ name, nameAt: at, at: valueAt, end: valueAt + text.length, canonical });
  }
  return { counts: [step], statements };
}
