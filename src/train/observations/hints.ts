import { phaseHints } from '../phases.ts';
import { rayHint } from './drawn-tracebacks.ts';
import { exitHints } from './exits.ts';
import { signatures } from './signatures.ts';
import { textFinder } from './text-filter.ts';

export const tracebackHint = 'Traceback (most recent';
export const javaHint = '\n\tat ';
/** R's, of what has ended a script. */
export const rHints: readonly string[] = ['Error in ', 'Error: '];
/** Python goes on behind these: what finalizers, callbacks and its logging raise. */
export const ignoredHints: readonly string[] = ['Exception ignored ', '--- Logging error ---'];

/** What is in a text of the hints that it tells of a failure, an exit or a phase: they have no digits, so that it hangs on a line's shape alone. */
export const hintsIn = textFinder([
  ...new Set([
    ...signatures.flatMap(({ hints }) => hints),
    ...exitHints,
    ...phaseHints,
    tracebackHint,
    javaHint,
    'exc_type',
    ...ignoredHints,
    rayHint,
    '-- Process ',
    ...rHints,
  ]),
]);
