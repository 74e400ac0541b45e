/**
 * TensorFlow's errors of a graph (tensorflow/python/framework/errors_impl.py, eager/execute.py): the exception only says `Graph execution error:`.
 * What was wrong stands below, behind blank lines and the stack that has defined the operation, above the operation's name:
 * `<what was wrong>\n\t [[{{node <operation>}}]]`.
 */

export interface GraphError {
  /** Who has raised it. */
  rank: string;
  type: string;
  where: string | null;
  /** It has ended the program. */
  isUncaught: boolean;
  /** The last line, where each is an event of its own. */
  said: string;
  /** Events to go until it is given up. */
  left: number;
}

export const graphErrorEventsMax = 256;

const bareGraphError = /^Graph execution error:?\s*$/;

/** `message`: of the exception. */
export function isBareGraphError(message: string): boolean {
  return bareGraphError.test(message);
}

const operation = '\n\t [[';
/** Of several errors the first: `  (0) INVALID_ARGUMENT:  …`. */
const heading = /^\s{0,8}(?:\(0\) )?(?: ?: )?/;

/** What was wrong, where this text says so; `said`: the line before. */
export function readGraphError(text: string, said = ''): string | null {
  if (said !== '' && text.startsWith('\t [[')) return said.replace(heading, '').trim();
  const at = text.indexOf(operation);
  if (at < 0) return null;
  const lines = text.slice(0, at).split('\n');
  const first = lines.findIndex((line) => heading.exec(line)?.[0].includes('(0)') === true);
  const line = first < 0 ? lines.findLast((each) => each.trim() !== '') : lines[first];
  return line === undefined ? null : line.replace(heading, '').trim();
}
