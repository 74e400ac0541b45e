import { appendFile, copyFile, mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { runHere } from './in-process.ts';
import { writeLive } from './oracle.ts';
import { upAlone } from './up-alone.ts';

/** More of them for a measurement: CABOOSE_TEST_AUDITS=50. */
const audits = Number(process.env['CABOOSE_TEST_AUDITS'] ?? 6);

it(
  'audits a system at work again and again, and calls nothing a fault that is none',
  { timeout: 1_200_000 },
  async () => {
    await using alone = await upAlone('audit-live');
    const { dir, up } = alone;
    const over = new AbortController();
    try {
      up.start();
      await until(async () => (await up.metric('caboose_followed_files')) !== null, 'up answers', 60_000);
      const writing = Promise.all([
        ...[0, 1, 2].map(async (i) => await writeRounds(join(dir, 'logs', `w${i}`), i, over.signal)),
        copyTruncate(join(dir, 'logs', 'copied'), over.signal),
        fewBytes(join(dir, 'logs', 'few'), over.signal),
      ]);
      const told: string[] = [];
      let events = 0;
      for (let i = 0; i < audits; i += 1) {
        const args = ['audit', '--json', ...(i % 2 === 0 ? ['--deep'] : []), '--config', up.configFile];
        const { code, stdout, stderr } = await runHere(args);
        const last = stdout.trim().split('\n').at(-1) ?? '{}';
        events = (JSON.parse(last) as { events: number }).events;
        if (code !== 0) told.push(`${args.join(' ')}: ${code}\n${stdout}${stderr}`);
        await delay(500);
      }
      over.abort();
      await writing;
      expect(told).toEqual([]);
      expect(events).toBeGreaterThan(1_000);
    } finally {
      over.abort();
    }
  },
);

/** Lines in bursts and torn, with rotations by rename, a new file each time. */
async function writeRounds(dir: string, seed: number, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round += 1) {
    const path = join(dir, `r${round}.log`);
    await writeLive({ path, lines: 4_000, rate: 1_000, rotations: 2, seed: seed * 1_000 + round });
  }
}

async function copyTruncate(dir: string, signal: AbortSignal): Promise<void> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'train.log');
  for (let n = 0; !signal.aborted; n += 1) {
    await appendFile(path, `${new Date().toISOString()} copied and truncated, line ${n}\n`);
    if (n % 400 === 399) {
      await copyFile(path, `${path}.${n}`);
      await truncate(path);
    }
    await delay(5);
  }
}

/** Files of which too little is there to tell text from binary, and lines that stay open. */
async function fewBytes(dir: string, signal: AbortSignal): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let n = 0; !signal.aborted; n += 1) {
    await appendFile(join(dir, `few-${n % 50}.log`), n % 100 < 50 ? 'ab' : 'Traceback (most recent\n  and');
    await delay(300);
  }
}
