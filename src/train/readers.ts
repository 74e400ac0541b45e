/** The readers of all frameworks and formats, in the order in which they are asked. */
import type { EventKind } from '../core/event.ts';
import type { Origin } from '../core/segment.ts';
import { boxTableReader, shownTableReader } from './box-tables.ts';
import { catboostReader } from './catboost.ts';
import { columnTableReader } from './column-tables.ts';
import { darknetReader } from './darknet.ts';
import { epochBatchReader, epochLineReader, monaiReader } from './epoch-lines.ts';
import { episodeReader, epochBlockReader, epochSummaryReader } from './epoch-summaries.ts';
import { espnetReader } from './espnet.ts';
import { evaluationReader } from './evaluations.ts';
import { icefallReader } from './icefall.ts';
import { indexedLineReader } from './indexed-lines.ts';
import { iterationLineReader } from './iteration-lines.ts';
import { kerasReader } from './keras.ts';
import { keyValueTableReader } from './key-value-table.ts';
import { loggedDictReader } from './logged-dict.ts';
import { marianReader } from './marian.ts';
import { megatronReader } from './megatron.ts';
import { mlflowReader } from './mlflow.ts';
import { nemoReader } from './nemo-rl.ts';
import { nnunetReader } from './nnunet.ts';
import { paddleHapiReader } from './paddle-hapi.ts';
import { parlaiReader } from './parlai.ts';
import { pipeTableReader } from './pipe-tables.ts';
import { printedDictBlockReader, printedDictReader } from './printed-dict.ts';
import { progressBarReader, progressLineReader } from './progress-bar.ts';
import { recordReader, rowReader } from './records.ts';
import { resourceReader } from './resources.ts';
import { roundsAboveReader } from './rounds-above.ts';
import { rowsBelowReader } from './rows-below.ts';
import { separatedStatementReader } from './separated-statements.ts';
import { reinforcementReader } from './reinforcement.ts';
import { rslReader } from './rsl-rl.ts';
import { sklearnReader } from './sklearn.ts';
import { sockeyeReader } from './sockeye.ts';
import { statementBlockReader } from './statement-blocks.ts';
import { statementReader } from './statements.ts';
import { tensorboardReader } from './tensorboard.ts';
import { trainerMetricsReader } from './trainer-metrics.ts';
import { trainerStateReader } from './trainer-state.ts';
import { treeLineReader } from './tree-lines.ts';
import { trialReader } from './trials.ts';
import { wandbReader, wandbSummaryReader } from './wandb.ts';
import type { FactReader, LineReader, OriginReader } from './reader.ts';

const originReaders: readonly OriginReader[] = [resourceReader, mlflowReader, wandbSummaryReader];

/** More specific ones first. */
const readers: readonly (FactReader | LineReader)[] = [
  kerasReader,
  paddleHapiReader,
  columnTableReader,
  shownTableReader,
  progressBarReader,
  progressLineReader,
  trainerStateReader,
  tensorboardReader,
  wandbReader,
  rowReader,
  recordReader,
  printedDictReader,
  printedDictBlockReader,
  trainerMetricsReader,
  statementBlockReader,
  parlaiReader,
  megatronReader,
  keyValueTableReader,
  pipeTableReader,
  boxTableReader,
  indexedLineReader,
  catboostReader,
  darknetReader,
  rslReader,
  reinforcementReader,
  sockeyeReader,
  treeLineReader,
  trialReader,
  rowsBelowReader,
  roundsAboveReader,
  nemoReader,
  sklearnReader,
  nnunetReader,
  espnetReader,
  icefallReader,
  marianReader,
  epochLineReader,
  epochBatchReader,
  monaiReader,
  episodeReader,
  loggedDictReader,
  iterationLineReader,
  separatedStatementReader,
  epochBlockReader,
  epochSummaryReader,
  evaluationReader,
  statementReader,
];

/** Those that may match an event of a kind. */
export const readersOf: Readonly<Record<EventKind, readonly (FactReader | LineReader)[]>> = {
  line: readers.filter((reader) => isOf(reader, 'line')),
  record: readers.filter((reader) => isOf(reader, 'record')),
  progress: readers.filter((reader) => isOf(reader, 'progress')),
  traceback: [],
};

function isOf(reader: FactReader | LineReader, kind: EventKind): boolean {
  return 'find' in reader ? kind === 'line' : (reader.kinds?.includes(kind) ?? true);
}

const readerByOrigin = new WeakMap<Origin, OriginReader | null>();

/** The one reader of what comes from an origin, if it is known by that. */
export function readerOf(origin: Origin): OriginReader | null {
  let known = readerByOrigin.get(origin);
  if (known === undefined) {
    known = originReaders.find((reader) => reader.knows(origin)) ?? null;
    readerByOrigin.set(origin, known);
  }
  return known;
}
