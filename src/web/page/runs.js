import { el, hasChanged } from './dom.js';
import { formatAge, formatBytes, formatCount, formatPace, formatProgress, formatRanks } from './format.js';

/** The list of runs. Rows are made anew only when what they say has changed. */
export function showRuns(host, answer, chosen, choose) {
  const state = [answer.runs.map((run) => [run, ageText(run, answer.now)]), answer.following, chosen];
  if (!hasChanged(host, state)) return;
  const focused = host.contains(document.activeElement) ? document.activeElement.dataset.run : undefined;
  host.replaceChildren(
    ...(answer.runs.length === 0
      ? [noRun(answer.following)]
      : answer.runs.map((run) => row(run, answer.now, chosen, choose))),
  );
  if (focused !== undefined) [...host.children].find((child) => child.dataset.run === focused)?.focus();
}

function row(run, now, chosen, choose) {
  const ranks =
    run.ranks.length === 0
      ? 'no rank'
      : `${run.ranks.length === 1 ? 'rank' : 'ranks'} ${formatRanks(run.ranks)}`;
  return el(
    'button',
    {
      type: 'button',
      class: 'run',
      'data-run': run.run,
      title: run.run,
      'aria-current': String(run.run === chosen),
      onclick: () => choose(run.run),
    },
    el('span', { class: 'run-name' }, el('span', { class: `dot ${run.state}` }), el('b', {}, run.run)),
    el('span', { class: 'run-facts' }, ageText(run, now), run.attempt > 0 ? ` · attempt ${run.attempt}` : ''),
    el(
      'span',
      { class: 'run-facts' },
      `${ranks} · ${formatBytes(run.bytes)} · ${formatCount(run.events, 'event')}`,
    ),
    ...progressOf(run),
    wrong(run),
    run.gapBytes > 0
      ? el('span', { class: 'run-facts bad' }, `${formatBytes(run.gapBytes)} could not be had`)
      : null,
  );
}

/** How far it says that it is. */
function progressOf({ progress }) {
  if (progress === undefined) return [];
  const { step, total, label } = progress;
  const pace = formatPace(progress);
  return [
    el('progress', { class: 'run-progress', value: step, max: total, 'aria-label': label ?? 'steps' }),
    el('span', { class: 'run-facts' }, formatProgress(progress)),
    pace === '' ? null : el('span', { class: 'run-facts' }, pace),
  ];
}

/** The failure, in short; how many warnings there are besides. */
function wrong({ incidents, incidentCount }) {
  if (incidentCount === 0) return null;
  const root = incidents.find(({ role }) => role === 'root');
  if (root === undefined)
    return el('span', { class: 'run-facts warn' }, formatCount(incidentCount, 'warning'));
  const rank = root.rank === null ? '' : `, rank ${root.rank}`;
  const more = incidentCount > 1 ? `, +${incidentCount - 1}` : '';
  return el('span', { class: 'run-facts bad' }, `failed: ${root.class}${rank}${more}`);
}

function ageText(run, now) {
  const age = formatAge(now - run.last);
  return run.state === 'active' ? 'active now' : `last seen ${age} ago`;
}

function noRun(following) {
  const what =
    following.length === 0
      ? ''
      : ` Following ${following.slice(0, 3).join(', ')}${following.length > 3 ? ' …' : ''}: as soon as a file there has a line, its run is here.`;
  return el(
    'p',
    { class: 'empty' },
    `No run yet.${what} To follow another directory, start `,
    el('code', {}, 'caboose up DIR'),
    ' with the directory that your training writes to.',
  );
}
