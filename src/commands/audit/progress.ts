import type { Clock } from '../../core/clock.ts';
import type { Output } from '../command.ts';
import { byteText } from '../runs.ts';

/** How far a deep audit is: one line that is redrawn on a terminal, else a line now and then if it takes long. */
export interface AuditProgress {
  /** Begins a part of the work; `total` documents are ahead, if it is about documents. */
  stage(name: string, total?: number): void;
  record(bytes: number): void;
  document(): void;
  done(): Promise<void>;
}

const redrawIntervalMs = 200;
const lineIntervalMs = 10_000;

export const silentProgress: AuditProgress = {
  stage: () => undefined,
  record: () => undefined,
  document: () => undefined,
  done: () => Promise.resolve(),
};

export function progressOn(stderr: Output, clock: Clock, recordsTotal: number | null): AuditProgress {
  const counts = { records: 0, bytes: 0, documents: 0 };
  let stage = { name: '', began: clock.monotonic(), total: 0, records: 0, bytes: 0, documents: 0 };
  let told = clock.monotonic();
  let drawn = false;

  const tell = () => {
    const now = clock.monotonic();
    if (now - told < (stderr.isTerminal ? redrawIntervalMs : lineIntervalMs)) return;
    told = now;
    const text = progressText(counts, stage, recordsTotal, now - stage.began);
    drawn = stderr.isTerminal;
    void stderr.write(stderr.isTerminal ? `\r${text.slice(0, stderr.columns - 1)}\x1b[K` : `${text}\n`);
  };

  return {
    stage(name, total = 0) {
      stage = { name, began: clock.monotonic(), total, ...counts };
    },
    record(bytes) {
      counts.records += 1;
      counts.bytes += bytes;
      tell();
    },
    document() {
      counts.documents += 1;
      tell();
    },
    async done() {
      if (drawn) await stderr.write('\r\x1b[K');
    },
  };
}

interface Counts {
  records: number;
  bytes: number;
  documents: number;
}

export function progressText(
  now: Counts,
  stage: Counts & { name: string; total: number },
  recordsTotal: number | null,
  ms: number,
): string {
  const seconds = Math.max(ms, 1) / 1000;
  if (stage.total > 0) {
    const done = now.documents - stage.documents;
    const rate = done / seconds;
    return `${stage.name}: ${done} of ${stage.total} documents, ${Math.round(rate)}/s, ${leftText((stage.total - done) / rate)}`;
  }
  const done = now.records - stage.records;
  const bytes = now.bytes - stage.bytes;
  const of = recordsTotal === null ? '' : ` of ${recordsTotal}`;
  const left = recordsTotal === null ? '' : `, ${leftText((recordsTotal - done) / (done / seconds))}`;
  return `${stage.name}: ${done}${of} records, ${byteText(bytes)}, ${byteText(bytes / seconds)}/s${left}`;
}

function leftText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'time left unknown';
  const whole = Math.max(0, Math.round(seconds));
  return whole < 120 ? `${whole} s left` : `${Math.round(whole / 60)} min left`;
}
