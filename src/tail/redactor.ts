import type { Logger } from '../core/logger.ts';
import { mask, safeLength } from '../core/redaction/mask.ts';
import type { CutBytes, Rules } from '../core/redaction/mask.ts';
import { readRedaction, redactionText } from '../core/redaction/rule-book.ts';
import type { RedactionPlace, RuleBook } from '../core/redaction/rule-book.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Cut, StreamRecord } from './cut-state.ts';

/**
 * Masks secrets between the file and the transport. Everything on this machine (anchors, sums, the spool) is of the file's own bytes; only
 * the segment that is handed to the publisher has the masked ones. Which rules a cut is masked by is decided with the cut and stands in
 * the cut log, so that it is sent again as it was sent.
 *
 * A file of binary records (TensorBoard's, W&B's) would be broken by a changed byte: it is carried as it is, and the events that are
 * read from it are masked.
 *
 * Failure rule: a cut whose rules are not known here (an older Caboose meets a newer one's state) is masked by the rules of now, and told:
 * rather other bytes than a secret.
 */
export interface RedactorOptions {
  place: RedactionPlace;
  book: RuleBook;
  /** Whether a file is one of binary records. */
  isRecords: (path: string) => boolean;
  logger: Logger;
  metrics: Metrics;
}

/** So many files and kinds are told of. */
const toldMax = 10_000;

export class Redactor {
  readonly #options: RedactorOptions;
  readonly #told = new Set<string>();

  /** Throws NO_WEBASSEMBLY, here rather than at the first segment. */
  constructor(options: RedactorOptions) {
    this.#options = options;
    const { place, book } = options;
    if (place !== 'off') mask({ window: Buffer.alloc(1), from: 0, offset: 0 }, book.current);
  }

  /** What a new cut of a file is given. */
  stamp(path: string): Pick<Cut, 'redact'> {
    const { place, book, isRecords } = this.#options;
    if (place === 'off') return {};
    const { version } = book.current;
    return { redact: redactionText({ place: isRecords(path) ? 'index' : place, version }) };
  }

  /** Of the bytes of a line that has no end: how many can be cut off without cutting through a secret. */
  safeLength(path: string, bytes: CutBytes): number {
    const { redact } = this.stamp(path);
    const isMasked = readRedaction(redact)?.place === 'source';
    return isMasked ? safeLength(bytes, this.#options.book.current) : bytes.window.length - bytes.from;
  }

  /** The bytes that leave the machine. `before`: those before the cut, as many as there are, up to what the rules look back. */
  masked({ path }: StreamRecord, cut: Cut, before: Buffer, bytes: Buffer): Buffer {
    const redaction = readRedaction(cut.redact);
    if (bytes.length === 0 || redaction?.place !== 'source') return bytes;
    const window = joined(before, bytes);
    const offset = cut.start - before.length;
    const { bytes: masked, secrets } = mask(
      { window, from: before.length, offset },
      this.#rulesOf(redaction.version, path),
    );
    for (const { kind, start } of secrets) {
      this.#options.metrics.redacted.inc({ kind });
      this.#tell(path, kind, cut.start + start);
    }
    return masked;
  }

  #rulesOf(version: string, path: string): Rules {
    const { book, logger } = this.#options;
    const rules = book.of(version);
    if (rules) return rules;
    if (this.#isNews(`rules ${version}`)) {
      const hint =
        'if the transport has these segments already, the indexer reports other bytes for them; nothing is lost';
      logger.warn(
        { path, version, hint },
        'cuts were masked by rules that are not known here: by those of now',
      );
    }
    return book.current;
  }

  /** Once for a file and a kind. Never what the secret says. */
  #tell(path: string, kind: string, offset: number): void {
    if (!this.#isNews(`${kind} ${path}`)) return;
    const hint =
      'what is shipped has * in its place; the file still holds it: keep it out of what the trainer writes, and replace it';
    this.#options.logger.warn({ path, kind, offset, hint }, 'a secret in a followed file is masked');
  }

  #isNews(what: string): boolean {
    if (this.#told.has(what) || this.#told.size >= toldMax) return false;
    this.#told.add(what);
    return true;
  }
}

/** One buffer over both: they are neighbours in what was read. */
function joined(before: Buffer, bytes: Buffer): Buffer {
  if (before.buffer === bytes.buffer && before.byteOffset + before.length === bytes.byteOffset)
    return Buffer.from(before.buffer, before.byteOffset, before.length + bytes.length);
  return Buffer.concat([before, bytes]);
}
