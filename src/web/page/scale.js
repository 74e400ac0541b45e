/** The arithmetic of the chart. Pure. */

/** Round numbers within [low, high], about `count` of them. */
export function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten within [low, high], or round numbers when there are fewer than two of them. */
export function logTicks(low, high, count) {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  if (to - from < 1) return ticks(low, high, count).filter((tick) => tick > 0);
  const stride = Math.ceil((to - from + 1) / (count + 1));
  return Array.from({ length: Math.floor((to - from) / stride) + 1 }, (_, i) => 10 ** (from + i * stride));
}

/** The range that holds all finite values with a little room, or null if there is none. */
export function domain(values, logarithmic = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (typeof value !== 'number' || (logarithmic && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return null;
  if (logarithmic) return low === high ? [low / 2, high * 2] : [low / 1.08, high * 1.08];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** Maps [low, high] to [from, to]. */
export function scale([low, high], [from, to], logarithmic = false) {
  const place = logarithmic ? Math.log : (value) => value;
  const start = place(low);
  const span = place(high) - start || 1;
  return (value) => from + ((place(value) - start) / span) * (to - from);
}

/**
 * The path of a line. What is no finite number (or cannot be shown on a logarithmic scale) breaks it: the gap is seen. A
 * value between two gaps is drawn as a dot of no length, which round line caps make visible.
 */
export function linePath(points, x, y, canShow) {
  let path = '';
  let pen = false;
  points.forEach(([at, value], i) => {
    if (!canShow(value)) {
      pen = false;
      return;
    }
    const place = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    path += `${pen ? 'L' : 'M'}${place}`;
    if (!pen && !(i + 1 < points.length && canShow(points[i + 1][1]))) path += 'h0';
    pen = true;
  });
  return path;
}

/** Index of the point whose x is nearest, by bisection; -1 of none. */
export function nearest(points, at) {
  let low = 0;
  let high = points.length - 1;
  if (high < 0) return -1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - points[low - 1][0] <= points[low][0] - at ? low - 1 : low;
}
