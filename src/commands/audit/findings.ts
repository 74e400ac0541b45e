/** What an audit says of a byte range. */
export interface Finding {
  /**
   * - `gap`: bytes, or a document of them, that should be there and are not;
   * - `overlap`: bytes that are held twice;
   * - `wrong`: bytes that differ from those that were carried;
   * - `lost`: bytes that could not be had and were told so at the time (truncated, gone …);
   * - `hole`: zeros in the file that nobody wrote, told so: not a fault;
   * - `superseded`: a state of a rewritten file that could not be had, of which a later one is there: not a fault;
   * - `expired`: a retention has dropped them, as it was told to: not a fault;
   * - `pending`: bytes that are on their way: not a fault.
   */
  kind: 'gap' | 'overlap' | 'wrong' | 'lost' | 'hole' | 'superseded' | 'expired' | 'pending';
  where: 'file' | 'transport' | 'index';
  run: string;
  path: string;
  stream: string;
  start: number;
  end: number;
  detail: string;
  /** Id of a dead letter that explains it. */
  letter?: string;
}

export interface Account {
  findings: Finding[];
  streams: number;
  /** Of these, streams of other sources: their files and cut logs are elsewhere. */
  foreignStreams: number;
  /** Bytes that the cut log (where it is known) or the index says were shipped. */
  bytes: number;
  events: number;
}

export function isFault({ kind }: Finding): boolean {
  return !harmless.has(kind);
}

const harmless: ReadonlySet<Finding['kind']> = new Set(['pending', 'expired', 'hole', 'superseded']);

/** Faults that a system at work may show for a moment; one that was told at the time is none of these. */
export function isDoubtful(finding: Finding): boolean {
  return isFault(finding) && finding.kind !== 'lost';
}

/** Doubtful findings are looked at again after so long: longer than a batch of an indexer or a round of an agent takes. */
export const settleMs = 2_000;

/** The findings of a later look, without doubtful ones that the earlier look had not. */
export function confirmed(earlier: readonly Finding[], later: readonly Finding[]): Finding[] {
  const seen = new Set(earlier.filter(isDoubtful).map(keyOf));
  return later.filter((finding) => !isDoubtful(finding) || seen.has(keyOf(finding)));
}

function keyOf({ kind, where, stream, path }: Finding): string {
  return `${kind} ${where} ${stream} ${stream === '' ? path : ''}`;
}
