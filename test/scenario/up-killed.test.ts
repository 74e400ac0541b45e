import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { runCaboose } from './caboose-process.ts';
import { compare, randomOf, writeLive } from './oracle.ts';
import { logTables, rowsOf, upAlone } from './up-alone.ts';

/** More of them for a measurement: CABOOSE_TEST_KILLS=1000. */
const kills = Number(process.env['CABOOSE_TEST_KILLS'] ?? 10);
/** Of each file, written for about as long as the kills take. */
const lines = Math.max(20_000, 500 * kills);
const rate = lines / (1.6 * kills);
const rotations = 3;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

function messagesOf(dir: string): string[] {
  return logTables(dir).flatMap((name) =>
    rowsOf(dir, `SELECT message FROM "${name}"`).map(({ message }) => String(message)),
  );
}

describe('caboose up, alone', () => {
  it(
    'killed again and again while files are written and rotated: every line once',
    { timeout: 180_000 + 6_000 * kills },
    async () => {
      await using alone = await upAlone('up');
      const { dir, up, indexDir } = alone;
      const random = randomOf(seed);
      up.start();
      const files = ['w0.log', 'w1.log'].map((name) => join(dir, 'logs', name));
      const writing = Promise.all(
        files.map((path, i) => writeLive({ path, lines, rate, rotations, seed: seed + i })),
      );
      const writers = { done: false };
      void writing.finally(() => (writers.done = true));
      while (!writers.done || up.kills < kills) {
        await delay(400 + random() * 1_600);
        await up.kill();
        up.start();
      }
      const expected = (await writing).flat();
      await until(() => messagesOf(indexDir).length >= expected.length, `${expected.length} events`, 60_000);
      const verdict = compare(expected, messagesOf(indexDir));
      expect({ seed, ...verdict }).toEqual({ seed, missing: 0, duplicate: 0, wrong: 0 });
      expect(up.kills).toBeGreaterThanOrEqual(kills);
      console.log(`${up.kills} kills, ${expected.length} lines (seed ${seed})`);

      const audit = await runCaboose(['audit', '--deep', '--config', up.configFile]);
      expect(audit.stdout.toString() + audit.stderr).toMatch(/^complete: /);
      for (const path of files) {
        const cat = await runCaboose(['cat', path, '--config', up.configFile]);
        const generations = [
          ...Array.from({ length: rotations }, (_, i) => `${path}.${rotations - i}`),
          path,
        ];
        const bytes = Buffer.concat(await Promise.all(generations.map(async (file) => await readFile(file))));
        expect(cat.stdout.equals(bytes), `cat ${path}: ${cat.stderr}`).toBe(true);
      }
      expect(await up.stop()).toBe(0);
    },
  );
});
