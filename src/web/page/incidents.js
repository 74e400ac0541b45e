import { el, hasChanged } from './dom.js';
import { formatAge, formatRanks, formatTime } from './format.js';

const evidenceMax = 4;

/**
 * What went wrong in a run: those that are open in full, the others in a line each. `showRank(rank)` shows the log of a rank. Made anew only
 * when what it says has changed, so that what was folded out stays so.
 */
export function showIncidents(host, { run, incidents, now }, showRank) {
  if (!hasChanged(host, [run, incidents])) return;
  const open = incidents.filter(({ resolved }) => resolved === null);
  const past = incidents.filter(({ resolved }) => resolved !== null);
  host.replaceChildren(
    ...open.map((incident) => whole(incident, now, showRank)),
    ...(past.length === 0 ? [] : [folded(`Resolved: ${past.length}`, past.map(pastLine))]),
  );
}

function whole(incident, now, showRank) {
  const { role, rank, title, message, evidence, echo = [], also = [], tries } = incident;
  return el(
    'article',
    { class: `incident ${role}` },
    el('h3', {}, rank === null ? title : `Rank ${rank}: ${title}`),
    el('p', { class: 'incident-facts' }, facts(incident, now)),
    el('p', { class: 'incident-message' }, message),
    list(evidence.slice(0, evidenceMax).map((place) => placeLine(place, message))),
    rank === null
      ? null
      : el('button', { type: 'button', onclick: () => showRank(rank) }, `Show the log of rank ${rank}`),
    tries.length === 0 ? null : el('h4', {}, 'What to try'),
    list(tries.map((text) => el('li', {}, text))),
    echo.length === 0 ? null : folded('Only its echo on other ranks', echo.map(echoLine)),
    also.length === 0 ? null : folded('Failed besides', also.map(alsoLine)),
  );
}

function facts({ class: name, attempt, ranks = [], time, opened }, now) {
  const when = time ?? opened;
  const parts = [name, `attempt ${attempt}`, `${formatTime(when, now)}, ${formatAge(now - when)} ago`];
  if (ranks.length > 1) parts.push(`the same on ranks ${formatRanks(ranks)}`);
  return parts.join(' · ');
}

function placeLine({ path, start, end, message }, said) {
  return el(
    'li',
    {},
    el('code', {}, path),
    ` bytes ${start}–${end}`,
    message === undefined || message === said ? '' : `: ${message}`,
  );
}

function echoLine({ class: name, ranks, message }) {
  const who = ranks.length === 0 ? '' : ` on ${ranks.length === 1 ? 'rank' : 'ranks'} ${formatRanks(ranks)}`;
  return el('li', {}, `${name}${who}: ${message}`);
}

function alsoLine({ class: name, rank, message }) {
  return el('li', {}, `${name}${rank === null ? '' : `, rank ${rank}`}: ${message}`);
}

function pastLine({ class: name, rank, attempt, message, resolution = 'resolved' }) {
  const who = rank === null ? '' : `, rank ${rank}`;
  return el('li', {}, `${resolution}: ${name}${who}, attempt ${attempt}: ${message}`);
}

function folded(title, lines) {
  return el('details', {}, el('summary', {}, title), list(lines));
}

function list(lines) {
  return lines.length === 0 ? null : el('ul', {}, ...lines);
}
