/** Text as a terminal shows it, made of what files hold. */

// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/** What a log holds must not command the terminal that shows it; tabs and line ends stay. */
export function withoutControls(text: string): string {
  return text.replaceAll(controls, '\uFFFD');
}

/** Rows of as many cells each as lines, columns under each other: numbers to the right, text to the left. */
export function alignedRows(
  rows: readonly (readonly string[])[],
  isText: (column: number) => boolean = () => true,
): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  const padded = (cell: string, column: number) =>
    isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(padded).join('  ').trimEnd());
}
