/**
 * Tracebacks that Python's own printer has not written, or of which each line has a label before it, so that they are no event of their own:
 *
 * - rich's boxes (rich/traceback.py; Typer's and Lightning's programs print them): frames as `train.py:12 in main`, the exception below;
 * - IPython's, of notebooks (IPython/core/ultratb.py): the exception's name stands in the heading, and its message at the end;
 * - pdsh's and others' `host: ` before each line;
 * - Ray's of a task that nobody has asked for, behind a heading of its own (python/ray/_private/worker.py).
 *
 * Lines are read one after the other; what is remembered between them is plain JSON and bounded.
 */
import { exceptionLine } from './tracebacks.ts';
import type { RaisedException } from './tracebacks.ts';

export interface DrawnTraceback {
  /** Whose lines are looked at. */
  rank: string;
  kind: 'box' | 'notebook' | 'label';
  /** Of a notebook's: the exception's name. Of a label's: the label, if there is one. */
  text: string;
  /** The last place that is in no library; any, if all are. */
  where: string | null;
  hasOwn: boolean;
  /** Lines to go until it is given up. */
  left: number;
}

export interface DrawnException extends RaisedException {
  where: string | null;
}

const linesMax = 2_000;
const messageMax = 2_000;
const boxStart = /^\s{0,40}[╭┌+][─-]{1,200} Traceback \(most recent call last\) [─-]{1,200}[╮┐+]\s*$/;
const boxMore = /^\s{0,40}[│╰└|+]/;
const boxFrame = /^\s{0,40}[│|] (?:[^│|]{0,400}[/\\])?([^/\\│|]{1,200}):(\d{1,9}) in (\S{1,120})/;
const notebookStart =
  /^((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,120}) {2,80}Traceback \(most recent call last\)\s*$/;
const notebookFrame =
  /^(?:File |~?\/)(?:.{0,400}[/\\])?([^/\\\s:]{1,200})(?::(\d{1,9}))?(?:,)? in (\w{1,120})|^(Cell In\[\d{1,6}\], line \d{1,9})/;
const labelStart = /^([A-Za-z\d][\w.-]{0,63}: )Traceback \(most recent call last\):\s*$/;
const labelFrame = /^ {2}File "(?:[^"]{0,400}[/\\])?([^"/\\]{1,200})", line (\d{1,9}), in (.{1,120})/;
const rayStart = /Unhandled error \(suppress with 'RAY_IGNORE_UNHANDLED_ERRORS=1'\): ray::/;
export const rayHint = 'RAY_IGNORE_UNHANDLED_ERRORS';
const libraries = /[/\\](?:site-packages|dist-packages|lib\/python\d[\d.]*)[/\\]/;

/** `drawn`: the one that is open. `mayStart`: the text speaks of a traceback. */
export function readDrawn(
  text: string,
  rank: string,
  drawn: DrawnTraceback | undefined,
  mayStart: boolean,
): { drawn: DrawnTraceback | undefined; raised: DrawnException | null } {
  if (drawn === undefined && !mayStart) return { drawn, raised: null };
  let open = drawn;
  for (const line of text.split('\n', linesMax)) {
    const begun = mayStart ? startOf(line, rank) : null;
    if (begun !== null) open = begun;
    else if (open !== undefined) {
      const raised = next(open, line);
      if (raised !== null) return { drawn: undefined, raised };
      // A copy: what is given is not changed.
      open = { ...open, ...placeIn(open, line), left: open.left - 1 };
      if (open.left <= 0 || hasEnded(open, line)) open = undefined;
    }
  }
  return { drawn: open, raised: null };
}

function startOf(line: string, rank: string): DrawnTraceback | null {
  const at = { rank, where: null, hasOwn: false, left: linesMax };
  if (boxStart.test(line)) return { ...at, kind: 'box', text: '' };
  const name = notebookStart.exec(line)?.[1];
  if (name !== undefined) return { ...at, kind: 'notebook', text: name };
  if (rayStart.test(line)) return { ...at, kind: 'label', text: '' };
  const label = labelStart.exec(line)?.[1];
  return label === undefined ? null : { ...at, kind: 'label', text: label };
}

function next({ kind, text, where }: DrawnTraceback, line: string): DrawnException | null {
  if (kind === 'notebook') {
    const isIt = line.startsWith(text) && (line.length === text.length || line.startsWith(':', text.length));
    return isIt
      ? {
          type: text,
          message: line
            .slice(text.length + 1)
            .trim()
            .slice(0, messageMax),
          where,
        }
      : null;
  }
  if (kind === 'label' && !line.startsWith(text)) return null;
  const rest = kind === 'label' ? line.slice(text.length) : line.trim();
  if (rest === '' || /^\s/.test(rest) || (kind === 'box' && boxMore.test(line))) return null;
  const found = exceptionLine.exec(rest.slice(0, messageMax));
  return found === null ? null : { type: found[1] ?? '', message: found[2] ?? '', where };
}

/** Below a box, and below frames that nothing stands before, stands the exception, or nothing that belongs to it. */
function hasEnded({ kind, text }: DrawnTraceback, line: string): boolean {
  if (kind === 'box') return line.trim() !== '' && !boxMore.test(line);
  return kind === 'label' && text === '' && /^\S/.test(line);
}

function placeIn({ kind, text, hasOwn }: DrawnTraceback, line: string): Partial<DrawnTraceback> {
  const shown = kind === 'label' && line.startsWith(text) ? line.slice(text.length) : line;
  const found = { box: boxFrame, notebook: notebookFrame, label: labelFrame }[kind].exec(shown);
  if (found === null) return {};
  const isOwn = !libraries.test(line);
  if (!isOwn && hasOwn) return {};
  const [, file, number, name, cell] = found;
  const place = number === undefined ? file : `${file}:${number}`;
  return { where: cell ?? `${place}, in ${name}`, hasOwn: isOwn };
}
