import { CabooseError } from '../core/errors.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'dead-letters',
  usage: 'caboose dead-letters list|replay',
  help: `Not built yet. Will list what could not be taken in, and take it in again.
Meanwhile the dead letters are kept by the transport: nothing is lost.`,
  options: {},
  run() {
    const message = '`caboose dead-letters` is not built yet';
    return Promise.reject(
      new CabooseError('NOT_BUILT', message, {
        hint: 'the dead letters are kept by the transport; nothing is lost',
      }),
    );
  },
};
