/** The short form of `npm run soak -- faults`: a few of its scenarios, for seconds, with one broker. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../servers/servers.ts';
import { play } from '../soak/faults/play.ts';
import { paragraph } from '../soak/faults/report.ts';
import { scenarios } from '../soak/faults/scenarios.ts';
import { FaultServers } from '../soak/faults/servers.ts';

const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);
const shape = { linesPerSecond: 600, rotateEveryMs: 3_000 };
/** What counts here is that nothing is lost; times are for the long form, on a machine of its own. */
const slack = 5;
const short = [
  { name: 'lost-replies', durationMs: 6_000 },
  { name: 'index-refuses', durationMs: 4_000 },
  { name: 'lease-links', durationMs: 1_000 },
  { name: 'clock', durationMs: 5_000 },
] as const;

await describeWith(['zookeeper', 'elasticsearch'], 'faults under load', (addresses) => {
  let servers: FaultServers;

  beforeAll(async () => {
    const { zookeeper, elasticsearch } = addresses;
    servers = await FaultServers.start({ brokers: 1, zookeepers: zookeeper, elasticsearch });
  });
  afterAll(async () => {
    await servers.stop();
  });

  it.each(short)(
    '$name: every line once, and all of it accounted for',
    { timeout: 240_000 },
    async ({ name, durationMs }) => {
      const scenario = scenarios.find((one) => one.name === name);
      if (!scenario) throw new Error(`no scenario ${name}`);
      const report = await play(servers, scenario, { seed, durationMs, kills: null, shape, slack });
      expect(report.result, paragraph(report)).toBe('ok');
      expect(report.times).toBeGreaterThan(0);
    },
  );
});
