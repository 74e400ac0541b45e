import type { Operation, Program } from './program.ts';
import { simulate } from './simulation.ts';
import type { Outcome, SimulationOptions } from './simulation.ts';

/** Runs of at most so many smaller programs. */
const triesMax = 2000;

/** The smallest part of a failing program that still fails in the same way: leaves out operations and faults, many at a time first. */
export async function shrink(failing: Outcome, options: SimulationOptions = {}): Promise<Outcome> {
  const kind = failing.violations[0]?.kind;
  let best = failing;
  let size = Math.max(failing.program.operations.length, failing.program.faults.length);
  for (let tries = 0; size >= 1; size = Math.floor(size / 2)) {
    for (const program of smallerOnes(() => best.program, size)) {
      tries += 1;
      if (tries > triesMax) return best;
      const outcome = await simulate(failing.seed, { ...options, program, traced: true });
      if (outcome.violations.some((violation) => violation.kind === kind)) best = outcome;
    }
  }
  return best;
}

/** Programs without `size` of the faults or operations. When one of them has become the best, the next ones are parts of that. */
function* smallerOnes(best: () => Program, size: number): Generator<Program> {
  for (const part of ['faults', 'operations'] as const) {
    for (let start = 0; start < best()[part].length;) {
      const before = best();
      const smaller = { ...before, [part]: before[part].toSpliced(start, size) };
      if (isWhole(smaller)) yield smaller;
      if (best() === before) start += size;
    }
  }
}

/** Whether each copy that is no copy to stay has its truncation: without that it is a file of its own, and rightly comes a second time. */
function isWhole({ operations }: Program): boolean {
  return operations.every((copy, i) => {
    if (copy.do !== 'copy' || copy.stays) return true;
    const next = operations.slice(i + 1).find((other) => touches(other, copy));
    return next?.do === 'truncate' || (next?.do === 'copy' && next.to === copy.to);
  });
}

function touches(operation: Operation, { from, to }: { from: string; to: string }): boolean {
  switch (operation.do) {
    case 'copy':
      return operation.from === from;
    case 'rename':
      return operation.from === to || operation.from === from;
    case 'truncate':
      return operation.path === from;
    default:
      return false;
  }
}
