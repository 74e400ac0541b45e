import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { simulateMany } from './many.ts';
import { reportText } from './report.ts';
import type { Report } from './report.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';
import type { Outcome } from './simulation.ts';

/** `npm run soak -- [simulation]`: many seeds on all processors, or one of them again. */
export const usage = `usage: npm run soak -- [simulation] [OPTIONS]

  --seeds N     so many seeds (1,000)
  --from N      from this one on (1)
  --seed N      this one alone, with the end of its trace
  --verbose     the whole trace
  --shrink      also the smallest part of the program that fails
  --workers N   processors to use (all)`;

export function parse(args: readonly string[]): () => Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      workers: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const { verbose, shrink: isShrunk } = values;
  const [from, seeds, workers] = [values.from, values.seeds, values.workers].map(natural) as [
    number,
    number,
    number,
  ];
  const seed = values.seed === undefined ? null : natural(values.seed);
  return async () => {
    const held = seed === null ? await runMany(from, seeds, workers) : await replay(seed, verbose, isShrunk);
    return held ? 0 : 1;
  };
}

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`not a whole number: ${text}`);
  return value;
}

const traceLinesMax = 60;

async function replay(seed: number, verbose: boolean, shrunk: boolean): Promise<boolean> {
  const outcome = await simulate(seed, { traced: true });
  const failed = outcome.violations.length > 0;
  const shown = failed && shrunk ? await shrink(outcome) : outcome;
  print(shown, verbose);
  return !failed;
}

function print({ trace, violations, fates, program, bytesWritten }: Outcome, verbose: boolean): void {
  console.log(JSON.stringify(program.settings));
  console.log((verbose ? trace : trace.slice(-traceLinesMax)).join('\n'));
  console.log({ bytesWritten, ...fates });
  for (const { kind, detail } of violations) console.log(`VIOLATION ${kind}: ${detail}`);
  if (violations.length === 0) console.log('no violation');
}

async function runMany(from: number, seeds: number, workers: number): Promise<boolean> {
  const began = performance.now();
  let told = 0;
  const onReport = ({ failed }: Report, total: Report) => {
    for (const { seed, kind, detail } of failed) console.log(`seed ${seed}: ${kind}: ${detail}`);
    const seconds = (performance.now() - began) / 1000;
    if (seconds < told + 30) return;
    told = seconds;
    console.log(`${total.seeds} of ${seeds} seeds in ${seconds.toFixed(0)} s, ${total.failed.length} failed`);
  };
  const total = await simulateMany({ from, seeds, workers, onReport });
  console.log(reportText(total, (performance.now() - began) / 1000));
  return total.failed.length === 0;
}
