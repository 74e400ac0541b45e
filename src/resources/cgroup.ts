/**
 * The control group (v2) of the container or pod: kernel, Documentation/admin-guide/cgroup-v2.rst. Of the group in which the agent runs, or,
 * where its parents can be seen, of the pod or Slurm job that it is a part of, so that the trainer beside it is in it.
 */
import { join } from 'node:path';
import { isEmpty, known, namedNumbers, oneNumber, pressureCounters } from './reading.ts';
import type { Reading, ReadText, ResourceSource } from './reading.ts';

const root = '/sys/fs/cgroup';
/** `pod<uid>`, `kubepods-burstable-pod<uid>.slice`, and Slurm's `job_<id>`. */
const podOrJob = /^(?:(?:kubepods[a-z-]*-)?pod[0-9a-f]{8}[-_][0-9a-f_-]+(?:\.slice)?|job_\d+)$/;

/** `directory`: which group; null: the agent's own, or that of its pod or job. */
export function cgroupSource(readText: ReadText, directory: string | null): ResourceSource {
  let found = directory;
  return {
    name: 'cgroup v2',
    async read() {
      found ??= await findCgroup(readText);
      return found === null ? [] : await readCgroup(readText, found);
    },
  };
}

/** Null where there is no cgroup v2 (v1 has no pressure, and other files). */
export async function findCgroup(readText: ReadText): Promise<string | null> {
  if ((await readText(join(root, 'cgroup.controllers'))) === null) return null;
  const own = /^0::(\/.*)$/m.exec((await readText('/proc/self/cgroup')) ?? '')?.[1] ?? '/';
  const parts = own.split('/').filter((part) => part !== '' && part !== '.');
  // The path of another name space.
  if (parts.includes('..')) return root;
  const depth = parts.findIndex((part) => podOrJob.test(part));
  const candidates = [depth < 0 ? parts : parts.slice(0, depth + 1), parts].map((each) =>
    join(root, ...each),
  );
  for (const each of candidates) if ((await readText(join(each, 'cpu.stat'))) !== null) return each;
  return root;
}

/** Files that are not there (the root group has no memory.current, a kernel no pressure) leave their measures out. */
export async function readCgroup(readText: ReadText, directory: string): Promise<Reading[]> {
  const read = async (name: string) => await readText(join(directory, name));
  const texts = await Promise.all([...statFiles, ...numberFiles].map(read));
  const text = (name: string): string | null => texts[[...statFiles, ...numberFiles].indexOf(name)] ?? null;
  const cpu = namedNumbers(text('cpu.stat') ?? '');
  const events = namedNumbers(text('memory.events') ?? '');
  const seconds = (name: string) => scaled(cpu.get(name), 1e-6);
  const reading: Reading = {
    group: 'container',
    device: null,
    values: known({
      cpu_limit_cores: coresOf(text('cpu.max')),
      memory_bytes: oneNumber(text('memory.current')),
      memory_limit_bytes: oneNumber(text('memory.max')),
      swap_bytes: oneNumber(text('memory.swap.current')),
      oom_events_total: events.get('oom'),
      oom_kills_total: events.get('oom_kill'),
    }),
    counters: {
      ...known({ cpu_cores: seconds('usage_usec'), cpu_throttled_cores: seconds('throttled_usec') }),
      ...transferred(text('io.stat')),
      ...pressureCounters('cpu', text('cpu.pressure')),
      ...pressureCounters('memory', text('memory.pressure')),
      ...pressureCounters('io', text('io.pressure')),
    },
  };
  return isEmpty(reading) ? [] : [reading];
}

const statFiles = [
  'cpu.stat',
  'cpu.max',
  'memory.events',
  'io.stat',
  'cpu.pressure',
  'memory.pressure',
  'io.pressure',
];
const numberFiles = ['memory.current', 'memory.max', 'memory.swap.current'];

/** cpu.max: `<quota> <period>` in microseconds, or `max <period>`. */
function coresOf(text: string | null): number | null {
  const [, quota = '', period = ''] = /^(\d+) (\d+)\s*$/.exec(text ?? '') ?? [];
  return quota === '' || Number(period) === 0 ? null : Number(quota) / Number(period);
}

/** io.stat: a line for each device, `<major>:<minor> rbytes=<n> wbytes=<n> …`. */
function transferred(text: string | null): Record<string, number> {
  if (text === null) return {};
  const sumOf = (name: string) =>
    [...text.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce(
      (sum, [, bytes]) => sum + Number(bytes),
      0,
    );
  return { io_read_bytes_per_second: sumOf('rbytes'), io_written_bytes_per_second: sumOf('wbytes') };
}

function scaled(value: number | undefined, factor: number): number | null {
  return value === undefined ? null : value * factor;
}
