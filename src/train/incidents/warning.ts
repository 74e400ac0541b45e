/** A warning of the rules has no text of its own: its evidence is the fact from which on it holds. */
import type { FactBase } from '../../core/fact.ts';
import type { Observation } from './attempt-record.ts';
import type { Cause } from './cause.ts';

export function causeOfFact(fact: FactBase, name: string, message: string): Cause {
  const evidence = observationAt(fact, name, message);
  const { rank, attempt, time } = fact;
  return {
    class: name,
    role: 'warning',
    rank,
    ranks: rank === null ? [] : [rank],
    attempt,
    message,
    time,
    details: {},
    evidence: [evidence],
    echo: [],
    startedAgain: false,
  };
}

function observationAt(fact: FactBase, name: string, message: string): Observation {
  const { id, event, run, attempt, rank, host, stream, path, start, end, time, observed } = fact;
  const base: FactBase = { id, event, run, attempt, rank, stream, path, start, end, time, observed };
  if (host !== undefined) base.host = host;
  return { ...base, kind: 'observation', class: name, role: 'warning', message };
}
