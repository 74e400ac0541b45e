import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentProcess } from './agent-process.ts';
import type { Bench } from './bench.ts';
import { withTopicPrefix } from './kafka-topics.ts';
import { trainingLines, writeTrainingLines } from './training-lines.ts';

const gigabyte = 1e9;
const rssMiBMax = 16;

/** What a line that never ends costs: 1 GB without a line end, beside the same amount of lines. */
export const agentLongLine: Bench = {
  name: 'agent-long-line',
  about: 'the agent ships 1 GB without a single line end, in no more memory than lines take',
  async measure({ runs, directory, kafka }) {
    const broker = await kafka();
    const lines = join(directory, 'lines.log');
    const line = join(directory, 'line.log');
    await writeTrainingLines(lines, gigabyte);
    const bytes = await writeOneLine(line);
    const rssOf = async (path: string): Promise<number> =>
      await withTopicPrefix(broker, async (topicPrefix) => {
        const agent = await AgentProcess.start({
          directory,
          include: [path],
          broker,
          topicPrefix,
          args: ['--once'],
        });
        const { rssBytesMax } = await agent.ended();
        if (path === line && (await agent.ackedBytes()) !== bytes)
          throw new Error('not all of it was acknowledged');
        return rssBytesMax / 2 ** 20;
      });
    const ofLines: number[] = [];
    const ofLine: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      ofLines.push(await rssOf(lines));
      ofLine.push(await rssOf(line));
    }
    return [
      { name: 'RSS, most, of lines', unit: 'MiB', values: ofLines },
      { name: 'RSS, most, of one line', unit: 'MiB', values: ofLine },
      {
        name: 'RSS beyond that',
        unit: 'MiB',
        values: ofLine.map((rss, run) => rss - (ofLines[run] ?? NaN)),
        budget: { max: rssMiBMax },
      },
    ];
  },
};

async function writeOneLine(path: string): Promise<number> {
  const block = Buffer.from(trainingLines(100_000).toString('latin1').replaceAll('\n', ' '), 'latin1');
  const file = await open(path, 'w');
  let written = 0;
  try {
    while (written < gigabyte) written += (await file.write(block)).bytesWritten;
  } finally {
    await file.close();
  }
  return written;
}
