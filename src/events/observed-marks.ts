/**
 * Which `observed` the held bytes have: a mark says from which offset on. An event has the `observed` of the segment in which
 * it starts, also when it is recognised only segments later.
 */
export type ObservedMarks = [offset: number, observed: number][];

/** An atom that spans more segments than this keeps its first mark and the last ones. */
const marksMax = 64;

/** The bytes from `from` on were observed then. Marks that end before `needed` are dropped. */
export function markObserved(marks: ObservedMarks, from: number, observed: number, needed: number): void {
  while (marks.length > 1 && (marks[1]?.[0] ?? Infinity) <= needed) marks.shift();
  if (marks.at(-1)?.[1] === observed) return;
  if (marks.length >= marksMax) marks.splice(1, 1);
  marks.push([from, observed]);
}

export function observedAt(marks: ObservedMarks, offset: number): number {
  for (let i = marks.length - 1; i > 0; i -= 1) {
    const mark = marks[i];
    if (mark !== undefined && mark[0] <= offset) return mark[1];
  }
  return marks[0]?.[1] ?? 0;
}
