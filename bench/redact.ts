import { join } from 'node:path';
import { lookBackBytes, mask, rulesOf } from '../src/core/redaction/mask.ts';
import { segmentBytesMax } from '../src/core/segment.ts';
import { compress } from '../src/segment/compression.ts';
import { AgentProcess } from './agent-process.ts';
import { median } from './bench.ts';
import type { Bench, BenchContext, Figure } from './bench.ts';
import { trainingLines, wordyLines, writeTrainingLines } from './training-lines.ts';

const gigabyte = 1e9;
const linesOfEach = 60_000;
const agentBytes = 0.4 * gigabyte;
/** Masking may cost so much of what the agent costs without it, on any machine. */
const shareMax = 0.15;
const rules = rulesOf([]);

/** What the masking of secrets costs: the pass alone, next to compressing the same, and the whole agent with and without it. */
export const redact: Bench = {
  name: 'redact',
  about: 'CPU per GB of masking secrets, and of the agent with and without it',
  async measure(context) {
    const figures: Figure[] = [];
    const passes: number[] = [];
    for (const [name, bytes] of [
      ['numbers', trainingLines(linesOfEach)],
      ['words', wordyLines(linesOfEach)],
    ] as const) {
      const measured = Array.from({ length: context.runs }, () => ({
        masking: cost(bytes, (window, from) => mask({ window, from, offset: 0 }, rules)),
        compressing: cost(bytes, (window, from) => compress(window.subarray(from), 'normal')),
      }));
      passes.push(median(measured.map(({ masking }) => masking)));
      figures.push(
        { name: `masking (${name})`, unit: 's/GB', values: measured.map(({ masking }) => masking) },
        { name: `zstd (${name})`, unit: 's/GB', values: measured.map(({ compressing }) => compressing) },
      );
    }
    const { without, masking } = await agents(context);
    const share = Math.max(...passes) / median(without);
    return [
      ...figures,
      { name: 'agent without masking', unit: 's/GB', values: without },
      { name: 'agent with masking', unit: 's/GB', values: masking },
      { name: 'masking, of the agent without', unit: '×', values: [share], budget: { max: shareMax } },
    ];
  },
};

/** CPU seconds per GB of some work on segments, each with what is looked at before it. */
function cost(bytes: Buffer, work: (window: Buffer, from: number) => unknown): number {
  const rounds = 4;
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    for (let start = 0; start < bytes.length; start += segmentBytesMax) {
      const from = Math.min(start, lookBackBytes);
      work(bytes.subarray(start - from, start + segmentBytesMax), from);
    }
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1e6 / bytes.length / rounds) * gigabyte;
}

/** CPU seconds per GB of the whole agent. By turns, so that whatever else the machine does falls on both. */
async function agents({ directory, runs }: BenchContext): Promise<{ without: number[]; masking: number[] }> {
  const file = join(directory, 'train.log');
  const bytes = await writeTrainingLines(file, agentBytes);
  const [without, masking]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    for (const [place, values] of [
      ['off', without],
      ['source', masking],
    ] as const) {
      const agent = await AgentProcess.start({ directory, include: [file], redact: place, args: ['--once'] });
      const { cpuSeconds } = await agent.ended();
      const acked = await agent.ackedBytes();
      if (acked !== bytes) throw new Error(`only ${acked} of ${bytes} bytes were acknowledged`);
      values.push((cpuSeconds * gigabyte) / bytes);
    }
  }
  return { without, masking };
}
