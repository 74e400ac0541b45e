import { expect, it } from 'vitest';
import { infinibandSource } from '../../src/resources/infiniband.ts';
import { textsOf } from './fixture-text.ts';

const root = '/sys/class/infiniband';

function sourceOf(files: Record<string, string>) {
  const list = async (directory: string) => {
    const below = Object.keys(files).filter((path) => path.startsWith(`${directory}/`));
    return [...new Set(below.map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''))];
  };
  return infinibandSource({ readText: textsOf(files), list });
}

it('reads every port, with data in bytes', async () => {
  const port = `${root}/mlx5_0/ports/1`;
  const source = sourceOf({
    [`${port}/state`]: '4: ACTIVE\n',
    [`${port}/counters/port_rcv_data`]: '250000000\n',
    [`${port}/counters/port_xmit_data`]: '125000000\n',
    [`${port}/counters/port_xmit_wait`]: '42\n',
    [`${port}/counters/symbol_error`]: '7\n',
    [`${port}/counters/link_downed`]: '1\n',
    [`${port}/counters/link_error_recovery`]: '0\n',
    [`${port}/counters/port_rcv_errors`]: '0\n',
    [`${port}/counters/port_xmit_discards`]: '3\n',
    [`${root}/mlx5_1/ports/1/state`]: '1: DOWN\n',
    [`${root}/mlx5_1/ports/1/counters/symbol_error`]: 'N/A (no PMA)\n',
  });
  expect(await source.read()).toEqual([
    {
      group: 'infiniband',
      device: 'mlx5_0:1',
      values: {
        active: 1,
        symbol_errors_total: 7,
        link_downed_total: 1,
        link_recoveries_total: 0,
        receive_errors_total: 0,
        send_discards_total: 3,
      },
      counters: {
        received_bytes_per_second: 1_000_000_000,
        sent_bytes_per_second: 500_000_000,
        send_wait_ticks_per_second: 42,
      },
    },
    { group: 'infiniband', device: 'mlx5_1:1', values: { active: 0 }, counters: {} },
  ]);
});

it('finds nothing where there is none, or nothing that can be read', async () => {
  expect(await sourceOf({}).read()).toEqual([]);
  expect(await sourceOf({ [`${root}/mlx5_0/ports/1/counters/other`]: '1' }).read()).toEqual([]);
});
