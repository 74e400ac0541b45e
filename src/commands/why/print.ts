/** An answer for a person who was woken by the alarm: what, which rank, when, where it is written, what is only its echo, what to try. */
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { adviceFor, headlineFor } from '../../train/incidents/advice.ts';
import type { Blame } from '../../train/incidents/blame.ts';
import type { RunCause } from '../../train/incidents/run-failures.ts';
import { clockOf } from '../../train/incidents/timeline.ts';
import { excerptsOf } from './excerpts.ts';
import type { Excerpt } from './excerpts.ts';
import { ledgerText } from './ledger-text.ts';
import type { RunReading } from './read-run.ts';
import { withoutControls } from '../terminal-text.ts';

const evidenceShownMax = 3;
/** Where the time of a shorter run went says nothing. */
const timeToldMinMs = 60_000;
const blamesShownMax = 8;
const columnsMax = 160;
const echoColumnsMax = 100;
const messageColumnsMax = 320;

/** `cwd`: files are named from there. */
export async function runText(reading: RunReading, cwd: string): Promise<string> {
  const { run, causes, ledger, files, events, ranks, dropped } = reading;
  const read = `${counted(files, 'file')}, ${counted(events, 'event')}${ranks > 0 ? `, ${counted(ranks, 'rank')}` : ''}`;
  const [first] = causes;
  const time = ledger === null || ledger.totalMs < timeToldMinMs ? '' : `\n  ${ledgerText(ledger)}\n`;
  if (first === undefined) return `${run}: nothing went wrong, as far as its files tell (${read})\n${time}`;
  const blocks = [`${run}: ${headline(first)} (${read})\n`];
  for (const [i, cause] of causes.entries()) blocks.push(await causeText(cause, i, reading, cwd));
  if (dropped > 0) blocks.push(`\n  ${dropped} more observations were left out: there were too many\n`);
  return `${blocks.join('')}${time}`;
}

/** Machines that failed more than once; empty if there are none. */
export function blameText(blame: readonly Blame[]): string {
  const lines = blame
    .filter(({ failures }) => failures > 1)
    .slice(0, blamesShownMax)
    .map(({ host, gpu, failures, runs, classes }) => {
      const where = gpu === null ? host : `${host}, GPU ${gpu}`;
      return `  ${where}: ${failures} times in ${counted(runs.length, 'run')} (${classes.join(', ')})\n`;
    });
  return lines.length === 0 ? '' : `\nWhere it failed first, again and again:\n${lines.join('')}`;
}

function headline(cause: RunCause): string {
  if (cause.role === 'warning') return 'no failure, but look at this';
  return headlineFor(cause);
}

async function causeText(
  cause: RunCause,
  i: number,
  { ranks: known }: RunReading,
  cwd: string,
): Promise<string> {
  const { title, tries } = adviceFor(cause.class, cause.details, cause.message);
  const lines: string[] = ['', `  ${i + 1}. ${cause.class}${i === 0 ? '' : `: ${title}`}`];
  const who = whoAndWhen(cause, known > 1);
  if (who !== '') lines.push(`     ${who}`);
  lines.push(`     ${printable(cause.message, messageColumnsMax)}`, '');
  const evidence = cause.evidence.slice(0, evidenceShownMax);
  for (const [n, { path, start, end }] of evidence.entries()) {
    const [excerpt] = await excerptsOf(path, [{ start, end }]);
    lines.push(`     ${relative(cwd, path)}${place(excerpt)}  (bytes ${start}–${end})`);
    if (n === 0) for (const line of shownLines(excerpt, cause)) lines.push(`       | ${printable(line)}`);
  }
  const more = cause.evidence.length - evidence.length;
  if (more > 0) lines.push(`     and ${more} more`);
  if (cause.echo.length > 0) lines.push('', '     Echo, not the cause:');
  for (const { class: name, ranks, message, evidence: at } of cause.echo) {
    const [excerpt] = await excerptsOf(at.path, [at]);
    const who = ranks.length === 0 ? '' : ` ${ranksText(ranks)}`;
    lines.push(
      `       ${name}${who}: ${printable(message, echoColumnsMax)}  ${relative(cwd, at.path)}${place(excerpt)}`,
    );
  }
  if (tries.length > 0) lines.push('', '     Try:', ...tries.map((text) => `       - ${text}`));
  return `${lines.join('\n')}\n`;
}

/** A single line that the message has told already is not shown again. */
function shownLines(excerpt: Excerpt | undefined, { message }: RunCause): readonly string[] {
  const lines = excerpt?.lines ?? [];
  return lines.length === 1 && lines[0]?.trim() === message ? [] : lines;
}

/** What goes without saying is left out: the rank of a run that has one process, and the attempt of one that was never started again. */
function whoAndWhen(cause: RunCause, hasRanks: boolean): string {
  const { rank, ranks, attempts, restarted, details, evidence } = cause;
  const parts: string[] = [];
  if (rank !== null) parts.push(`rank ${rank}`);
  else if (hasRanks) parts.push('rank unknown');
  if (ranks.length > 1) parts.push(`the same on ${ranksText(ranks)}`);
  if (restarted || attempts.length > 1 || attempts[0] !== 0)
    parts.push(`attempt ${attempts.join(', ')}${restarted ? ', started again since' : ''}`);
  const [first] = evidence;
  // Without a time of its own, only that of its file is known.
  if (first !== undefined && clockOf(first) === 'own') {
    const time = `${new Date(cause.time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    parts.push(details.since === undefined ? time : `after ${time}`);
  }
  return parts.join(' · ');
}

function place(excerpt: Excerpt | undefined): string {
  return excerpt === undefined || excerpt.line === null ? '' : `:${excerpt.line}`;
}

/** `rank 3`, `ranks 0–6, 8`. */
export function ranksText(ranks: readonly number[]): string {
  const spans: [number, number][] = [];
  for (const rank of ranks) {
    const last = spans.at(-1);
    if (last !== undefined && last[1] === rank - 1) last[1] = rank;
    else spans.push([rank, rank]);
  }
  const text = spans.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
  return `rank${ranks.length === 1 ? '' : 's'} ${text}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function printable(line: string, max = columnsMax): string {
  const text = withoutControls(stripVTControlCharacters(line));
  return text.length > max ? `${text.slice(0, max)}…` : text;
}
