/** A metric in the text that `/metrics` gives, summed over its labels; null if it is not there. */
export function metricIn(exposition: string, name: string): number | null {
  const rows = exposition
    .split('\n')
    .filter((row) => row.startsWith(`${name} `) || row.startsWith(`${name}{`));
  if (rows.length === 0) return null;
  return rows.reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(' ') + 1)), 0);
}
