/** Figures that a few outliers do not move. All of an empty list are NaN. */

/** `share` from 0 to 1; the lower neighbour, so that it is one of the values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = new Float64Array(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = new Float64Array(values).sort();
  const upper = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[upper] ?? NaN;
  return ((sorted[upper - 1] ?? NaN) + (sorted[upper] ?? NaN)) / 2;
}

/** As a standard deviation is, were the values normally distributed: 1.4826 times the median distance from the median. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)));
}

/** Appends, and forgets the oldest over `max`. */
export function keep<T>(values: T[], value: T, max: number): void {
  values.push(value);
  if (values.length > max) values.shift();
}
