/** Loaded before main.ts in a process that is measured: at its end it writes what it has used to CABOOSE_BENCH_USAGE. */
import { writeFileSync } from 'node:fs';

const path = process.env['CABOOSE_BENCH_USAGE'];

process.on('exit', () => {
  if (path !== undefined) writeFileSync(path, JSON.stringify(process.resourceUsage()));
});
