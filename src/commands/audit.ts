import { CabooseError } from '../core/errors.ts';
import { deepAudit } from './audit/deep.ts';
import { isFault } from './audit/findings.ts';
import type { Account, Finding } from './audit/findings.ts';
import { quickAudit } from './audit/quick.ts';
import { gatherSubjects } from './audit/subjects.ts';
import { exitCodes, flag } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { openIndex } from './wiring/index.ts';
import { quietLogger } from './wiring/logger.ts';
import { sourcePatterns } from './wiring/tail.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'audit',
  usage: 'caboose audit [RUN] [--config FILE] [--deep] [--json]',
  help:
    'Accounts for every byte: compares the files, the cut log and the stream documents of the index, and names what is missing, ' +
    'doubled, or other than it was, by byte range; of files that match source.include, and of those that this state directory ' +
    'knows. --deep also reads every record of the transport and every document. ' +
    'Exit code 1 when something is.',
  options: {
    deep: { type: 'boolean', help: 'also compare every record and every document' },
  },
  async run(context, args) {
    const config = await context.loadConfig({ needs: ['transport', 'index'] });
    const { source } = config;
    if (!source)
      throw new CabooseError('CONFIG_INVALID', 'the config has no source', {
        hint: 'name the config file of the agent whose files are to be accounted for, with the index beside it',
      });
    const logger = quietLogger(context, config);
    const { clock, signal, stderr } = context;
    const index = await openIndex(config, { clock, logger });
    try {
      const { subjects, unknown } = await gatherSubjects({
        source: source.id,
        stateDir: config.state.dir,
        patterns: sourcePatterns(source),
        index,
        run: args.positionals[0],
        logger,
      });
      let account = await quickAudit(subjects, unknown, index, clock.now());
      if (flag(args, 'deep')) {
        const transport = await openTransport(config, { clock, logger });
        try {
          const { scanner } = transport;
          const onProgress = progressOn(stderr, subjects.length);
          const { timeZone } = source;
          account = await deepAudit(subjects, account, { scanner, index, timeZone, onProgress, signal });
        } finally {
          await transport.close();
        }
      }
      await print(context, account, flag(args, 'json'));
      return account.findings.some(isFault) ? exitCodes.found : exitCodes.ok;
    } finally {
      await index.close();
    }
  },
};

async function print({ stdout }: CommandContext, account: Account, json: boolean): Promise<void> {
  const faults = account.findings.filter(isFault);
  const pending = account.findings.filter(({ kind }) => kind === 'pending');
  const holes = account.findings.filter(({ kind }) => kind === 'hole');
  const superseded = account.findings.filter(({ kind }) => kind === 'superseded');
  if (json) {
    for (const finding of account.findings) await stdout.write(`${JSON.stringify(finding)}\n`);
    const { streams, bytes, events } = account;
    const complete = faults.length === 0 && pending.length === 0;
    await stdout.write(
      `${JSON.stringify({ kind: 'summary', complete, streams, bytes, events, faults: faults.length, pending: pending.length })}\n`,
    );
    return;
  }
  for (const finding of [...faults, ...superseded, ...holes, ...pending])
    await stdout.write(`${line(finding)}\n`);
  await stdout.write(`${verdict(account, faults.length, pending)}\n`);
}

function line({ kind, where, path, stream, start, end, detail }: Finding): string {
  return `${kind.padEnd(10)} ${where.padEnd(9)} ${path} [${start}, ${end}) ${detail}${stream === '' ? '' : ` (stream ${stream})`}`;
}

function verdict({ streams, bytes, events }: Account, faults: number, pending: readonly Finding[]): string {
  const held = `${streams} streams, ${bytes} bytes, ${events} events`;
  if (faults > 0) return `not complete: ${faults} faults in ${held}`;
  const waiting = pending.reduce((sum, { start, end }) => sum + end - start, 0);
  return waiting > 0 ? `no fault in ${held}; ${waiting} bytes are on their way` : `complete: ${held}`;
}

/** On a terminal, one line that is redrawn. */
function progressOn(
  stderr: CommandContext['stderr'],
  streams: number,
): (records: number, checked: number) => void {
  if (!stderr.isTerminal) return () => undefined;
  let last = 0;
  return (records, checked) => {
    const now = performance.now();
    if (now - last < 200 && checked !== streams) return;
    last = now;
    const text = checked === 0 ? `${records} records read` : `${checked} of ${streams} streams compared`;
    void stderr.write(`\r${text}\x1b[K${checked === streams ? '\n' : ''}`);
  };
}
