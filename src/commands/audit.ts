import { CabooseError, errorText } from '../core/errors.ts';
import type { EventIndex } from '../core/event-index.ts';
import type { Logger } from '../core/logger.ts';
import { RuleBook } from '../core/redaction/rule-book.ts';
import type { Transport } from '../core/transport.ts';
import type { Config } from '../config/schema.ts';
import { deepAudit } from './audit/deep.ts';
import { confirmed, isDoubtful, isFault, settleMs } from './audit/findings.ts';
import type { Account, Finding } from './audit/findings.ts';
import { explain } from './audit/letters.ts';
import { print } from './audit/print.ts';
import { progressOn, silentProgress } from './audit/progress.ts';
import { quickAudit } from './audit/quick.ts';
import { gatherSubjects, scopeOf } from './audit/subjects.ts';
import type { Gathered, SubjectOptions } from './audit/subjects.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command, CommandArguments, CommandContext } from './command.ts';
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
    'knows; with RUN, of all streams of that run. --deep also reads every record of the transport and every document. It may run ' +
    'while everything is at work. Exit code 1 when something is missing or wrong.',
  options: {
    deep: { type: 'boolean', help: 'also compare every record and every document' },
  },
  async run(context, args) {
    if (args.positionals.length > 1) throw usageError('audit takes one RUN', 'caboose runs lists them');
    const config = await context.loadConfig({ needs: ['transport', 'index'] });
    const { clock } = context;
    const logger = quietLogger(context, config);
    const index = await openIndex(config, { clock, logger });
    const transport = await openTransport(config, { clock, logger });
    try {
      const audit = new Audit(context, config, { index, transport, logger, run: args.positionals[0] });
      const account = await audit.account(args);
      context.signal.throwIfAborted();
      await print(context.stdout, account, flag(args, 'json'));
      return account.findings.some(isFault) ? exitCodes.found : exitCodes.ok;
    } finally {
      await transport.close();
      await index.close();
    }
  },
};

const dayMs = 86_400_000;
/** A transport that does not answer by then does not hold up a quick audit. */
const answerMsMax = 10_000;

interface AuditParts {
  index: EventIndex;
  transport: Transport;
  logger: Logger;
  run: string | undefined;
}

class Audit {
  readonly #context: CommandContext;
  readonly #config: Config;
  readonly #parts: AuditParts;
  readonly #subjectOptions: SubjectOptions;

  constructor(context: CommandContext, config: Config, parts: AuditParts) {
    const { source, state } = config;
    if (!source)
      throw new CabooseError('CONFIG_INVALID', 'the config has no source', {
        hint: 'name the config file of the agent whose files are to be accounted for, with the index beside it',
      });
    this.#context = context;
    this.#config = config;
    this.#parts = parts;
    this.#subjectOptions = {
      source: source.id,
      stateDir: state.dir,
      patterns: sourcePatterns(source),
      partitions: async () => await this.#partitions(),
      ...parts,
    };
  }

  async account(args: CommandArguments): Promise<Account> {
    const { gathered, account } = await this.#quick();
    const findings = flag(args, 'deep')
      ? together(account.findings, await this.#deep(gathered, flag(args, 'json')))
      : account.findings;
    return { ...account, findings: await this.#explained(findings) };
  }

  /** Looks again before it calls anything a fault that a system at work may show for a moment. */
  async #quick(): Promise<{ gathered: Gathered; account: Account }> {
    const { clock, signal } = this.#context;
    let { gathered, account } = await this.#look();
    for (let look = 1; look <= looksMore(account.findings); look += 1) {
      await clock.sleep(settleMs, signal);
      signal.throwIfAborted();
      const later = await this.#look();
      gathered = later.gathered;
      account = { ...later.account, findings: confirmed(account.findings, later.account.findings) };
    }
    return { gathered, account };
  }

  async #look(): Promise<{ gathered: Gathered; account: Account }> {
    const { clock, signal } = this.#context;
    const { index } = this.#parts;
    const gathered = await gatherSubjects(this.#subjectOptions);
    const account = await quickAudit(gathered, {
      index,
      source: this.#subjectOptions.source,
      scope: scopeOf(this.#subjectOptions),
      now: clock.now(),
      expiredBefore: await this.#expiredBefore(),
      signal,
    });
    return { gathered, account };
  }

  async #deep(gathered: Gathered, json: boolean): Promise<Finding[]> {
    const { clock, signal, stderr } = this.#context;
    const { index, transport } = this.#parts;
    const progress = json ? silentProgress : progressOn(stderr, clock, recordsOf(gathered));
    const findings = await deepAudit(gathered, {
      scanner: transport.scanner,
      index,
      scope: scopeOf(this.#subjectOptions),
      timeZone: this.#config.source?.timeZone ?? 'UTC',
      book: new RuleBook(this.#config.source?.redactPatterns ?? [], gathered.patterns),
      gather: async () => await gatherSubjects(this.#subjectOptions),
      expiredBefore: await this.#expiredBefore(),
      clock,
      progress,
      signal,
    });
    await progress.done();
    return findings;
  }

  async #partitions() {
    const { signal } = this.#context;
    const { transport, logger } = this.#parts;
    try {
      return await transport.partitions(AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]));
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ reason: errorText(error) }, 'the transport does not tell how far its consumers are');
      return null;
    }
  }

  async #explained(findings: readonly Finding[]): Promise<Finding[]> {
    const { signal } = this.#context;
    const { transport, logger } = this.#parts;
    try {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(6 * answerMsMax)]);
      return await explain(findings, transport.deadLetters, patience);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ reason: errorText(error) }, 'the dead letters cannot be read');
      return [...findings];
    }
  }

  /** Wall ms. The leader drops whole days; the embedded store may drop more, to stay within its size. */
  async #expiredBefore(): Promise<number> {
    const { retention, index } = this.#config;
    const kept = this.#context.clock.now() - retention.logsDays * dayMs;
    const byAge = Math.floor(kept / dayMs) * dayMs;
    const isBounded = index?.local !== undefined && index.local.bytesMax !== null;
    return isBounded ? Math.max(byAge, (await this.#parts.index.heldSince()) ?? 0) : byAge;
  }
}

/** An agent may need some rounds to see that a file was truncated or replaced. */
function looksMore(findings: readonly Finding[]): number {
  const doubtful = findings.filter(isDoubtful);
  if (doubtful.length === 0) return 0;
  return doubtful.some(({ where }) => where === 'file') ? 3 : 1;
}

/**
 * Counts and anchors say that something is wrong with a stream; what the deep audit has found in the same place says what. Where it
 * found nothing, or could not compare all because a retention has dropped records, they stay.
 */
function together(quick: readonly Finding[], deep: readonly Finding[]): Finding[] {
  const placeOf = ({ stream, where }: Finding) => `${stream} ${where}`;
  const named = new Set(deep.filter(isFault).map(placeOf));
  return [
    ...quick.filter(
      (finding) => !finding.detail.includes('(audit --deep tells wh') || !named.has(placeOf(finding)),
    ),
    ...deep,
  ];
}

/** Where positions are numbers of records, as in Kafka, the work that is ahead is known. */
function recordsOf({ partitions }: Gathered): number | null {
  if (!partitions || partitions.length <= 2) return null;
  return partitions.reduce((sum, { first, end }) => sum + end - first, 0);
}
