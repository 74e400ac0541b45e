import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { runCaboose } from './caboose-process.ts';
import { compare, randomOf, writeLive } from './oracle.ts';
import { upAlone } from './up-alone.ts';

const kills = 10;
const rotations = 3;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

/** Reads the store directly, so that the oracle does not lean on what it tests. */
function messagesOf(dir: string): string[] {
  const [file] = globSync(join(dir, '*.db'));
  if (file === undefined) return [];
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = db
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'logs_????.??.??'`)
      .all();
    return tables.flatMap(({ name }) =>
      db
        .prepare(`SELECT message FROM "${String(name)}"`)
        .all()
        .map(({ message }) => String(message)),
    );
  } finally {
    db.close();
  }
}

describe('caboose up, alone', () => {
  it(
    'killed ten times while files are written and rotated: every line once',
    { timeout: 180_000 },
    async () => {
      await using alone = await upAlone('up');
      const { dir, up, indexDir } = alone;
      const random = randomOf(seed);
      up.start();
      const files = ['w0.log', 'w1.log'].map((name) => join(dir, 'logs', name));
      const writing = Promise.all(
        files.map((path, i) => writeLive({ path, lines: 20_000, rate: 1_200, rotations, seed: seed + i })),
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
