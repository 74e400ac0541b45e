/** Numbers and times as people read them. Pure. */

export function formatBytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** `12 s`, `5 min`, `3 h`, `2 days`. */
export function formatAge(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `Epoch 2: 450 of 1,000 · 45 %`. */
export function formatProgress({ step, total, label }) {
  const name = label === null ? 'step' : label.length > 24 ? `${label.slice(0, 23)}…:` : `${label}:`;
  const share = Math.floor((100 * step) / total);
  return `${name} ${step.toLocaleString('en')} of ${total.toLocaleString('en')} · ${share} %`;
}

/** `2.35/s · 12 min left`; empty at the end, or where neither is known. */
export function formatPace({ step, total, rate, etaMs }) {
  if (step >= total) return '';
  const speed = rate !== null && rate > 0 ? [`${formatValue(Number(rate.toPrecision(3)))}/s`] : [];
  return [...speed, ...(etaMs === null ? [] : [`${formatAge(etaMs)} left`])].join(' · ');
}

/** `3.87`, `2.9e-5`, `NaN`, `∞`. */
export function formatValue(value) {
  if (typeof value !== 'number') return { NaN: 'NaN', Infinity: '∞', '-Infinity': '−∞' }[value] ?? '?';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(3).replace(/\.?0+e/, 'e');
  return String(Number(value.toPrecision(6)));
}

/** Ranks in short: `0–7, 9`. */
export function formatRanks(ranks) {
  const sorted = [...ranks].sort((a, b) => a - b);
  const spans = [];
  for (const rank of sorted) {
    const last = spans.at(-1);
    if (last !== undefined && rank === last[1] + 1) last[1] = rank;
    else spans.push([rank, rank]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}

/** Local time of day, with the day in front when it is not today's. */
export function formatTime(ms, now = Date.now()) {
  const date = new Date(ms);
  const two = (value) => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === new Date(now).toDateString()) {
    return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  }
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}
