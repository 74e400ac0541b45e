import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { simulateMany } from './many.ts';
import { mutations } from './mutations.ts';
import { regressions } from './regressions.ts';
import { reportText } from './report.ts';
import { simulate } from './simulation.ts';
import { shrink } from './shrink.ts';

/** The same in each run, and others in each; CABOOSE_SIMULATION_SEED names another first one of those. What fails is told with the command that replays it. */
const knownSeeds = { first: 300_000, count: 1_500 };
const freshSeeds = {
  first: Number(process.env['CABOOSE_SIMULATION_SEED'] ?? randomInt(10_000_000, 4_000_000_000)),
  count: 150,
};
const workersMax = 4;
/** Seeds that once were reported as a violation. */
const reported = [
  301_018, 530_153, 560_095, 560_789, 795_453, 798_145, 901_402, 906_386, 906_557, 907_092, 910_733,
  1_008_966, 1_501_788, 1_502_671, 1_503_287, 908_832, 1_505_197, 2_001_237, 2_002_052, 2_002_499, 2_009_450,
  2_010_017, 2_011_498, 3_007_043, 3_010_870, 3_034_989, 3_041_078, 4_018_594, 4_034_404, 4_041_385,
  4_046_976, 4_057_837, 4_001_323, 4_026_849, 8_000_580, 8_020_848, 8_034_681, 8_034_866, 8_598_934_904,
  8_598_936_206, 8_598_936_273, 8_598_936_628, 8_598_948_227, 20_059_091, 20_002_986, 20_053_536, 20_068_871,
  20_011_546, 20_038_732, 20_060_427, 20_092_269, 20_054_658, 8_598_946_464, 8_598_947_671, 8_598_949_067,
  8_598_949_375, 8_598_949_410, 8_598_949_750, 30_001_870, 30_003_053, 30_028_109, 30_031_918, 30_084_629,
  30_094_609, 50_000_771, 60_081_950, 60_065_060, 60_094_007, 80_025_323, 80_028_198, 80_056_337, 80_085_009,
  90_006_714, 90_016_671, 90_028_548, 90_042_613, 90_063_808, 90_074_718, 90_045_848, 100_012_713,
  100_016_241, 100_021_876, 100_022_658, 100_032_376, 100_070_549, 120_052_406, 130_012_543, 130_018_013,
  130_062_931, 130_067_178, 130_070_817, 140_040_618, 140_042_943, 150_068_904, 150_071_702, 150_087_254,
];

describe('the simulation', () => {
  it('is decided by its seed, byte for byte', async () => {
    const [first, again, other] = [
      await simulate(4, { traced: true }),
      await simulate(4, { traced: true }),
      await simulate(5, { traced: true }),
    ];
    expect(first.trace.length).toBeGreaterThan(20);
    expect(again).toEqual(first);
    expect(other.trace).not.toEqual(first.trace);
  });

  /** Some 15 ms of a processor for each seed. */
  it.each([
    ['known', knownSeeds],
    ['fresh', freshSeeds],
  ])('finds no broken promise in %s seeds', { timeout: 120_000 }, async (which, { first, count }) => {
    const began = performance.now();
    const workers = Math.min(workersMax, availableParallelism());
    const report = await simulateMany({ from: first, seeds: count, workers });
    const text = reportText(report, (performance.now() - began) / 1000);
    console.log(`${which} seeds, from ${first} on: ${text}`);
    expect(report.failed, text).toEqual([]);
    expect(report.seeds).toBe(count);
  });

  it.each(reported)('finds no broken promise in seed %i, in which it once found one', async (seed) => {
    const { violations } = await simulate(seed);
    expect(violations).toEqual([]);
  });

  it('shrinks what fails to a few steps', async () => {
    const mutation = mutations['the anchor is not kept'];
    if (!mutation) throw new Error('no such mutation');
    for (let seed = 1; ; seed += 1) {
      const outcome = await simulate(seed, { mutation });
      if (outcome.violations.length === 0) continue;
      const shrunk = await shrink(outcome, { mutation });
      expect(shrunk.violations[0]?.kind).toBe(outcome.violations[0]?.kind);
      expect(shrunk.program.operations.length).toBeLessThan(8);
      return;
    }
  });
});

describe('what once broke a promise', () => {
  const schedulesMax = 10;
  it.each(Object.entries(regressions))('%s', async (_, program) => {
    for (let seed = 1; seed <= schedulesMax; seed += 1) {
      const { violations } = await simulate(seed, { program });
      expect(violations, `schedule ${seed}`).toEqual([]);
    }
  });
});

describe('a defect that is put in', () => {
  const seedsToFindMax = 400;
  it.each(Object.entries(mutations))('is found: %s', async (_, mutation) => {
    for (let seed = 1; seed <= seedsToFindMax; seed += 1) {
      const { program } = mutation;
      const { violations } = await simulate(seed, { mutation, ...(program && { program }) });
      const kinds = violations.map(({ kind }) => kind);
      if (kinds.includes(mutation.foundAs ?? kinds[0] ?? 'none')) return;
    }
    expect.fail(`not found in ${seedsToFindMax} seeds`);
  });
});
