/**
 * The ports of InfiniBand and RoCE adapters: /sys/class/infiniband/<adapter>/ports/<port>/counters (kernel,
 * Documentation/ABI/stable/sysfs-class-infiniband). A container sees them if it has the devices or the host's /sys.
 */
import { isEmpty, known, oneNumber } from './reading.ts';
import type { Reading, ReadText, ResourceSource } from './reading.ts';

export interface InfinibandOptions {
  readText: ReadText;
  /** Names in a directory; empty if it is not there. */
  list: (directory: string) => Promise<string[]>;
}

const root = '/sys/class/infiniband';
const portsMax = 32;

/** Data is counted in words of four bytes. */
const rates = {
  received_bytes_per_second: ['port_rcv_data', 4],
  sent_bytes_per_second: ['port_xmit_data', 4],
  send_wait_ticks_per_second: ['port_xmit_wait', 1],
} as const;
const totals = {
  symbol_errors_total: 'symbol_error',
  link_downed_total: 'link_downed',
  link_recoveries_total: 'link_error_recovery',
  receive_errors_total: 'port_rcv_errors',
  send_discards_total: 'port_xmit_discards',
} as const;

export function infinibandSource({ readText, list }: InfinibandOptions): ResourceSource {
  return {
    name: 'InfiniBand',
    async read() {
      const ports: { adapter: string; port: string }[] = [];
      for (const adapter of (await list(root)).sort())
        for (const port of (await list(`${root}/${adapter}/ports`)).sort()) ports.push({ adapter, port });
      const readings = await Promise.all(
        ports.slice(0, portsMax).map(async ({ adapter, port }) => await readPort(readText, adapter, port)),
      );
      return readings.flatMap((reading) => reading ?? []);
    },
  };
}

async function readPort(readText: ReadText, adapter: string, port: string): Promise<Reading | null> {
  const directory = `${root}/${adapter}/ports/${port}`;
  const number = async (file: string) => oneNumber(await readText(`${directory}/counters/${file}`));
  const state = await readText(`${directory}/state`);
  const values: Record<string, number | null> = {
    active: state === null ? null : Number(state.startsWith('4:')),
  };
  const counters: Record<string, number | null> = {};
  for (const [name, file] of Object.entries(totals)) values[name] = await number(file);
  for (const [name, [file, factor]] of Object.entries(rates)) {
    const count = await number(file);
    counters[name] = count === null ? null : count * factor;
  }
  const reading = { values: known(values), counters: known(counters) };
  if (isEmpty(reading)) return null;
  return { group: 'infiniband', device: `${adapter}:${port}`, ...reading };
}
