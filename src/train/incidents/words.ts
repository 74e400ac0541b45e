/** How figures are told to people. */

/** `0.35 s`, `12 s`, `4 min 10 s`, `3 h 20 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${Number((ms / 1_000).toPrecision(2))} s`;
  const seconds = Math.round(ms / 1_000);
  const units: readonly [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const at = units.findIndex(([size]) => seconds >= size);
  const [size, name] = units[at] ?? [1, 's'];
  const [smaller, smallerName] = units[at + 1] ?? [1, 's'];
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${name}${rest === 0 ? '' : ` ${rest} ${smallerName}`}`;
}

/** At most four digits that say something. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(4)));
}
