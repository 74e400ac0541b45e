/**
 * Records with fields: JSON loggers (nested keys are joined with `.`) and rows of CSV files. A JSON record's step is its
 * `step` field, by whatever name (ms-swift: `"global_step/max_steps": "10/1000"`), or else its whole `epoch`, as in the log.txt of DETR, DeiT and MAE
 * (engine.py, main.py); without one only a loss is a point, so that settings are not. A row's step is its `step` column, or, as Keras' CSVLogger
 * writes none, its `epoch`.
 */
import { wordsIn } from '../core/record-words.ts';
import type { FactBody } from '../core/fact.ts';
import { canonicalName, isMetricName, isStepName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readStep } from './numbers.ts';
import { point } from './reader.ts';
import type { FactReader } from './reader.ts';

type Fields = Record<string, unknown>;

const depthMax = 4;
const pointsMax = 1024;
const wordsMax = 64 * 1024;
/** What loggers say about an exception, the process and themselves. */
const skippedObjects: ReadonlySet<string> = new Set([
  'config',
  'exception',
  'exc_info',
  'error',
  'process',
  'thread',
  'level',
  'file',
  'time',
  'elapsed',
  'locals',
  'args',
]);

/** Every other column of a metrics file was written as a metric, timings too. */
const coordinates = /^(?:epoch|time|timestamp|wall_time|created_at|rank)$/i;

export const rowReader: FactReader = {
  format: 'CSV',
  kinds: ['record'],
  matches: ({ event, line }) => event.fields !== undefined && !line.trimStart().startsWith('{'),
  read({ event }) {
    const fields = event.fields ?? {};
    const step = stepIn(fields) ?? readStep(fields['epoch']);
    if (step === null) return [];
    const facts: FactBody[] = [];
    for (const name in fields) {
      const value = fields[name];
      if (typeof value === 'number' && !isStepName(name) && !coordinates.test(name))
        facts.push(point(step, name, value));
    }
    return facts;
  },
};

export const recordReader: FactReader = {
  format: 'JSON lines',
  kinds: ['record'],
  matches: ({ event }) => event.fields !== undefined,
  read({ event }) {
    const fields = event.fields ?? {};
    if (statesSettings(fields)) return [];
    const loguru = objectAt(fields, 'record');
    const source = loguru === null ? fields : (objectAt(loguru, 'extra') ?? {});
    const step = stepIn(source) ?? epochOf(source, event.message);
    const total = readStep(source['total_steps'] ?? source['max_steps']);
    const facts: FactBody[] = [];
    for (const [name, value] of numbersIn(source)) {
      const canonical = canonicalName(name);
      if (step === null && (canonical !== 'loss' || name.includes('.'))) continue;
      const stated = point(step, name, value);
      if (total !== null) stated.total = total;
      facts.push(stated);
    }
    return facts.length > 0 ? facts : null;
  },
};

/** What a record that states nothing by its fields says in words: the first lines of it. */
export function wordsOf(fields: Fields): string {
  const said = objectAt(fields, 'record') ?? fields;
  if (statesSettings(fields)) return '';
  return wordsIn(said)?.slice(0, wordsMax).trimEnd() ?? '';
}

const settings = /^(?:config(?:uration)?|settings|hparams|hyper_?parameters|arg(?:ument)?s)$/i;

/** Numbers of a record that announces the run's settings are no points. */
function statesSettings(fields: Fields): boolean {
  return ['event', 'type', 'message', 'msg'].some((name) => {
    const value = fields[name];
    return typeof value === 'string' && settings.test(value);
  });
}

function stepIn(fields: Fields): number | null {
  for (const name in fields) {
    const step = isStepName(name) ? readStep(fields[name]) : null;
    if (step !== null) return step;
  }
  const doneOfAll = fields['global_step/max_steps'];
  const done = typeof doneOfAll === 'string' ? /^(\d{1,12})\/\d{1,12}$/.exec(doneOfAll)?.[1] : undefined;
  return done === undefined ? null : Number(done);
}

/** The epoch, written as a whole number, of a record that states what was measured in it. */
function epochOf(fields: Fields, text: string): number | null {
  const epoch = readStep(fields['epoch']);
  if (epoch === null || !/"epoch": ?\d{1,9}\s?[,}]/.test(text)) return null;
  const isMeasured = Object.keys(fields).some((name) => namesMeasure(name) && canonicalName(name) !== null);
  return isMeasured ? epoch : null;
}

function numbersIn(fields: Fields): [name: string, value: number][] {
  const found: [string, number][] = [];
  collect(fields, '', 0, found);
  return found;
}

function collect(fields: Fields, prefix: string, depth: number, found: [string, number][]): void {
  for (const key in fields) {
    if (found.length >= pointsMax) return;
    const value = fields[key];
    if (typeof value === 'number') {
      if (isMetricName(key)) found.push([prefix + key, value]);
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (depth < depthMax && !skippedObjects.has(key))
        collect(value as Fields, `${prefix}${key}.`, depth + 1, found);
    }
  }
}

function objectAt(fields: Fields, name: string): Fields | null {
  const value = fields[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
