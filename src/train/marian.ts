/**
 * Marian NMT (src/training/scheduler.h): `Ep. 1 : Up. 100 : Sen. 12,345 : Cost 9.12 : Time 12.34s : 1234.56 words/s : gNorm 1.23 : L.r. 1.0000e-05`, and
 * for a validation `[valid] Ep. 1 : Up. 1000 : cross-entropy : 123.456 : new best`. The step is the number of updates.
 */
import { canonicalName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const head = /(?:^|\s)(?:\[valid\] )?Ep\. [\d.,]{1,16} : Up\. (\d[\d,]{0,15}) : /;
const statement = /^(Cost|gNorm|L\.r\.) (\S{1,40})/;
const metric = /^[a-z][\w-]{1,63}$/;
const headMax = 256;
const lineMax = 2048;

export const marianReader: FactReader = {
  format: 'Marian',
  kinds: ['line'],
  matches: ({ line }) =>
    line.length <= lineMax && line.includes(' : Up. ') && head.test(line.slice(0, headMax)),
  read({ line }) {
    const found = head.exec(line.slice(0, headMax));
    if (found === null) return null;
    const step = readNumber(found[1] ?? '');
    const pieces = line.slice(found.index + found[0].length).split(' : ', 64);
    if (found[0].includes('[valid]')) {
      const [name = '', text = ''] = pieces;
      const value = readNumber(text);
      if (value === null || !metric.test(name)) return [];
      return [{ ...printedPoint(step, name, value, text), canonical: canonicalName(`val_${name}`) }];
    }
    return pieces.flatMap((piece) => {
      const [, name = '', text = ''] = statement.exec(piece) ?? [];
      const value = readNumber(text);
      if (value === null) return [];
      const canonical = name === 'Cost' ? 'loss' : name === 'L.r.' ? 'learning_rate' : canonicalName(name);
      return [{ ...printedPoint(step, name, value, text), canonical }];
    });
  },
};
