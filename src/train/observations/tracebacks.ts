/**
 * Reads a Python traceback as it is printed (CPython's Lib/traceback.py; chained exceptions, exception groups, and the workers of
 * PyTorch's DataLoader, which print the traceback of the worker behind their own). Loguru's `> File` is understood.
 */

export interface RaisedException {
  type: string;
  message: string;
}

export interface Traceback {
  /** The one that was raised first comes first: they are printed in that order, but for those of a group, and those that a message quotes. */
  exceptions: RaisedException[];
  /** Name of the function in which the last traceback begins, not counting those in a group: `<module>` where nothing caught the exception. */
  outermost: string | null;
  /** `train.py:88, in step`: the last frame that is in no library, of the last traceback; of any, if all are. */
  where: string | null;
  /** The text ends inside of the frames: what was raised comes later, or never. */
  isOpen: boolean;
}

const groupEdge = /^ {1,64}(?:\+[-+ \d]{0,80}|\| ?)/;
/** Of a member of a group; the group itself is drawn two columns to the left. */
const inGroup = /^ {4,64}\| ?Traceback /;
const start = /Traceback \(most recent call last\):\s*$/;
const frame =
  /^\s{0,32}(?:> )?File "(?:[^"]{0,400}[/\\])?([^"/\\]{1,200})", line (\d{1,9})(?:, in (.{1,120}))?/;
const chain =
  /^(?:During handling of the above exception|The above exception was the direct cause|Original Traceback|Exception Group)/;
export const exceptionLine = /^((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,120})(?:: ?(.*)|)$/;

const libraries = /[/\\](?:site-packages|dist-packages|lib\/python\d[\d.]*)[/\\]|File "<frozen /;

const linesMax = 20_000;
const messageMax = 2_000;
const exceptionsMax = 64;

/** Null: there is none in the text, which is without launchers' prefixes. */
export function readTraceback(text: string): Traceback | null {
  const traceback: Traceback = { exceptions: [], outermost: null, where: null, isOpen: false };
  const isGroup = text.includes('Exception Group Traceback');
  let found = false;
  let isFirstFrame = false;
  let hasOwn = false;
  let raised: RaisedException | null = null;
  const grouped: RaisedException[] = [];
  let isGrouped = false;
  for (const raw of text.split('\n', linesMax)) {
    const line = plainLine(raw, isGroup);
    if (start.test(line)) {
      // Ray quotes what a worker has raised in its own message: no line tells of a chain between.
      isGrouped = raised !== null || (isGroup && inGroup.test(raw));
      // The worker's own traceback says what the exception before it was about; nothing is known of who could catch that one.
      if (line.startsWith('Original')) traceback.exceptions.pop();
      else isFirstFrame = !isGrouped;
      found = true;
      hasOwn = false;
      raised = null;
      traceback.isOpen = true;
    } else if (traceback.isOpen) {
      const at = frame.exec(line);
      if (at !== null) {
        if (isFirstFrame) traceback.outermost = at[3] ?? null;
        isFirstFrame = false;
        const isOwn = !libraries.test(line);
        if (isOwn || traceback.where === null || !hasOwn) traceback.where = placeOf(at);
        hasOwn ||= isOwn;
      } else if (line !== '' && !/^[\s|+]/.test(line)) {
        raised = exceptionOf(line);
        if (raised === null) continue;
        traceback.isOpen = false;
        const raisedSoFar = isGrouped ? grouped : traceback.exceptions;
        if (raisedSoFar.length < exceptionsMax) raisedSoFar.push(raised);
      }
    } else if (chain.test(line) || frame.test(line)) {
      // A frame is another process's that prints its traceback at the same time.
      raised = null;
    } else if (raised !== null && raised.message.length < messageMax && line.trim() !== '') {
      raised.message = `${raised.message}\n${line}`.slice(0, messageMax);
    }
  }
  traceback.exceptions.unshift(...grouped);
  return found ? traceback : null;
}

function placeOf([, file, line, name]: RegExpExecArray): string {
  return `${file ?? ''}:${line ?? ''}${name === undefined ? '' : `, in ${name}`}`;
}

/** What stands on the line behind a traceback. */
export function exceptionOf(line: string): RaisedException | null {
  const found = exceptionLine.exec(line.slice(0, messageMax));
  return found === null ? null : { type: found[1] ?? '', message: found[2] ?? '' };
}

function plainLine(raw: string, isGroup: boolean): string {
  const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
  if (!isGroup) return line;
  return line.replace(groupEdge, '');
}
