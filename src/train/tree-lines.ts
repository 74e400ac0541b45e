/**
 * Yggdrasil Decision Forests, and TensorFlow Decision Forests upon it: gradient boosted trees `Train tree 2/30 train-loss:1.80 train-rmse:1.80
 * valid-loss:1.95 valid-rmse:1.95 [total:0.00s iter:0.00s]`, random forests `Train tree 11/30 accuracy:0.97 logloss:0.36 [index:9 total:0.01s
 * tree:0.00s]` (YDF 0.16, run); before them `\tnum-trees:64 train-loss:0.5 …` and `Training of tree  11/300 (tree index:9) done accuracy:0.9 logloss:3.8`
 * (learner/gradient_boosted_trees.cc, random_forest.cc). The tree is the step.
 */
import { isWithinRun } from './line-shapes.ts';
import { namesMetric } from './metric-words.ts';
import { metricsIn } from './epoch-lines.ts';
import type { LineReader } from './reader.ts';
import { named, placeOf } from './stated.ts';
import type { Finding } from './stated.ts';

const lineMax = 1024;
const tree =
  /(?:^|\] ?)(?:\s?Train tree (\d{1,9})\/(\d{1,9}) |\s?Training of tree {1,12}(\d{1,9})\/(\d{1,9}) \(tree index:\d{1,9}\) done |\s?num-trees:(\d{1,9}) (?=train-|valid-))/d;

export const treeLineReader: LineReader = {
  format: 'Yggdrasil Decision Forests',
  find: ({ line }) => (line.length <= lineMax && line.includes('tree') ? findTree(line) : null),
};

function findTree(line: string): Finding | null {
  const found = tree.exec(line);
  if (found === null) return null;
  const step = placeOf(found, 1) ?? placeOf(found, 3) ?? placeOf(found, 5);
  const from = found.index + found[0].length;
  const end = line.indexOf(' [', from);
  const metrics = metricsIn(end < 0 ? line : line.slice(0, end), from).filter(({ name }) =>
    namesMetric(name),
  );
  if (step === null || metrics.length === 0) return null;
  return {
    counts: [step],
    total: placeOf(found, 2) ?? placeOf(found, 4),
    statements: metrics.map((each) => named(each, false)),
    isOfLineAlone: isWithinRun(line, from),
  };
}
