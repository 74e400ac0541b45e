/** The machine, from /proc (proc(5)): CPU, memory, load and pressure; its disks and its network, each device by itself. */
import { isEmpty, known, namedNumbers, pressureCounters } from './reading.ts';
import type { Measures, Reading, ReadText, ResourceSource } from './reading.ts';

/** More of a kind are not told apart. */
const devicesMax = 16;
/** USER_HZ: the kernel counts in these for user space on every architecture that Node runs on. */
const ticksPerSecond = 100;
const sectorBytes = 512;

export interface MachineOptions {
  readText: ReadText;
  /** Whether the path is there: tells real devices from virtual ones, which would count what passes through twice. */
  exists: (path: string) => Promise<boolean>;
}

export function machineSource({ readText, exists }: MachineOptions): ResourceSource {
  const isReal = remembered(exists);
  return {
    name: '/proc of the machine',
    async read() {
      const [stat, meminfo, loadavg, cpu, memory, io, disks, interfaces] = await Promise.all(
        [
          'stat',
          'meminfo',
          'loadavg',
          'pressure/cpu',
          'pressure/memory',
          'pressure/io',
          'diskstats',
          'net/dev',
        ].map(async (name) => await readText(`/proc/${name}`)),
      );
      const processors = readProcessors(stat ?? '');
      const machine: Reading = {
        group: 'machine',
        device: null,
        values: { ...processors.values, ...readMemory(meminfo ?? ''), ...readLoad(loadavg ?? '') },
        counters: {
          ...processors.counters,
          ...pressureCounters('cpu', cpu ?? null),
          ...pressureCounters('memory', memory ?? null),
          ...pressureCounters('io', io ?? null),
        },
      };
      return [
        ...(isEmpty(machine) ? [] : [machine]),
        ...(await realOnes(readDisks(disks ?? ''), (name) => isReal(`/sys/block/${name}/device`))),
        ...(await networkInterfaces(readInterfaces(interfaces ?? ''), isReal)),
      ];
    },
  };
}

/** /proc/stat: `cpu  user nice system idle iowait irq softirq steal guest guest_nice` in ticks; guest is part of user. */
export function readProcessors(text: string): Pick<Reading, 'values' | 'counters'> {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return { values: {}, counters: {} };
  const [user, nice, system, , waiting, irq, softirq, stolen] = line
    .split(' ')
    .map((ticks) => Number(ticks) / ticksPerSecond);
  const busy = [user, nice, system, irq, softirq].reduce<number>((sum, each) => sum + (each ?? 0), 0);
  return {
    values: { cpu_limit_cores: [...text.matchAll(/^cpu\d+ /gm)].length },
    counters: known({ cpu_cores: busy, cpu_io_wait_cores: waiting, cpu_stolen_cores: stolen }),
  };
}

export function readMemory(text: string): Measures {
  const kibibytes = namedNumbers(text);
  const bytes = (name: string) => {
    const value = kibibytes.get(name);
    return value === undefined ? null : value * 1024;
  };
  const [swap, swapFree] = [bytes('SwapTotal'), bytes('SwapFree')];
  return known({
    memory_limit_bytes: bytes('MemTotal'),
    memory_available_bytes: bytes('MemAvailable'),
    swap_bytes: swap === null || swapFree === null ? null : swap - swapFree,
  });
}

/** `1-minute 5-minute 15-minute running/all last-pid`. */
export function readLoad(text: string): Measures {
  const [, load] = /^(\d+\.\d+) /.exec(text) ?? [];
  return load === undefined ? {} : { load_1m: Number(load) };
}

/** /proc/diskstats (kernel, Documentation/admin-guide/iostats.rst), partitions too. */
export function readDisks(text: string): Reading[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const device = fields[2];
    if (device === undefined || fields.length < 13) return [];
    const [read = NaN, written = NaN, busyMs = NaN] = [5, 9, 12].map((at) => Number(fields[at]));
    return {
      group: 'disk',
      device,
      values: {},
      counters: known({
        read_bytes_per_second: read * sectorBytes,
        written_bytes_per_second: written * sectorBytes,
        busy_ratio: busyMs / 1000,
      }),
    };
  });
}

/** /proc/net/dev: `name: bytes packets errs drop fifo frame compressed multicast`, then the same for what was sent. */
export function readInterfaces(text: string): Reading[] {
  return text.split('\n').flatMap((line) => {
    const [, device, counts] = /^\s*([^\s:]\S*?):\s*(\d[\d\s]*)$/.exec(line) ?? [];
    if (device === undefined || counts === undefined || device === 'lo') return [];
    const numbers = counts.trim().split(/\s+/).map(Number);
    const [received, , receiveErrors, receiveDrops] = numbers;
    const [sent, , sendErrors, sendDrops] = numbers.slice(8);
    if (sendDrops === undefined) return [];
    return {
      group: 'network',
      device,
      values: known({
        errors_total: (receiveErrors ?? 0) + (sendErrors ?? 0),
        dropped_total: (receiveDrops ?? 0) + sendDrops,
      }),
      counters: known({ received_bytes_per_second: received, sent_bytes_per_second: sent }),
    };
  });
}

/** Those of hardware; in a pod there is none, and what is there counts, but for what is known to carry others' traffic. */
async function networkInterfaces(
  all: readonly Reading[],
  isReal: (path: string) => Promise<boolean>,
): Promise<Reading[]> {
  const real = await realOnes(all, (name) => isReal(`/sys/class/net/${name}/device`));
  if (real.length > 0) return real;
  return all.filter(({ device }) => !virtual.test(device ?? '')).slice(0, devicesMax);
}

const virtual = /^(?:veth|docker|br-|cni|cali|flannel|cilium|lxc|virbr|dummy|ifb|tunl|sit|gre|ip6tnl|kube-)/;

async function realOnes(
  all: readonly Reading[],
  isReal: (device: string) => Promise<boolean>,
): Promise<Reading[]> {
  const real: Reading[] = [];
  for (const reading of all) {
    if (real.length === devicesMax) break;
    if (await isReal(reading.device ?? '')) real.push(reading);
  }
  return real;
}

const rememberedMax = 1024;

/** Devices do not change what they are; a machine of many pods has many that come and go. */
function remembered(ask: (path: string) => Promise<boolean>): (path: string) => Promise<boolean> {
  const answers = new Map<string, boolean>();
  return async (path) => {
    const known = answers.get(path);
    if (known !== undefined) return known;
    const answer = await ask(path);
    if (answers.size >= rememberedMax) answers.clear();
    answers.set(path, answer);
    return answer;
  };
}
