import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { holdsResources } from '../../src/core/resources.ts';
import type { SegmentScanner } from '../../src/core/transport.ts';
import { createLocalTransport } from '../../src/transport/local/transport.ts';

/**
 * What a transport carries of followed files, as a consumer takes it: each byte range of a stream once. Throws for other bytes under a held
 * range. An agent that lives for 15 seconds ships samples of the machine's resources, too, which no writer wrote.
 */
export async function shippedLines(scanner: SegmentScanner): Promise<{ lines: string[]; gapBytes: number }> {
  const streams = new Map<string, Buffer>();
  let gapBytes = 0;
  for await (const { segment } of scanner.scan()) {
    if (holdsResources(segment)) continue;
    const { stream, start, end, gap, path } = segment;
    const held = streams.get(stream) ?? Buffer.alloc(0);
    if (gap !== null) {
      gapBytes += end - start;
      continue;
    }
    if (start > held.length) throw new Error(`a hole before ${start} of ${path}`);
    const again = segment.bytes.subarray(0, held.length - start);
    if (!held.subarray(start, start + again.length).equals(again))
      throw new Error(`other bytes at ${start} of ${path}`);
    streams.set(stream, Buffer.concat([held, segment.bytes.subarray(held.length - start)]));
  }
  const lines = [...streams.values()].flatMap((bytes) => bytes.toString().split('\n').filter(Boolean));
  return { lines, gapBytes };
}

/** The local log in `dir`, to be looked at while an agent writes it. */
export async function shippedLocally(dir: string): Promise<{ lines: string[]; gapBytes: number }> {
  const transport = createLocalTransport({
    dir,
    segmentFileBytesMax: 64 * 1024 * 1024,
    retention: { bytesMax: 2 ** 40, ageMsMax: 2 ** 40 },
    clock: systemClock,
    logger: silentLogger,
    group: 'test',
  });
  try {
    return await shippedLines(transport.scanner);
  } finally {
    await transport.close();
  }
}
