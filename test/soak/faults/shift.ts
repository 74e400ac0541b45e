import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const hook = pathToFileURL(join(import.meta.dirname, 'shifted-clock.ts')).href;

/** What a process is started with whose wall clock follows `setShift`. */
export function shiftedClock(dir: string): { preload: string; env: Record<string, string> } {
  return { preload: hook, env: { CABOOSE_TEST_CLOCK_SHIFT: shiftFile(dir) } };
}

export function setShift(dir: string, ms: number): void {
  writeFileSync(shiftFile(dir), String(ms));
}

function shiftFile(dir: string): string {
  return join(dir, 'clock-shift');
}
