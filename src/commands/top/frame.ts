import { ageText, byteText, rankText } from '../runs.ts';
import type { TopRow } from './row.ts';
import { alignedRows } from '../terminal-text.ts';

const titles = [
  'RUN',
  'ATT',
  'RANKS',
  'STEP',
  'LOSS',
  'STEPS/S',
  'PROGRESS',
  'ETA',
  'TOKENS/S',
  'GPU',
  'WRITTEN/S',
  'LAST',
  'MISSING',
  'STATE',
] as const;
/** Those that read as text; numbers are set to the right. */
const textColumns: ReadonlySet<string> = new Set(['RUN', 'RANKS', 'STATE']);
/** Shown where a run says how far it is. */
const progressColumns: ReadonlySet<string> = new Set(['PROGRESS', 'ETA']);
/** A run's name may take so much of the width. */
const nameColumnsMax = 40;
const labelColumnsMax = 16;

/**
 * The table as lines of at most `columns` characters, at most `lines` of them: the runs, then what is wrong with which, in full as far as there is
 * room. Says how many runs it leaves out.
 */
export function frame(
  rows: readonly TopRow[],
  now: number,
  { columns, lines }: { columns: number; lines: number },
): string[] {
  const troubles = rows.flatMap(({ run, trouble }) => (trouble === null ? [] : [`${run}: ${trouble}`]));
  const roomForTroubles = Math.min(troubles.length, Math.max(0, Math.floor((lines - 2) / 3)));
  const summary = summaryLine(rows, now);
  const roomForRows = Math.max(1, lines - 2 - (roomForTroubles === 0 ? 0 : roomForTroubles + 1));
  const isCut = rows.length > roomForRows;
  const shown = rows.slice(0, isCut ? roomForRows - 1 : roomForRows);
  const hasProgress = rows.some(({ progress }) => progress !== null);
  const isShown = (column: number) => hasProgress || !progressColumns.has(titles[column] ?? '');
  const texts = [titles, ...shown.map((row) => cells(row, now))].map((line) =>
    line.filter((_, column) => isShown(column)),
  );
  const [head = []] = texts;
  const table = alignedRows(texts, (column) => textColumns.has(head[column] ?? ''));
  const rest = isCut ? [`… and ${rows.length - shown.length} more`] : [];
  const told = roomForTroubles === 0 ? [] : ['', ...troubles.slice(0, roomForTroubles)];
  return [summary, ...table, ...rest, ...told].map((line) => cut(plain(line), columns)).slice(0, lines);
}

function summaryLine(rows: readonly TopRow[], now: number): string {
  const count = (state: TopRow['state']) => rows.filter((row) => row.state === state).length;
  const time = new Date(now).toISOString().slice(11, 19);
  if (rows.length === 0) return `${time} UTC  no runs`;
  const runs = rows.length === 1 ? '1 run' : `${rows.length} runs`;
  return `${time} UTC  ${runs}: ${count('active')} active, ${count('quiet')} quiet, ${count('failed')} failed`;
}

function cells(row: TopRow, now: number): string[] {
  return [
    row.run.length > nameColumnsMax ? `${row.run.slice(0, nameColumnsMax - 1)}…` : row.run,
    String(row.attempt),
    rankText(row.ranks),
    stepText(row),
    row.loss === null ? '-' : numberText(row.loss),
    row.stepsPerSecond === null ? '-' : numberText(row.stepsPerSecond),
    progressText(row.progress),
    row.progress === null || row.progress.etaMs === null ? '-' : ageText(row.progress.etaMs),
    row.tokensPerSecond === null ? '-' : numberText(row.tokensPerSecond),
    row.gpuUtilization === null ? '-' : `${Math.round(row.gpuUtilization * 100)} %`,
    row.bytesPerSecond === null ? '-' : byteText(row.bytesPerSecond),
    ageText(now - row.last),
    row.gapBytes === 0 ? '-' : byteText(row.gapBytes),
    row.state,
  ];
}

/** `1200`, or `1150…1200` where ranks are apart. */
function stepText({ step, stepLeast }: TopRow): string {
  if (step === null) return '-';
  return stepLeast === null || stepLeast === step ? String(step) : `${stepLeast}…${step}`;
}

/** `450/1000`; a bar that names itself may be of an epoch, or of what is done before the training. */
function progressText(progress: TopRow['progress']): string {
  if (progress === null) return '-';
  const { label, step, total } = progress;
  const name =
    label !== null && label.length > labelColumnsMax ? `${label.slice(0, labelColumnsMax - 1)}…` : label;
  return name === null ? `${step}/${total}` : `${name} ${step}/${total}`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || (size < 1e-3 && size > 0)) return value.toExponential(2);
  return size >= 100 ? String(Math.round(value)) : value.toPrecision(4);
}

/** Names and messages come from files: nothing in them may command the terminal. */
function plain(line: string): string {
  return line.replace(/\p{Cc}/gu, ' ');
}

function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line;
}
