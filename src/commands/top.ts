import { CabooseError } from '../core/errors.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'top',
  usage: 'caboose top',
  help: `Not built yet. Will show the runs and their health, live in the terminal.
Meanwhile there are caboose runs, and the page of caboose up.`,
  options: {},
  run() {
    const message = '`caboose top` is not built yet';
    return Promise.reject(
      new CabooseError('NOT_BUILT', message, { hint: 'caboose runs, or the page of caboose up' }),
    );
  },
};
