/** The subcommands, in the order of the help. Each is imported only when it runs: start-up time matters. */
import type { Command } from './command.ts';

export interface RegisteredCommand {
  name: string;
  summary: string;
  readonly load: () => Promise<{ command: Command }>;
}

export const registry: readonly RegisteredCommand[] = [
  {
    name: 'up',
    summary: 'one process, no servers: follow PATHs, store, search, metrics and the page',
    load: async () => await import('./up.ts'),
  },
  {
    name: 'agent',
    summary: 'ship files to the transport',
    load: async () => await import('./agent.ts'),
  },
  {
    name: 'indexer',
    summary: 'take segments from the transport, write events and metrics to the index',
    load: async () => await import('./indexer.ts'),
  },
  {
    name: 'cat',
    summary: 'print the original bytes of a run, a stream or a file',
    load: async () => await import('./cat.ts'),
  },
  {
    name: 'search',
    summary: 'find events',
    load: async () => await import('./search.ts'),
  },
  {
    name: 'events',
    summary: 'dry run: how files are cut into events',
    load: async () => await import('./events.ts'),
  },
  {
    name: 'points',
    summary: 'the training points of files or of a run',
    load: async () => await import('./points.ts'),
  },
  {
    name: 'why',
    summary: 'what went wrong, first cause first: files, directories or a run',
    load: async () => await import('./why.ts'),
  },
  {
    name: 'audit',
    summary: 'account for every byte: files, transport, index',
    load: async () => await import('./audit.ts'),
  },
  {
    name: 'runs',
    summary: 'the runs that the index knows',
    load: async () => await import('./runs.ts'),
  },
  {
    name: 'top',
    summary: 'the runs and how they do, live in the terminal',
    load: async () => await import('./top.ts'),
  },
  {
    name: 'validate',
    summary: 'check a config file: all errors at once, with the line',
    load: async () => await import('./validate.ts'),
  },
  {
    name: 'replay',
    summary: 'index a run again from its segments',
    load: async () => await import('./replay.ts'),
  },
  {
    name: 'dead-letters',
    summary: 'list or replay what could not be taken in',
    load: async () => await import('./dead-letters.ts'),
  },
  {
    name: 'help',
    summary: 'help on a command',
    load: async () => await import('./help.ts'),
  },
];
