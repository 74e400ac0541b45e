import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { build } from '../test/scenario/caboose-process.ts';
import { AgentProcess } from './agent-process.ts';
import type { Usage } from './agent-process.ts';
import type { Bench, BenchContext, Figure } from './bench.ts';
import { withTopicPrefix } from './kafka-topics.ts';
import { writeTrainingLines } from './training-lines.ts';

const gigabyte = 1e9;
const cpuSecondsMax = 4;
/** 160 MB */
const rssMiBMax = 152;
/** The machine's pace is that of reading and compressing alone: the whole way may cost so many times that, on any machine. */
const timesPlainMax = 2;
const blockBytes = 880 * 1024;

/** What the trainer's machine pays: one file of 1 GB, read, compressed, sent and acknowledged, from exec to exit. */
export const agentThroughput: Bench = {
  name: 'agent-throughput',
  about: 'the agent ships 1 GB of training lines from one file to Kafka',
  async measure(context) {
    const file = join(context.directory, 'train.log');
    const bytes = await writeTrainingLines(file, gigabyte);
    const figures = await figuresOf('source', 'src/main.ts', file, bytes, context);
    return [...figures, ...(await figuresOf('build', await build(), file, bytes, context))];
  },
};

/** CPU seconds of reading the file and compressing it at zstd's level 1, in blocks of a segment's size, and nothing else. */
function plainCpuSeconds(file: string): number {
  const block = Buffer.alloc(blockBytes);
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 2 * blockBytes };
  const input = openSync(file, 'r');
  const before = process.cpuUsage();
  for (let read = readSync(input, block); read > 0; read = readSync(input, block))
    zstdCompressSync(block.subarray(0, read), options);
  const { user, system } = process.cpuUsage(before);
  closeSync(input);
  return (user + system) / 1e6;
}

async function figuresOf(
  label: string,
  main: string,
  file: string,
  bytes: number,
  { runs, directory, kafka }: BenchContext,
): Promise<Figure[]> {
  const broker = await kafka();
  const usages: Usage[] = [];
  const plain: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const usage = await withTopicPrefix(broker, async (topicPrefix) => {
      const agent = await AgentProcess.start({
        directory,
        include: [file],
        broker,
        topicPrefix,
        main,
        args: ['--once'],
      });
      const used = await agent.ended();
      const acked = await agent.ackedBytes();
      if (acked !== bytes) throw new Error(`only ${acked} of ${bytes} bytes were acknowledged`);
      return used;
    });
    usages.push(usage);
    plain.push(plainCpuSeconds(file));
  }
  const perGigabyte = (seconds: number): number => (seconds * gigabyte) / bytes;
  const name = (what: string): string => `${what} (${label})`;
  return [
    {
      name: name('CPU per GB'),
      unit: 's',
      values: usages.map((usage) => perGigabyte(usage.cpuSeconds)),
      budget: { max: cpuSecondsMax },
    },
    { name: name('read and zstd -1 alone, per GB'), unit: 's', values: plain.map(perGigabyte) },
    {
      name: name('times that'),
      unit: '×',
      values: usages.map((usage, run) => usage.cpuSeconds / (plain[run] ?? NaN)),
      budget: { max: timesPlainMax },
    },
    { name: name('of it system'), unit: 's', values: usages.map((u) => perGigabyte(u.systemSeconds)) },
    {
      name: name('RSS, most'),
      unit: 'MiB',
      values: usages.map((usage) => usage.rssBytesMax / 2 ** 20),
      budget: { max: rssMiBMax },
    },
    { name: name('rate'), unit: 'MB/s', values: usages.map((u) => bytes / 1e6 / u.wallSeconds) },
  ];
}
