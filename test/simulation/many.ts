import { Worker } from 'node:worker_threads';
import { addTo, emptyReport } from './report.ts';
import type { Report } from './report.ts';

export interface ManyOptions {
  from: number;
  seeds: number;
  workers: number;
  /** Told of what was added, and of the sum so far. */
  onReport?: (part: Report, total: Report) => void;
}

/** Seeds from `from` on, shared by workers: each takes every so-many-th one. */
export async function simulateMany({ from, seeds, workers, onReport }: ManyOptions): Promise<Report> {
  const total = emptyReport();
  const share = async (worker: number) =>
    await new Promise<void>((resolve, reject) => {
      const workerData = { from: from + worker, to: from + seeds, step: workers };
      const thread = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
      thread.on('message', (report: Report) => {
        addTo(total, report);
        onReport?.(report, total);
      });
      thread.on('error', reject);
      thread.on('exit', () => resolve());
    });
  await Promise.all(Array.from({ length: workers }, async (_, worker) => await share(worker)));
  return total;
}
