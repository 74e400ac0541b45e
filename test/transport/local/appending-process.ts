/** Appends records to a log for ever, and prints the number of each that is acknowledged. */
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { LogWriter } from '../../../src/transport/local/log-writer.ts';

const [dir = '', after = '0'] = process.argv.slice(2);
const writer = new LogWriter({
  dir,
  fileBytesMax: 20_000,
  retention: {},
  consumed: async () => await Promise.resolve(Infinity),
  committedMax: async () => await Promise.resolve(0),
  onStored: () => undefined,
  clock: systemClock,
  logger: silentLogger,
});
for (let i = Number(after) + 1; ; i += 1) {
  await writer.append({ key: 'k', headers: {}, value: Buffer.from(`record ${i}`) });
  process.stdout.write(`${i}\n`);
}
