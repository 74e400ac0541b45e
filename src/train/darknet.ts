/**
 * Darknet's line of an iteration (src/detector.c, train_detector): ` 120: 3.412, 4.215 avg loss, 0.001000 rate, 5.3 seconds, 7680 images, 30.1 hours
 * left`; before AlexeyAB's version `120: 3.412, 4.215 avg, 0.001000 rate, …`. The first number is the loss of the iteration.
 */
import type { LineReader } from './reader.ts';
import { placeOf } from './stated.ts';
import type { Finding } from './stated.ts';

const iteration =
  /^ {0,8}(\d{1,12}): ([^\s,]{1,24}), ([^\s,]{1,24}) (?:avg loss|avg), ([^\s,]{1,24}) (?:rate), [\d.]{1,16} seconds, \d{1,15} images/d;

export const darknetReader: LineReader = {
  format: 'Darknet',
  find: ({ line }) => (line.includes(' rate, ') ? findStated(line) : null),
};

function findStated(line: string): Finding | null {
  const found = iteration.exec(line);
  const places = found === null ? [] : [1, 2, 3, 4].map((group) => placeOf(found, group));
  const [step, loss, mean, rate] = places;
  if (!step || !loss || !mean || !rate) return null;
  const stated = [
    { name: 'loss', nameAt: loss.at, ...loss, canonical: 'loss' },
    { name: 'avg loss', nameAt: mean.at, ...mean, canonical: null },
    { name: 'rate', nameAt: rate.at, ...rate, canonical: 'learning_rate' },
  ];
  return { counts: [step], statements: stated };
}
