/**
 * Where on one line the print of another process begins. Python's `print` writes its text and then the line end, each by itself where output is
 * not buffered (`python -u`, PYTHONUNBUFFERED), so that processes that share a pipe come between the two:
 *
 *     step 4 loss 2.6818step 8 loss 2.4350
 *
 *     {'loss': 1.2}{'loss': 1.3}
 *
 * All of them print alike: what begins the line begins again, right behind a number or a closing bracket, where no text goes on like that.
 */

const wordMax = 24;
const objectJoins = ["}{'", '}{"'];
const yearLength = 5;
const stampLength = 16;
const stamp = /^\d{4}[-/]\d{2}[-/]\d{2}[ T]\d{2}:\d{2}/;
/** A number, and not the end of a name: `2.6818`, `1e-05`, not `top5`. */
const numberEnd = /(?:^|[^\w.+-])[+-]?\d[\d.]{0,30}(?:e[+-]?\d{1,4})?$/i;
const lookBack = 48;

/** -1: nowhere. `shown`: a line without ANSI codes. */
export function gluedAt(shown: string): number {
  if (shown.charCodeAt(0) === 123) return objectAt(shown);
  const behind = shown.charCodeAt(0) === 91 ? 1 : 0;
  const isStamp = mayBeStamp(shown, behind);
  const length = isStamp ? behind + yearLength : wordLength(shown, behind);
  if (length === 0) return -1;
  const start = shown.slice(0, length);
  for (let at = shown.indexOf(start, length + 1); at >= 0; at = shown.indexOf(start, at + length))
    if (endsPrint(shown, at) && (!isStamp || stamp.test(shown.slice(at + behind, at + behind + stampLength))))
      return at;
  return -1;
}

/** How much of a line that may go on may be the beginning of another print. */
export function unfinishedStart(shown: string): number {
  if (shown.charCodeAt(0) === 123) return shown.endsWith('}{') ? 1 : 0;
  const behind = shown.charCodeAt(0) === 91 ? 1 : 0;
  const isStamp = mayBeStamp(shown, behind);
  const length = isStamp ? behind + yearLength : wordLength(shown, behind);
  if (length === 0) return 0;
  const start = shown.slice(0, length);
  const startMax = isStamp ? behind + stampLength : length;
  for (let at = Math.max(length + 1, shown.length - startMax); at < shown.length; at += 1) {
    const rest = shown.slice(at);
    if ((start.startsWith(rest) || rest.startsWith(start)) && endsPrint(shown, at)) return rest.length;
  }
  return 0;
}

function objectAt(shown: string): number {
  for (const join of objectJoins) {
    const at = shown.indexOf(join);
    if (at >= 0) return at + 1;
  }
  return -1;
}

/** `2026-11-…`, of this century. */
function mayBeStamp(shown: string, at: number): boolean {
  return shown.charCodeAt(at + 4) === 45 && shown.charCodeAt(at + 7) === 45 && shown.charCodeAt(at) === 50;
}

/** How much of the line is looked for again: its first word, and what ends that; 0: it begins with none. `behind`: a bracket before it. */
function wordLength(shown: string, behind: number): number {
  let end = behind;
  while (end < wordMax && isLetter(shown.charCodeAt(end))) end += 1;
  if (end < 4 || end === wordMax) return 0;
  const next = shown.charCodeAt(end);
  // Space, colon, equals sign; behind a bracket digits, too.
  return next === 32 || next === 58 || next === 61 ? end + 1 : behind * end;
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
}

/** Does a print end before `at`, with a number or a closing bracket? */
function endsPrint(shown: string, at: number): boolean {
  const before = shown.charCodeAt(at - 1);
  if (before === 125 || before === 93 || before === 41 || before === 37) return true;
  return before > 47 && before < 58 && numberEnd.test(shown.slice(Math.max(0, at - lookBack), at));
}
