import { el, reconcile } from './dom.js';
import { formatTime } from './format.js';

/** Lines kept in the page, and how many one question asks for. */
export const pageLines = 300;
const linesMax = 5000;
/** More of a message is shown on demand: an event may have 256 KiB. */
const shownCharactersMax = 2000;
const shownLinesMax = 24;

/** The lines of the log in `host`, oldest first. `older` is asked for what came before; `onScrolledUp` stops following. */
export function createLog(host, { older, onScrolledUp, onScrolledDown }) {
  let rows = new Map();
  const olderButton = el(
    'button',
    { type: 'button', class: 'older', onclick: () => older() },
    'Show older lines',
  );
  let following = true;
  let mayHaveOlder = false;

  // When what stands above grows, the end of the log moves out of sight: nobody has scrolled.
  let height = host.clientHeight;
  const resized = () => {
    if (host.clientHeight === height) return false;
    height = host.clientHeight;
    if (following) host.scrollTop = host.scrollHeight;
    return true;
  };
  new ResizeObserver(resized).observe(host);

  host.addEventListener('scroll', () => {
    if (resized()) return;
    const atEnd = host.scrollHeight - host.scrollTop - host.clientHeight < 24;
    if (!atEnd && following) onScrolledUp();
    if (atEnd && !following) onScrolledDown();
  });

  const draw = (keepPlace) => {
    const fromEnd = host.scrollHeight - host.scrollTop;
    reconcile(host, [
      ...(mayHaveOlder ? [olderButton] : []),
      ...[...rows.values()].map(({ element }) => element),
    ]);
    if (following) host.scrollTop = host.scrollHeight;
    else if (keepPlace) host.scrollTop = host.scrollHeight - fromEnd;
  };

  return {
    get following() {
      return following;
    },
    set following(value) {
      following = value;
      if (value) host.scrollTop = host.scrollHeight;
    },
    /** ms since epoch of the first line shown. */
    get oldest() {
      for (const { hit } of rows.values()) return hit.time;
      return null;
    },
    /** The newest lines, newest first, as the index answers. */
    showNewest(hits) {
      mayHaveOlder = hits.length >= pageLines;
      rows = toRows(hits.toReversed(), rows);
      draw(false);
    },
    /** Lines before those shown, newest first. */
    addOlder(hits) {
      const fresh = hits.filter(({ id }) => !rows.has(id));
      mayHaveOlder = fresh.length > 0 && rows.size + fresh.length < linesMax;
      rows = new Map([...toRows(fresh.toReversed(), new Map()), ...rows]);
      draw(true);
    },
    explain(...parts) {
      rows = new Map();
      host.replaceChildren(el('p', { class: 'empty' }, ...parts));
    },
  };
}

/** Rows by event id; one that says the same as before keeps its element. */
function toRows(hits, before) {
  const rows = new Map();
  for (const hit of hits) {
    const held = before.get(hit.id);
    rows.set(hit.id, held !== undefined && held.hit.end === hit.end ? held : { hit, element: row(hit) });
  }
  return rows;
}

function row(hit) {
  const where = `${hit.path} · bytes ${hit.start}–${hit.end} · ${hit.host} · attempt ${hit.attempt}`;
  return el(
    'div',
    { class: `line ${hit.level ?? ''} ${hit.kind}` },
    el(
      'time',
      { datetime: new Date(hit.time).toISOString(), title: new Date(hit.time).toISOString() },
      formatTime(hit.time),
    ),
    el('span', { class: 'of-level' }, hit.level ?? ''),
    el(
      'span',
      { class: 'of-rank', title: hit.rank === null ? 'no rank' : `rank ${hit.rank}` },
      hit.rank === null ? '' : `r${hit.rank}`,
    ),
    message(hit.message, where),
  );
}

function message(text, where) {
  const lines = text.split('\n');
  const short = lines.slice(0, shownLinesMax).join('\n').slice(0, shownCharactersMax);
  if (short.length === text.length) return el('pre', { title: where }, text);
  const pre = el('pre', { title: where }, short);
  const button = el(
    'button',
    {
      type: 'button',
      onclick: () => {
        pre.textContent = text;
        button.remove();
      },
    },
    `show all: ${lines.length.toLocaleString('en')} lines, ${text.length.toLocaleString('en')} characters`,
  );
  return el('div', {}, pre, button);
}
