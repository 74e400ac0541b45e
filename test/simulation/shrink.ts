import type { Program } from './program.ts';
import { simulate } from './simulation.ts';
import type { Outcome, SimulationOptions } from './simulation.ts';

/** Runs of at most so many smaller programs. */
const triesMax = 2000;

/** The smallest part of a failing program that still fails in the same way: leaves out operations and faults, many at a time first. */
export async function shrink(failing: Outcome, options: SimulationOptions = {}): Promise<Outcome> {
  const kind = failing.violations[0]?.kind;
  let best = failing;
  let tries = 0;
  const attempt = async (program: Program): Promise<boolean> => {
    tries += 1;
    const outcome = await simulate(failing.seed, { ...options, program, traced: true });
    if (!outcome.violations.some((violation) => violation.kind === kind)) return false;
    best = outcome;
    return true;
  };
  for (let smaller = true; smaller && tries < triesMax;) {
    smaller = false;
    for (const part of ['faults', 'operations'] as const) {
      for (let size = best.program[part].length; size >= 1 && tries < triesMax; size = Math.floor(size / 2)) {
        for (let start = 0; start < best.program[part].length && tries < triesMax;) {
          const rest = best.program[part].toSpliced(start, size);
          if (await attempt({ ...best.program, [part]: rest })) smaller = true;
          else start += size;
        }
      }
    }
  }
  return best;
}
