/**
 * Imported into a process before its program: its wall clock is off by as many ms as the file says that CABOOSE_TEST_CLOCK_SHIFT names,
 * and jumps when the file changes. Timers and the monotonic clock stay as they are, as they do when an operator sets the clock.
 */
import { readFileSync } from 'node:fs';

const file = process.env['CABOOSE_TEST_CLOCK_SHIFT'] ?? '';
const lookIntervalMs = 100;
const SystemDate = Date;
let shiftMs = 0;

shiftMs = read();
setInterval(() => (shiftMs = read()), lookIntervalMs).unref();

class ShiftedDate extends SystemDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(ShiftedDate.now());
    else super(...(args as [number]));
  }

  static override now(): number {
    return SystemDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;

/** Half-written: the shift stays as it was. */
function read(): number {
  const ms = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return Number.isNaN(ms) ? shiftMs : ms;
}
