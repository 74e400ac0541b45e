import { compress, compressionLevels } from '../src/segment/compression.ts';
import type { CompressionLevel } from '../src/segment/compression.ts';
import { segmentBytesMax } from '../src/core/segment.ts';
import type { Bench, Figure } from './bench.ts';
import { trainingLines, wordyLines } from './training-lines.ts';

const gigabyte = 1e9;
const linesOfEach = 60_000;

/** What the levels of compression cost, and what they save: on lines full of numbers, and on lines of words. */
export const compression: Bench = {
  name: 'compression',
  about: 'CPU per GB and ratio of each level, on lines of numbers and on lines of words',
  async measure({ runs }) {
    const figures: Figure[] = [];
    for (const [name, bytes] of [
      ['numbers', trainingLines(linesOfEach)],
      ['words', wordyLines(linesOfEach)],
    ] as const) {
      for (const level of compressionLevels) {
        const measured = Array.from({ length: runs }, () => pack(bytes, level));
        const label = `${level}, ${name}`;
        figures.push(
          { name: `CPU per GB (${label})`, unit: 's', values: measured.map(({ seconds }) => seconds) },
          { name: `ratio (${label})`, unit: '×', values: measured.map(({ ratio }) => ratio) },
        );
      }
    }
    return await Promise.resolve(figures);
  },
};

function pack(bytes: Buffer, level: CompressionLevel): { seconds: number; ratio: number } {
  let packed = 0;
  const before = process.cpuUsage();
  for (let from = 0; from < bytes.length; from += segmentBytesMax) {
    const segment = bytes.subarray(from, from + segmentBytesMax);
    packed += compress(segment, level)?.length ?? segment.length;
  }
  const { user, system } = process.cpuUsage(before);
  return { seconds: ((user + system) / 1e6 / bytes.length) * gigabyte, ratio: bytes.length / packed };
}
