import { expect, it } from 'vitest';
import { isOpen, sortedIncidents } from '../../src/core/incident.ts';
import type { Incident } from '../../src/core/incident.ts';

function incident(id: string, values: Partial<Incident>): Incident {
  const common = { run: 'r', attempt: 0, rank: null, class: 'c', message: '', evidence: [] };
  return { id, ...common, role: 'root', opened: 1, resolved: null, ...values };
}

it('puts what is open first, failures before warnings, each newest first', () => {
  const incidents = [
    incident('resolved', { opened: 9, resolved: 10 }),
    incident('warning', { role: 'warning', opened: 5 }),
    incident('failure', { opened: 2 }),
    incident('newer failure', { opened: 3 }),
    incident('newer warning', { role: 'warning', opened: 6 }),
  ];
  const sorted = sortedIncidents(incidents);
  expect(sorted.map(({ id }) => id)).toEqual([
    'newer failure',
    'failure',
    'newer warning',
    'warning',
    'resolved',
  ]);
  expect(sorted.map(isOpen)).toEqual([true, true, true, true, false]);
});
