import { CabooseError } from '../core/errors.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'why',
  usage: 'caboose why PATH…|RUN',
  help: `Not built yet. Will say what went wrong in a run, first cause first, also on a plain directory.
Meanwhile caboose search --level error finds the errors.`,
  options: {},
  run() {
    const message = '`caboose why` is not built yet';
    return Promise.reject(new CabooseError('NOT_BUILT', message, { hint: 'caboose search --level error' }));
  },
};
