import { el, hasChanged } from './dom.js';
import { formatTime, formatValue } from './format.js';
import { domain, linePath, logTicks, nearest, scale, ticks } from './scale.js';

const margin = { top: 10, right: 12, bottom: 38, left: 58 };
const colours = 8;
const tipLinesMax = 12;

/** A chart in `host` with its legend in `legend`. `show(data, logarithmic)` draws; it draws itself again on a resize. */
export function createChart(host, legend) {
  const hidden = new Set();
  let data = null;
  let logarithmic = false;
  let pointerX = null;

  const draw = () => {
    if (data !== null) drawChart(host, legend, { data, logarithmic, hidden, pointerX, redraw: draw });
  };
  new ResizeObserver(draw).observe(host);
  host.addEventListener('pointermove', (event) => {
    pointerX = event.clientX - host.getBoundingClientRect().left;
    draw();
  });
  host.addEventListener('pointerleave', () => {
    pointerX = null;
    draw();
  });
  return {
    show(newData, newLogarithmic) {
      data = newData;
      logarithmic = newLogarithmic;
      draw();
    },
    /** A sentence instead of a chart; `parts` are texts and elements. */
    explain(...parts) {
      data = null;
      host.replaceChildren(el('p', { class: 'empty' }, ...parts));
      drawLegend(legend, [], hidden, draw);
    },
  };
}

function drawChart(host, legend, { data, logarithmic, hidden, pointerX, redraw }) {
  const attempts = new Set(data.series.map(({ attempt }) => attempt)).size;
  const lines = data.series.map((series, i) => ({
    ...series,
    label: lineLabel(series, attempts > 1),
    colour: `color-${i % colours}`,
  }));
  const shown = lines.filter(({ label }) => !hidden.has(label));
  drawLegend(legend, lines, hidden, redraw);

  const width = host.clientWidth - 16;
  const height = host.clientHeight;
  const canShow = (value) => typeof value === 'number' && (!logarithmic || value > 0);
  const frame = {
    left: margin.left,
    right: Math.max(margin.left + 10, width - margin.right),
    top: margin.top,
    bottom: height - margin.bottom,
  };
  const xs = shown.flatMap(({ points }) => (points.length === 0 ? [] : [points[0][0], points.at(-1)[0]]));
  const xDomain = xs.length === 0 ? [0, 1] : [Math.min(...xs), Math.max(...xs)];
  if (xDomain[0] === xDomain[1]) xDomain[1] += 1;
  const yDomain = domain(valuesOf(shown), logarithmic) ?? [logarithmic ? 0.1 : 0, 1];
  const x = scale(xDomain, [frame.left, frame.right]);
  const y = scale(yDomain, [frame.bottom, frame.top], logarithmic);

  const svg = el('svg', {
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': `${data.name} over ${data.x}s`,
  });
  svg.append(
    ...horizontalGrid(logarithmic ? logTicks(...yDomain, 4) : ticks(...yDomain, 5), y, frame),
    ...bottomAxis(data, xDomain, x, frame),
    ...shown.map(({ points, colour }) =>
      el('path', {
        class: `series ${colour}`,
        'stroke-linecap': 'round',
        d: linePath(points, x, y, canShow),
      }),
    ),
    ...strangeMarks(shown, x, frame, canShow, logarithmic),
  );
  const tip =
    pointerX === null ? null : hover(svg, { shown, pointerX, x, y, xDomain, frame, canShow, data, width });
  host.replaceChildren(svg, ...(tip === null ? [] : [tip]));
}

function* valuesOf(lines) {
  for (const { points } of lines) for (const [, value] of points) yield value;
}

function lineLabel({ attempt, rank, of, superseded }, withAttempt) {
  const who = rank === null ? (of ?? 'no rank') : `rank ${rank}`;
  const name = rank === null || of === undefined ? who : `${who}, ${of}`;
  return [name, withAttempt ? `attempt ${attempt}` : '', superseded ? 'superseded' : '']
    .filter((part) => part !== '')
    .join(', ');
}

function horizontalGrid(values, y, frame) {
  return values.flatMap((value) => [
    el('line', { class: 'grid', x1: frame.left, x2: frame.right, y1: y(value), y2: y(value) }),
    el('text', { x: frame.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, formatValue(value)),
  ]);
}

function bottomAxis(data, xDomain, x, frame) {
  const count = Math.max(2, Math.floor((frame.right - frame.left) / 110));
  const isTime = data.x === 'time';
  const values = ticks(...xDomain, count).filter((value) => isTime || Number.isInteger(value));
  return [
    el('line', { class: 'axis', x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }),
    ...values.map((value) =>
      el(
        'text',
        { x: x(value), y: frame.bottom + 16, 'text-anchor': 'middle' },
        isTime ? formatTime(value).replace(/\.\d+$/, '') : value.toLocaleString('en'),
      ),
    ),
    el(
      'text',
      { x: (frame.left + frame.right) / 2, y: frame.bottom + 32, 'text-anchor': 'middle' },
      isTime ? 'time' : 'step',
    ),
  ];
}

/** Where a value is no finite number, or cannot stand on a logarithmic scale, its place says so. At most 200 marks. */
function strangeMarks(lines, x, frame, canShow, logarithmic) {
  const marks = [];
  for (const { label, points } of lines) {
    for (const [at, value] of points) {
      if (canShow(value) || marks.length >= 200) continue;
      const what =
        typeof value === 'number' && logarithmic
          ? `${formatValue(value)} is below the scale`
          : formatValue(value);
      const place = value === 'Infinity' ? frame.top + 9 : frame.bottom - 3;
      marks.push(
        el(
          'text',
          { class: 'strange', x: x(at), y: place },
          '×',
          el('title', {}, `${label}: ${what} at ${at}`),
        ),
      );
    }
  }
  return marks;
}

function hover(svg, { shown, pointerX, x, y, xDomain, frame, canShow, data, width }) {
  const ratio = Math.min(1, Math.max(0, (pointerX - 6 - frame.left) / (frame.right - frame.left)));
  const at = xDomain[0] + ratio * (xDomain[1] - xDomain[0]);
  const picked = shown
    .map((line) => ({ line, point: line.points[nearest(line.points, at)] }))
    .filter(({ point }) => point !== undefined);
  if (picked.length === 0) return null;
  const best = picked.reduce((a, b) => (Math.abs(b.point[0] - at) < Math.abs(a.point[0] - at) ? b : a))
    .point[0];
  const same = picked.filter(({ point }) => point[0] === best);
  svg.append(el('line', { class: 'crosshair', x1: x(best), x2: x(best), y1: frame.top, y2: frame.bottom }));
  for (const { line, point } of same) {
    if (!canShow(point[1])) continue;
    svg.append(el('circle', { class: `point ${line.colour}`, cx: x(best), cy: y(point[1]), r: 3.2 }));
  }
  const tip = el(
    'div',
    { class: 'tip' },
    data.x === 'time' ? formatTime(best) : `step ${best.toLocaleString('en')}`,
    ...same
      .slice(0, tipLinesMax)
      .map(({ line, point }) =>
        el(
          'div',
          { class: line.colour },
          el('span', { class: 'swatch' }),
          line.label,
          el('b', {}, formatValue(point[1])),
        ),
      ),
    same.length > tipLinesMax ? el('div', {}, `and ${same.length - tipLinesMax} more`) : null,
  );
  // Through the style object, which the content security policy allows; a style attribute would be refused.
  if (x(best) < width / 2) tip.style.left = `${x(best) + 20}px`;
  else tip.style.right = `${width - x(best) + 22}px`;
  tip.style.top = `${frame.top + 4}px`;
  return tip;
}

function drawLegend(legend, lines, hidden, redraw) {
  if (!hasChanged(legend, [lines.map(({ label }) => label), [...hidden]])) return;
  legend.replaceChildren(
    ...lines.map(({ label, colour }) =>
      el(
        'button',
        {
          type: 'button',
          class: colour,
          'aria-pressed': String(!hidden.has(label)),
          title: 'Show or hide this line',
          onclick: () => {
            if (!hidden.delete(label)) hidden.add(label);
            redraw();
          },
        },
        el('span', { class: 'swatch' }),
        label,
      ),
    ),
  );
}
