/**
 * Rows of a CSV file (RFC 4180, also with tabs or semicolons): the header names the fields, numbers become numbers, empty cells are left out.
 */
const columnsMax = 4096;

const delimiters = [',', '\t', ';'];

/** What stands between the cells of a header: what makes the most of them. */
export function delimiterOf(header: string): string {
  const counts = delimiters.map((delimiter) => splitRow(header, delimiter)?.length ?? 0);
  return delimiters[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** The cells of a row; null while a quote is open, so that the row goes on in the next line. */
export function splitRow(row: string, delimiter: string): string[] | null {
  if (!row.includes('"')) return row.split(delimiter, columnsMax);
  const cells: string[] = [];
  let at = 0;
  while (at <= row.length && cells.length < columnsMax) {
    if (row[at] !== '"') {
      const stop = row.indexOf(delimiter, at);
      cells.push(stop < 0 ? row.slice(at) : row.slice(at, stop));
      if (stop < 0) break;
      at = stop + 1;
      continue;
    }
    const cell: string[] = [];
    let from = at + 1;
    for (;;) {
      const quote = row.indexOf('"', from);
      if (quote < 0) return null;
      cell.push(row.slice(from, quote));
      from = quote + 1;
      if (row[from] !== '"') break;
      cell.push('"');
      from += 1;
    }
    cells.push(cell.join(''));
    const stop = row.indexOf(delimiter, from);
    if (stop < 0) break;
    at = stop + 1;
  }
  return cells;
}

const numberCell = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)$/;
const specialCells: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Infinity,
  '+inf': Infinity,
  infinity: Infinity,
  '-inf': -Infinity,
  '-infinity': -Infinity,
};

/** The number that a cell states, in Python's spelling too; null for text. */
export function cellNumber(cell: string): number | null {
  const text = cell.trim();
  if (text.length < 64 && numberCell.test(text)) return Number(text);
  return specialCells[text.toLowerCase()] ?? null;
}

/** A header has names in all its cells, no numbers. */
export function isHeader(cells: readonly string[]): boolean {
  return (
    cells.length > 0 &&
    cells.every((cell) => cell.length < 256 && cellNumber(cell) === null) &&
    cells.some((cell) => cell.trim() !== '')
  );
}

/** Ultralytics pads the cells of its results.csv. */
export function rowFields(header: readonly string[], cells: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [i, cell] of cells.entries()) {
    const name = header[i]?.trim() ?? `column ${i + 1}`;
    if (cell === '' || name === '__proto__') continue;
    fields[name] = cellNumber(cell) ?? cell;
  }
  return fields;
}
