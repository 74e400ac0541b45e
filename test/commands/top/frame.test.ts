import { describe, expect, it } from 'vitest';
import { frame } from '../../../src/commands/top/frame.ts';
import type { TopRow } from '../../../src/commands/top/row.ts';

const now = Date.UTC(2026, 10, 23, 12);
const row = (more: Partial<TopRow> = {}): TopRow => ({
  run: 'r',
  attempt: 0,
  ranks: [0, 1],
  step: 1200,
  stepLeast: 1200,
  loss: 2.34567,
  progress: null,
  stepsPerSecond: 1.5,
  tokensPerSecond: 123_456,
  gpuUtilization: 0.974,
  bytesPerSecond: 2_048,
  last: now - 3_000,
  gapBytes: 0,
  state: 'active',
  trouble: null,
  ...more,
});
const size = { columns: 200, lines: 24 };

describe('a frame', () => {
  it('lines the runs up, and tells below what is wrong', () => {
    const rows = [
      row(),
      row({
        run: 'other',
        stepLeast: 1150,
        loss: NaN,
        gapBytes: 10,
        state: 'failed',
        trouble: 'gpu-oom, rank 3: out',
      }),
      row({
        run: 'idle',
        step: null,
        stepLeast: null,
        loss: null,
        stepsPerSecond: null,
        state: 'quiet',
        last: now - 300_000,
      }),
    ];
    expect(frame(rows, now, size)).toEqual([
      '12:00:00 UTC  3 runs: 1 active, 1 quiet, 1 failed',
      'RUN    ATT  RANKS       STEP   LOSS  STEPS/S  TOKENS/S   GPU  WRITTEN/S   LAST  MISSING  STATE',
      'r        0  0-1         1200  2.346    1.500    123456  97 %    2.0 KiB    3 s        -  active',
      'other    0  0-1    1150…1200    NaN    1.500    123456  97 %    2.0 KiB    3 s     10 B  failed',
      'idle     0  0-1            -      -        -    123456  97 %    2.0 KiB  5 min        -  quiet',
      '',
      'other: gpu-oom, rank 3: out',
    ]);
  });

  it('has two columns more where a run says how far it is', () => {
    const told = { step: 450, total: 1_000, label: null, rate: 2, etaMs: 275_000, time: now };
    const rows = [
      row({ progress: told }),
      row({ progress: { ...told, label: 'Fine-tuning of a model', etaMs: null } }),
      row(),
    ];
    const shown = frame(rows, now, size).map((line) => line.slice(30, 71));
    expect(shown.slice(1)).toEqual([
      'STEPS/S                   PROGRESS    ETA',
      '  1.500                   450/1000  5 min',
      '  1.500  Fine-tuning of … 450/1000      -',
      '  1.500                          -      -',
    ]);
  });

  it('fits any terminal, and says how many runs it leaves out', () => {
    const rows = Array.from({ length: 30 }, (_, n) =>
      row({ run: `run-${n}`, trouble: n < 20 ? 'x'.repeat(300) : null }),
    );
    for (const columns of [1, 20, 80, 200])
      for (const lines of [1, 2, 3, 5, 24, 100]) {
        const drawn = frame(rows, now, { columns, lines });
        expect(drawn.length).toBeLessThanOrEqual(lines);
        for (const line of drawn) expect(line.length).toBeLessThanOrEqual(columns);
      }
    const text = frame(rows, now, { columns: 200, lines: 24 });
    const shown = text.filter((line) => /^run-\d+ +0/.test(line)).length;
    expect(text).toContain(`… and ${30 - shown} more`);
    expect(text.filter((line) => line.includes('xxx')).length).toBe(7);
  });

  it('lets no name command the terminal', () => {
    const text = frame([row({ run: 'a\x1b[2Jb\n', trouble: '\x07\u009b2J' })], now, size).join('');
    expect(text).not.toMatch(/\p{Cc}/u);
  });

  it('says when there is nothing', () => {
    expect(frame([], now, size)[0]).toBe('12:00:00 UTC  no runs');
  });
});
