import type { Config } from '../../config/schema.ts';
import type { Logger } from '../../core/logger.ts';
import { rulesOf } from '../../core/redaction/mask.ts';
import { RuleBook } from '../../core/redaction/rule-book.ts';
import type { CutLog } from '../../tail/cut-log.ts';
import { Redactor } from '../../tail/redactor.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { ownReaders } from '../../train/own-patterns.ts';
import type { ReadingOptions } from './reading.ts';

/** What masks secrets before anything leaves the machine. The patterns of now are in the cut log before anything is cut by them. */
export function openRedactor(
  { redact: place, redactPatterns }: NonNullable<Config['source']>,
  cutLog: CutLog,
  telemetry: { logger: Logger; metrics: Metrics },
): Redactor {
  const book = new RuleBook(redactPatterns, cutLog.patterns);
  if (place !== 'off' && redactPatterns.length > 0) cutLog.keepPatterns(book.current.version, redactPatterns);
  return new Redactor({ place, book, ...telemetry });
}

/** How events and facts are read from segments, wherever that is done. */
export function eventRules({
  source,
  train,
}: Config): Required<Pick<ReadingOptions, 'timeZone' | 'rules' | 'ownReaders'>> {
  return {
    timeZone: source?.timeZone ?? 'UTC',
    rules: rulesOf(source?.redactPatterns ?? []),
    ownReaders: ownReaders(train.patterns),
  };
}
