import { globSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { runCaboose } from './caboose-process.ts';
import { rowsOf, upAlone } from './up-alone.ts';

const kills = 4;

/** Whole lines of all files of samples. One is deleted by the next process's second sample at the earliest: looking often misses none. */
function note(dir: string, lines: Set<string>): void {
  for (const file of globSync(join(dir, 'state', 'resources', '**', '*.jsonl')))
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) lines.add(line);
}

it(
  'samples become points, once each, through kill -9; logs do not show them',
  { timeout: 120_000 },
  async () => {
    const include = (dir: string): string => `include: ["${dir}/logs/*"]`;
    await using alone = await upAlone('resources', include, 'agent: { resources: { intervalMs: 1000 } }');
    const { dir, indexDir, up } = alone;
    const log = join(dir, 'logs', 'train.jsonl');
    await mkdir(join(dir, 'logs'));
    await appendFile(log, '{"step":1,"loss":2.5}\n');
    const lines = new Set<string>();
    for (let i = 0; i <= kills; i += 1) {
      up.start();
      const seen = lines.size;
      for (let looks = 0; lines.size < seen + 3 && looks < 200; looks += 1) {
        await delay(100);
        note(dir, lines);
      }
      if (i < kills) await up.kill();
      note(dir, lines);
    }
    const stored = () =>
      rowsOf(
        indexDir,
        `SELECT p.time, p.entries FROM points AS p JOIN origins AS o ON o.no = p.origin WHERE o.kind = 'resources'`,
      ).filter(({ entries }) => String(entries).startsWith('[["resource.machine.'));
    await until(() => stored().length >= lines.size, 'every sample in the index', 30_000);
    expect(await up.metric('caboose_resource_machine_memory_limit_bytes')).toBeGreaterThan(0);
    expect(await up.stop()).toBe(0);
    note(dir, lines);
    const times = stored().map(({ time }) => Number(time));
    expect(new Set(times).size).toBe(times.length);
    const written = new Set(
      [...lines].map((line) => Date.parse((JSON.parse(line) as { time: string }).time)),
    );
    for (const time of times) expect(written).toContain(time);

    const ask = async (...args: string[]) =>
      (await runCaboose([...args, '--config', up.configFile])).stdout.toString();
    expect(await ask('cat', 'up')).toBe(await readFile(log, 'utf8'));
    expect((await ask('search', '')).trim().split('\n')).toHaveLength(1);
    expect(await ask('points', 'up')).not.toContain('resource.');
    expect(await ask('points', 'up', '--resources')).toContain('resource.machine.load_1m');
    expect(await ask('runs', '--json')).toContain('"streams":1');
    expect(await ask('audit', '--deep')).toMatch(/^complete: 1 streams/);
  },
);
