/**
 * What launchers put before each line that a process has written: torchrun `[default1]:` (its `--role` and the local rank) and PyTorch `[rank1]: `,
 * which may stack; TorchX's `ddp/0 [1]:` (role, replica; torchrun without a role; torchx/components/dist.py, cli/cmd_log.py); Open MPI's
 * `--tag-output` `[1,3]<stderr>:` (job, rank; orte/mca/iof/base/iof_base_output.c), with `--timestamp-output` behind a time, `Mon Nov 23 10:00:00 2026[1,3]<stderr>:`, and, from version 5, `[prterun-host-123@1,3]<stderr>: `; Horovod `[3]<stderr>:` (horovod/runner/gloo_run.py); Ray's
 * `(TrainWorker pid=123, ip=10.0.0.1) ` (python/ray/_private/worker.py, print_worker_logs), which names no rank; `kubectl logs --prefix`, `[pod/train-3/main] `.
 * The innermost names the rank. `srun --label` puts `3: ` before a line, which is told from other text by the lines around it only.
 */
export interface LauncherPrefix {
  rank: number | null;
  /** How many characters of the text are the prefix; 0: there is none. */
  length: number;
  /** Of a prefix that tells processes apart without a rank: itself. */
  source: string | null;
}

const bracketed =
  /\[(?:(?:default|rank|trainer|worker)(\d{1,6})\]: ?|(?:\d{1,10},)?(\d{1,6})\]<std(?:out|err|diag)>:|[\w.@-]{1,128}@\d{1,10},(\d{1,6})\]<std(?:out|err)>: ?|pod\/[\w.-]{1,253}\/[\w.-]{1,253}\] ?)/y;
const parenthesized =
  /\((?:[\w.<>[\]:-]{1,128} pid=\d{1,10}(?:, ip=[\w.:]{1,64})?|raylet(?:, ip=[\w.:]{1,64})?)\) ?/y;
const torchx = /^[A-Za-z][\w.-]{0,63}\/(\d{1,6}) \[(\d{1,6})\]:/;
/** Open MPI's `--timestamp-output`, with `--tag-output` or without. */
const mpiTime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?:<std(?:out|err|diag)>:|(?=\[))/;
const mpiTimeLength = 24;
const depthMax = 4;
const prefixMax = 1024;

export function readLauncherPrefix(text: string): LauncherPrefix {
  const first = text.charCodeAt(0);
  const isLetter = first > 64 && first !== 91;
  let length = isLetter ? mpiTimeOf(text) : 0;
  const mayBeTorchx = length === 0 && isLetter && hasSlashBehindName(text);
  if (first !== 91 && first !== 40 && !mayBeTorchx && length === 0) return noPrefix;
  let rank: number | null = null;
  let source: string | null = null;
  if (mayBeTorchx) {
    const [whole, replica, local] = torchx.exec(text) ?? [];
    if (whole === undefined) return noPrefix;
    length = whole.length;
    // Of the first machine; how many ranks each has is not told.
    if (replica === '0') rank = Number(local);
    else source = whole;
  }
  for (let depth = 0; depth < depthMax; depth += 1) {
    const pattern = text.charCodeAt(length) === 40 ? parenthesized : bracketed;
    pattern.lastIndex = length;
    const found = pattern.exec(text);
    if (found === null) break;
    const named = found[1] ?? found[2] ?? found[3];
    if (named === undefined) source = (source ?? '') + found[0];
    else rank = Number(named);
    length += found[0].length;
  }
  return length === 0 ? noPrefix : { rank, length, source };
}

function mpiTimeOf(text: string): number {
  const behind = text.charCodeAt(mpiTimeLength);
  if ((behind !== 60 && behind !== 91) || text.charCodeAt(3) !== 32) return 0;
  const length = mpiTime.exec(text)?.[0].length ?? 0;
  if (length !== mpiTimeLength) return length;
  bracketed.lastIndex = length;
  return bracketed.test(text) ? length : 0;
}

/** Most lines begin with a word and a space: they are told apart without the pattern. */
function hasSlashBehindName(text: string): boolean {
  let at = 1;
  while (at < 64 && text.charCodeAt(at) > 44 && text.charCodeAt(at) !== 47) at += 1;
  return text.charCodeAt(at) === 47;
}

export const noPrefix: LauncherPrefix = { rank: null, length: 0, source: null };

/** Python's, of what was raised. */
export const pythonStart = 'Traceback (most recent call last):';

const label = /^ {0,6}(\d{1,6}):(?: |$)/;

/** The number before a line that `srun --label` may have put there. */
export function readTaskLabel(text: string): LauncherPrefix | null {
  const first = text.charCodeAt(0);
  if (first !== 32 && (first < 48 || first > 57)) return null;
  const found = label.exec(text);
  return found === null ? null : { rank: Number(found[1]), length: found[0].length, source: null };
}

/** The prefix of a launcher behind the label of a task (torchrun under `srun --label`): it names a rank of the first machine, or tells processes apart. */
export function readLabelledPrefix(text: string, task: LauncherPrefix): LauncherPrefix {
  const inner = readLauncherPrefix(text.slice(task.length, task.length + prefixMax));
  if (inner.length === 0) return task;
  const length = task.length + inner.length;
  return task.rank === 0 ? { ...inner, length } : { rank: null, length, source: text.slice(0, length) };
}

/** The text with no line that has the prefix of a launcher, or the label of the task `rank`, if its first line has one. */
export function withoutLauncherPrefixes(text: string, rank: number | null): string {
  const first = text.charCodeAt(0);
  const mayHave = first === 40 || first > 64 || mayHaveLabel(text);
  const hasPrefix = mayHave && withoutPrefix(text, rank) !== text;
  if (!hasPrefix && !hasPrefixBelow(text, rank)) return text;
  return text
    .split('\n')
    .map((line) => withoutPrefix(line, rank))
    .join('\n');
}

/** The first line of a traceback may be glued to a bar, and so have none. */
function hasPrefixBelow(text: string, rank: number | null): boolean {
  if (rank === null || !text.startsWith(pythonStart)) return false;
  const lineEnd = text.indexOf('\n');
  return lineEnd >= 0 && readLauncherPrefix(text.slice(lineEnd + 1, lineEnd + prefixMax)).length > 0;
}

/** Most lines that begin with a number have a time there: they are told apart without the pattern. */
function mayHaveLabel(text: string): boolean {
  let at = 0;
  while (text.charCodeAt(at) === 32) at += 1;
  while (text.charCodeAt(at) > 47 && text.charCodeAt(at) < 58) at += 1;
  return at > 0 && text.charCodeAt(at) === 58;
}

function withoutPrefix(text: string, rank: number | null): string {
  const { length } = readLauncherPrefix(text);
  if (length > 0) return text.slice(length);
  const task = readTaskLabel(text);
  if (task === null) return text;
  const labelled = readLabelledPrefix(text, task);
  return labelled.length > task.length || task.rank === rank ? text.slice(labelled.length) : text;
}
