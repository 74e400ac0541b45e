import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import { RuleBook } from '../../src/core/redaction/rule-book.ts';
import type { RedactionPlace } from '../../src/core/redaction/rule-book.ts';
import { Redactor } from '../../src/tail/redactor.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';

interface RedactorPlan {
  place?: RedactionPlace;
  book?: RuleBook;
  logger?: Logger;
  metrics?: Metrics;
}

/** As a tail has one by default: it masks at the source. */
export function redactor(plan: RedactorPlan = {}): Redactor {
  const { place = 'source', book = new RuleBook([]), logger = silentLogger } = plan;
  const metrics = plan.metrics ?? createMetrics();
  return new Redactor({ place, book, logger, metrics });
}
