import type { Logger } from '../core/logger.ts';
import { maskFile } from '../core/redaction/mask-records.ts';
import { mask, safeLength } from '../core/redaction/mask.ts';
import type { CutBytes, Rules } from '../core/redaction/mask.ts';
import type { Framing } from '../core/records/framing.ts';
import { recordFramingOf } from '../core/records/record-files.ts';
import { readRedaction, redactionText } from '../core/redaction/rule-book.ts';
import type { RedactionPlace, RuleBook } from '../core/redaction/rule-book.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Cut, StreamRecord } from './cut-state.ts';

/**
 * Masks secrets between the file and the transport. Everything on this machine (anchors, sums, the spool) is of the file's own bytes; only
 * the segment that is handed to the publisher has the masked ones. Which rules a cut is masked by is decided with the cut and stands in
 * the cut log, so that it is sent again as it was sent.
 *
 * Binary records (TensorBoard's, W&B's) stay whole: their checksums are made anew, for which a file of records is cut at their ends.
 *
 * Failure rule: a cut whose rules are not known here (an older Caboose meets a newer one's state) is masked by the rules of now, and told:
 * rather other bytes than a secret.
 */
export interface RedactorOptions {
  place: RedactionPlace;
  book: RuleBook;
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

  /** What a new cut is given. */
  stamp(): Pick<Cut, 'redact'> {
    const { place, book } = this.#options;
    return place === 'off' ? {} : { redact: redactionText({ place, version: book.current.version }) };
  }

  /** Of a file whose records must not be cut through, so that they can be masked: how they are framed. */
  recordFraming(path: string): Framing | null {
    return this.#options.place === 'source' ? recordFramingOf(path) : null;
  }

  /** Of the bytes of a line that has no end: how many can be cut off without cutting through a secret. */
  safeLength(bytes: CutBytes): number {
    const { place, book } = this.#options;
    return place === 'source' ? safeLength(bytes, book.current) : bytes.window.length - bytes.from;
  }

  /** The bytes that leave the machine. `before`: those before the cut, as many as there are, up to what the rules look back. */
  masked({ path, firstPath }: StreamRecord, cut: Cut, before: Buffer, bytes: Buffer): Buffer {
    const redaction = readRedaction(cut.redact);
    if (bytes.length === 0 || redaction?.place !== 'source') return bytes;
    const window = joined(before, bytes);
    const offset = cut.start - before.length;
    const { bytes: masked, secrets } = maskFile(
      firstPath,
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
