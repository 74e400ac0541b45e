import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { runCaboose } from './caboose-process.ts';
import { randomOf } from './oracle.ts';
import { logTables, rowsOf, upAlone } from './up-alone.ts';

const rewrites = 50;
const killsMin = 5;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

interface Stored {
  step: number;
  names: Record<string, number>;
}

function pointsOf(dir: string, path: string): Stored[] {
  return rowsOf(
    dir,
    `SELECT p.step, p.entries FROM points AS p JOIN origins AS o ON o.no = p.origin WHERE o.path = '${path}' ORDER BY p.step`,
  ).map(({ step, entries }) => ({
    step: Number(step),
    names: Object.fromEntries(
      (JSON.parse(String(entries)) as [string, string, number][]).map(([name, , value]) => [name, value]),
    ),
  }));
}

function eventsOf(dir: string, path: string): string[] {
  return logTables(dir).flatMap((name) =>
    rowsOf(
      dir,
      `SELECT e.message FROM "${name}" AS e JOIN origins AS o ON o.no = e.origin WHERE o.path = '${path}'`,
    ).map(({ message }) => String(message)),
  );
}

describe('files that are rewritten, under caboose up', () => {
  it(
    'fifty states of trainer_state.json, and a CSV file with new columns, through kills: each row once',
    { timeout: 240_000 },
    async () => {
      await using alone = await upAlone(
        'rewritten',
        (dir) => `include: ["${dir}/run/*"], exclude: ["*.tmp"]`,
      );
      const { dir, up, indexDir: index } = alone;
      const random = randomOf(seed);
      const state = join(dir, 'run', 'trainer_state.json');
      const csv = join(dir, 'run', 'metrics.csv');
      await mkdir(join(dir, 'run'));
      const history: Record<string, number>[] = [];
      const rows: { step: number; loss: number; val?: number }[] = [];
      const stateText = () =>
        `${JSON.stringify({ epoch: 1, log_history: history, total_flos: 5 }, null, 2)}\n`;

      async function rewrite(i: number): Promise<void> {
        history.push({ step: i, loss: 10 - i / 10, learning_rate: i / 1e5 });
        if (i % 5 === 0) history.push({ step: i, eval_loss: i / 7 });
        // As Trainer does (in place), and as others do (a new file that is renamed over it).
        if (i % 2 === 0) await writeFile(state, stateText());
        else {
          await writeFile(`${state}.tmp`, stateText());
          await rename(`${state}.tmp`, state);
        }
        const row = i >= 20 && i % 3 === 0 ? { step: i, loss: i / 3, val: i } : { step: i, loss: i / 3 };
        rows.push(row);
        // The first row with another column makes the logger write the file anew.
        if (i === 1) await writeFile(csv, `step,loss\n${i},${row.loss}\n`);
        else if (i === 21) {
          const lines = rows.map(({ step, loss, val }) => `${val ?? ''},${loss},${step}\n`);
          await writeFile(csv, `val,loss,step\n${lines.join('')}`);
        } else if (i > 21) await appendFile(csv, `${row.val ?? ''},${row.loss},${row.step}\n`);
        else await appendFile(csv, `${row.step},${row.loss}\n`);
      }

      up.start();
      const writing = { done: false };
      const written = (async () => {
        for (let i = 1; i <= rewrites; i += 1) {
          await rewrite(i);
          await delay(100 + random() * 600);
        }
        writing.done = true;
      })();
      while (!writing.done || up.kills < killsMin) {
        await delay(1_000 + random() * 3_000);
        await up.kill();
        up.start();
      }
      await written;
      const isThere = () =>
        eventsOf(index, state).length >= history.length && pointsOf(index, csv).length >= rows.length;
      await until(isThere, 'all rows', 60_000);

      const events = eventsOf(index, state).map((message) => JSON.parse(message) as unknown);
      const byText = (list: unknown[]) => list.map((entry) => JSON.stringify(entry)).sort();
      expect({ seed, events: byText(events) }).toEqual({ seed, events: byText(history) });
      const points = pointsOf(index, state);
      const expected = history.map(({ step = 0, ...names }) => ({ step, names }));
      const inOrder = (list: Stored[]) => list.map((stored) => JSON.stringify(stored)).sort();
      expect({ seed, points: inOrder(points) }).toEqual({ seed, points: inOrder(expected) });
      const cells = rows.map(({ step, loss, val }) => ({
        step,
        names: val === undefined ? { loss } : { val, loss },
      }));
      expect({ seed, points: inOrder(pointsOf(index, csv)) }).toEqual({ seed, points: inOrder(cells) });

      const audit = await runCaboose(['audit', '--deep', '--config', up.configFile]);
      expect({ seed, code: audit.code, text: audit.stdout.toString() + audit.stderr }).toMatchObject({
        seed,
        code: 0,
      });
      const cat = await runCaboose(['cat', state, '--latest', '--config', up.configFile]);
      expect(cat.stdout.equals(await readFile(state)), cat.stderr).toBe(true);
      expect(up.kills).toBeGreaterThanOrEqual(killsMin);
      expect(await up.stop()).toBe(0);
    },
  );
});
