import { expect, it } from 'vitest';
import {
  machineSource,
  readDisks,
  readInterfaces,
  readLoad,
  readMemory,
  readProcessors,
} from '../../src/resources/machine.ts';
import { filesOf, fixture, textsOf } from './fixture-text.ts';

const realDevices = ['/sys/block/vda/device', '/sys/class/net/eth0/device'];

function sourceOf(files: Record<string, string>, real: readonly string[] = realDevices) {
  return machineSource({ readText: textsOf(files), exists: async (path) => real.includes(path) });
}

it('reads processors, memory, load, pressure, real disks and real interfaces', async () => {
  const readings = await sourceOf(filesOf('proc', '/proc')).read();
  expect(readings.map(({ group, device }) => [group, device])).toEqual([
    ['machine', null],
    ['disk', 'vda'],
    ['network', 'eth0'],
  ]);
  const [machine, disk, network] = readings;
  expect(machine?.values).toEqual({
    cpu_limit_cores: 2,
    memory_limit_bytes: 24683656 * 1024,
    memory_available_bytes: 22925516 * 1024,
    swap_bytes: 0,
    load_1m: 4.84,
  });
  // user, nice, system, irq and softirq, in ticks of 1/100 s.
  expect(machine?.counters['cpu_cores']).toBeCloseTo((3733429 + 598524 + 742891 + 24726) / 100, 6);
  expect(machine?.counters['cpu_io_wait_cores']).toBeCloseTo(289.11, 6);
  expect(machine?.counters['io_pressure_full_ratio']).toBeCloseTo(183.337356, 6);
  expect(disk?.counters).toEqual({
    read_bytes_per_second: 26235114 * 512,
    written_bytes_per_second: 163545968 * 512,
    busy_ratio: 1293.544,
  });
  expect(network).toEqual({
    group: 'network',
    device: 'eth0',
    values: { errors_total: 0, dropped_total: 0 },
    counters: { received_bytes_per_second: 3420466737, sent_bytes_per_second: 8831784 },
  });
});

it('takes the interfaces of a pod, where none is of hardware, but for those that carry what others carry', async () => {
  const readings = await sourceOf({ '/proc/net/dev': fixture('proc/net/dev') }, []).read();
  expect(readings.map(({ device }) => device)).toEqual(['eth0']);
});

it('bounds the devices that are told apart', async () => {
  const line = (i: number) => `   8  ${i} sd${i} 1 1 1 1 1 1 1 1 1 1 1 1\n`;
  const diskstats = Array.from({ length: 40 }, (_, i) => line(i)).join('');
  const source = machineSource({
    readText: textsOf({ '/proc/diskstats': diskstats }),
    exists: async () => true,
  });
  expect(await source.read()).toHaveLength(16);
});

it.each([
  '',
  'garbage\n\u0000\n',
  'cpu\ncpu 1 2\n',
  'MemTotal: x kB\n',
  ' eth0: 1 2 3\n',
  'eth0:\n',
  '8 0 sda 1\n',
])('makes nothing of %j', async (text) => {
  const names = ['stat', 'meminfo', 'loadavg', 'pressure/cpu', 'diskstats', 'net/dev'];
  const readings = await sourceOf(Object.fromEntries(names.map((name) => [`/proc/${name}`, text]))).read();
  for (const { values, counters } of readings)
    for (const value of [...Object.values(values), ...Object.values(counters)])
      expect(value).toBeGreaterThanOrEqual(0);
});

it('reads each file by itself, cut off anywhere', () => {
  const cut = (name: string, read: (text: string) => unknown) => {
    const whole = fixture(name);
    for (let length = 0; length < whole.length; length += 7) read(whole.slice(0, length));
  };
  cut('proc/stat', readProcessors);
  cut('proc/meminfo', readMemory);
  cut('proc/loadavg', readLoad);
  cut('proc/diskstats', readDisks);
  cut('proc/net/dev', readInterfaces);
  expect(readLoad('0.5')).toEqual({});
});

it('is one whole with few columns, as old kernels write them', () => {
  expect(readProcessors('cpu  100 0 50 900\ncpu0 100 0 50 900\n')).toEqual({
    values: { cpu_limit_cores: 1 },
    counters: { cpu_cores: 1.5 },
  });
});
