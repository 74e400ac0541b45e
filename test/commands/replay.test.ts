import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runHere, ship } from '../scenario/in-process.ts';

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'caboose-replay-'))));
afterAll(async () => await rm(dir, { recursive: true }));

it('takes a segment of very many lines', async () => {
  const lines = 200_000;
  await writeFile(join(dir, 'many.log'), 'a\n'.repeat(lines));
  const config = join(dir, 'caboose.yaml');
  await writeFile(
    config,
    JSON.stringify({
      source: { id: 's', include: [join(dir, '*.log')], run: 'many' },
      transport: { local: { dir: join(dir, 'transport') } },
      index: { local: { dir: join(dir, 'index') } },
      state: { dir: join(dir, 'state') },
    }),
  );
  await ship(config);
  const { code, stdout, stderr } = await runHere(['replay', 'many', '--config', config]);
  // The last one is open.
  expect(stdout + stderr).toContain(`${lines - 1} events`);
  expect(code).toBe(0);
});
