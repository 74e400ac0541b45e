/** What an audit says of a byte range. */
export interface Finding {
  /**
   * - `gap`: bytes, or a document of them, that should be there and are not;
   * - `overlap`: bytes that are held twice;
   * - `wrong`: bytes that differ from those that were carried;
   * - `lost`: bytes that could not be had and were told so at the time (truncated, gone …);
   * - `superseded`: a state of a rewritten file that could not be had, of which a later one is there: not a fault;
   * - `hole`: zeros in the file that nobody wrote, told so: not a fault;
   * - `pending`: bytes that are on their way: not a fault.
   */
  kind: 'gap' | 'overlap' | 'wrong' | 'lost' | 'superseded' | 'hole' | 'pending';
  where: 'file' | 'transport' | 'index';
  run: string;
  path: string;
  stream: string;
  start: number;
  end: number;
  detail: string;
}

export interface Account {
  findings: Finding[];
  streams: number;
  /** Bytes that the cut log (where it is known) or the index says were shipped. */
  bytes: number;
  events: number;
}

export function isFault({ kind }: Finding): boolean {
  return kind !== 'pending' && kind !== 'hole' && kind !== 'superseded';
}
