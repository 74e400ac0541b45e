/** Incidents of a run as text: those that are open first, failures before warnings, each newest first. */
import type { Incident, IncidentEvidence } from '../../core/incident.ts';
import { adviceFor, headlineFor } from '../../train/incidents/advice.ts';
import { printable, ranksText } from './print.ts';

const evidenceShownMax = 3;

/** `isStored`: the leader has written them; else they are what the facts tell now. */
export function incidentsText(run: string, incidents: readonly Incident[], isStored: boolean): string {
  const sorted = incidents.toSorted(
    (a, b) =>
      Number(a.resolved !== null) - Number(b.resolved !== null) ||
      Number(a.role === 'warning') - Number(b.role === 'warning') ||
      b.opened - a.opened,
  );
  const [first] = sorted;
  if (first === undefined) return `${run}: nothing went wrong, as far as the index and its facts tell\n`;
  const head = `${run}: ${headlineFor(first)}`;
  const note = isStored ? stateText(first) : 'by its facts; the leader has written nothing yet';
  return [`${head} (${note})\n`, ...sorted.map(incidentText)].join('');
}

function incidentText(incident: Incident, i: number): string {
  const {
    class: name,
    rank,
    ranks = [],
    attempt,
    message,
    evidence,
    echo = [],
    also = [],
    details,
  } = incident;
  const { title, tries } = adviceFor(name, details, message);
  const who = [
    rank === null ? 'rank unknown' : `rank ${rank}`,
    ...(ranks.length > 1 ? [`the same on ${ranksText(ranks)}`] : []),
    `attempt ${attempt}`,
    timeText(incident.time ?? incident.opened),
    ...(i > 0 || incident.resolved !== null ? [stateText(incident)] : []),
  ];
  const lines = ['', `  ${i + 1}. ${name}${i === 0 ? '' : `: ${title}`}`, `     ${who.join(' · ')}`];
  lines.push(`     ${printable(message)}`, '');
  for (const place of evidence.slice(0, evidenceShownMax)) {
    lines.push(`     ${placeText(place)}`);
    if (place.message !== undefined && place.message !== message)
      lines.push(`       | ${printable(place.message)}`);
  }
  if (evidence.length > evidenceShownMax) lines.push(`     and ${evidence.length - evidenceShownMax} more`);
  if (echo.length > 0) lines.push('', '     Echo, not the cause:');
  for (const { class: what, ranks: of, message: text, evidence: place } of echo)
    lines.push(
      `       ${what}${of.length === 0 ? '' : ` ${ranksText(of)}`}: ${printable(text)}  ${placeText(place)}`,
    );
  if (also.length > 0) lines.push('', '     Failed besides:');
  for (const { class: what, rank: of, message: text } of also)
    lines.push(`       ${what}${of === null ? '' : ` rank ${of}`}: ${printable(text)}`);
  if (tries.length > 0) lines.push('', '     Try:', ...tries.map((text) => `       - ${text}`));
  return `${lines.join('\n')}\n`;
}

function stateText({ resolved, resolution }: Incident): string {
  if (resolved === null) return 'open';
  return `${resolution ?? 'resolved'} ${timeText(resolved)}`;
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function placeText({ path, start, end }: IncidentEvidence): string {
  return `${path}  (bytes ${start}–${end})`;
}
