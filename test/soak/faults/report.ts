import { isWithin } from './scenario.ts';
import type { Figure } from './scenario.ts';
import type { Report } from './play.ts';

/** For people, one scenario a paragraph. */
export function paragraph(report: Report): string {
  const { scenario, fault, how, times, result, verdict, figures, reason, dir } = report;
  const lines = [
    `${result.toUpperCase().padEnd(8)}${scenario}: ${fault}`,
    `        how      ${how}`,
    `        times    ${times}`,
  ];
  if (verdict) {
    const { lines: count, missing, duplicate, wrong, audit } = verdict;
    const audited = audit.length === 0 ? 'complete' : 'NOT complete';
    lines.push(
      `        lines    ${count}: ${missing} missing, ${duplicate} duplicate, ${wrong} wrong; audit ${audited}`,
    );
  }
  for (const figure of figures) lines.push(`        figure   ${figureText(figure)}`);
  if (reason !== null) lines.push(`        reason   ${reason}`);
  if (dir !== null) lines.push(`        logs     ${dir}`);
  lines.push(`        again    ${report.command}`);
  return lines.join('\n');
}

/** A table for a page. */
export function table(reports: readonly Report[]): string {
  const rows = reports.map((report) => {
    const { fault, how, times, result, verdict, figures } = report;
    const judged = verdict
      ? `${result}: ${verdict.lines} lines, ${verdict.missing} / ${verdict.duplicate} / ${verdict.wrong}`
      : result;
    const cells = [fault, how, times, judged, figures.map(figureText).join('; '), `\`${report.command}\``];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| fault | how it was injected | times | result: lines, missing / duplicate / wrong | figures | command |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function figureText(figure: Figure): string {
  const { name, value, unit, min, max } = figure;
  const bound = max !== undefined ? ` (≤ ${max})` : min !== undefined ? ` (≥ ${min})` : '';
  return `${name} ${shown(value)}${unit === '' ? '' : ` ${unit}`}${bound}${isWithin(figure) ? '' : ' MISSED'}`;
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}
