import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { setShift, shiftedClock } from './shift.ts';

const hourMs = 3_600_000;
/** Tells its wall clock, and how far its other clock has come, until it is killed. */
const program = `setInterval(() => console.log(Date.now(), new Date().getTime(), performance.now()), 20)`;

test('a process follows the shift of its wall clock, and its monotonic clock does not', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'caboose-shift-'));
  setShift(dir, hourMs);
  const { preload, env } = shiftedClock(dir);
  const child = spawn(process.execPath, ['--import', preload, '--eval', program], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const seen: number[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const [now = 0, made = 0, monotonic = 0] = line.split(' ').map(Number);
      const hours = Math.round((now - Date.now()) / hourMs);
      expect(Math.abs(made - now)).toBeLessThan(1000);
      expect(monotonic).toBeLessThan(hourMs / 2);
      seen.push(hours);
      setShift(dir, -hourMs);
      if (hours === -1) break;
    }
    expect([...new Set(seen)]).toEqual([1, -1]);
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});
