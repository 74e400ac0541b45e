/**
 * Lines that state what an evaluation has measured, and no step: torchvision's ` * Acc@1 76.130 Acc@5 92.862` and `Test:  Acc@1 12.300 Acc@5 28.100`
 * (references/classification/train.py), PyTorch's examples `Test set: Average loss: 0.0510, Accuracy: 9832/10000 (98%)` and `Test Error: \n
 * Accuracy: 50.9%, Avg loss: 2.153`, PaddleNLP `eval_loss: 1.1, eval_accuracy: 0.9, …` (trainer/trainer.py), PaddleOCR `cur metric, acc: 0.5, …`,
 * PaddleSeg `[EVAL] #Images: 500 mIoU: 0.7012 …`, ignite's `Validation Results - Epoch: 1  Avg accuracy: 0.92 Avg loss: 0.25`, OpenNMT
 * `Validation perplexity: 12.3`, llm.c `val loss 10.009`, Flair `DEV : loss 0.31 - f1-score (micro avg)  0.81`, which says so of its training's data,
 * too (`TRAIN : loss …`). What follows the word must be
 * statements of metrics, and nothing else that is worded. All of them evaluate where they train: the points are of the step that was counted last
 * before, if one was; where steps are not told as often as evaluations are made, that is a little early.
 */
import type { FactBody, PointBody } from '../core/fact.ts';
import { namesMeasure } from './metric-words.ts';
import type { FactReader, ReadableLine } from './reader.ts';
import { separatedIn, statedIn } from './separated-statements.ts';
import { named, pointsAt, pointsOf } from './stated.ts';
import { statesSettings, stepIn } from './statements.ts';

const lineMax = 1024;
const linesMax = 3;
const start =
  /(?:^ ?|[\]:>|-] {1,8}|,\d{3} |INFO\]?[ \t:]{1,8})(?:\* {1,8}(?=acc@1)|End of training \| (?=test)|\[eval\] |(?:test|val(?:id(?:ation)?)?|eval(?:uation)?|dev)(?=[ \t:_,]|$)(?: (?:set|error|results)\b)?(?:[ \t]{0,4}[:,-] (?:Epoch: ?\d{1,9}(?= ))?)?|TRAIN :(?= loss )|cur metric, )/i;
const startMax = 160;
/** It is still going on. */
const batchOf = /^[ \t]{0,4}\[[ \t]{0,8}\d{1,9}\/[ \t]{0,8}\d{1,9}\]|^ \(\w{1,16}\): \[/;
const setting = /(?:steps|size|threshold|split|ratio|samples|interval|every|freq|weight|delay|patience)$/i;
const pairs = /([A-Za-z]+@\d{1,4}) {1,4}(\d[\d.]{0,20})(?=\s|$)/g;

export const evaluationReader: FactReader = {
  format: 'evaluations',
  kinds: ['line'],
  mayMatchLine: begins,
  matches: (readable) => readable.event.message.length <= lineMax && begins(readable),
  read({ event, line }, { counted = null }) {
    const found = start.exec(line.slice(0, startMax));
    if (found === null || statesSettings(line) || stepIn(line) !== null) return null;
    if (separatedIn(line.slice(0, found.index)).size > 0) return null;
    const behind = line.slice(found.index + found[0].length);
    if (batchOf.test(behind)) return readLastBatch(behind);
    const lines = event.message.split('\n', linesMax + 1);
    if (lines.length > linesMax) return null;
    const at = found.index + found[0].length - (/[a-z]$/i.test(found[0]) ? lastWord(found[0]) : 0);
    const facts = readMetrics(line.slice(at).trim(), counted);
    if (found[0].endsWith('TRAIN :')) return facts.length > 0 ? facts.map(ofTraining) : null;
    if (lines.length === 1) return facts.length > 0 ? facts : null;
    return facts.length > 0 ? facts : readMetrics(lines.slice(1).join(', ').trim(), counted);
  },
};

/** What a model that is evaluated says of its training's data is not what the training has told. */
function ofTraining(point: PointBody): PointBody {
  return { ...point, name: `TRAIN ${point.name}`, canonical: null };
}

function readMetrics(text: string, step: number | null): PointBody[] {
  const stated = statedIn(text);
  if ([...stated.keys()].some((name) => setting.test(name))) return [];
  for (const { index, 0: whole, 1: name = '', 2: value = '' } of text.matchAll(pairs)) {
    const end = index + whole.length;
    stated.set(name, { name, nameAt: index, at: end - value.length, end });
  }
  if (![...stated.keys()].some(namesMeasure)) return [];
  return pointsAt(
    text,
    step,
    [...stated.values()].map((statement) => named(statement, true)),
  );
}

const lastBatch = /^(?: \(\w{1,16}\):)?[ \t]{0,4}\[ {0,8}(\d{1,9})\/\1\] {1,4}Time: /;
const meanBehind = /([A-Za-z][\w@]{0,24}): {1,4}[\w.]{1,20} \( {0,8}([\d.]{1,20}|nan)\)/g;

/** timm: the means that stand behind the last batch's values are those of the whole evaluation, which it prints nowhere else (train.py, validate). */
function readLastBatch(text: string): FactBody[] {
  if (!lastBatch.test(text)) return [];
  const means = Array.from(text.matchAll(meanBehind), ([, name = '', mean = '']): [string, string] => [
    name,
    mean,
  ]);
  return pointsOf(
    means.filter(([name]) => namesMeasure(name)),
    null,
    true,
  );
}

function begins({ line, namesRound }: ReadableLine): boolean {
  return namesRound && line.length <= lineMax && hasWord.test(line) && start.test(line.slice(0, startMax));
}

const hasWord = /test|val|dev|acc@1|cur metric|TRAIN : loss/i;

/** `val loss 10.0`: the word is of the name. */
function lastWord(text: string): number {
  return /[a-z]*$/i.exec(text)?.[0].length ?? 0;
}
