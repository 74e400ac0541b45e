import { expect, it } from 'vitest';
import { cgroupSource, findCgroup, readCgroup } from '../../src/resources/cgroup.ts';
import { measuresOf } from '../../src/resources/reading.ts';
import { filesOf, textsOf } from './fixture-text.ts';

const pod = 'kubepods-burstable-pod8f2c9a71_0d3e_4c51_9b67_2f1a6c0e5d44.slice';

it('reads limits, memory, events and counters', async () => {
  const [reading] = await readCgroup(textsOf(filesOf('cgroup', '/cg')), '/cg');
  expect(reading).toEqual({
    group: 'container',
    device: null,
    values: {
      cpu_limit_cores: 8,
      memory_bytes: 68719476736,
      memory_limit_bytes: 137438953472,
      swap_bytes: 0,
      oom_events_total: 2,
      oom_kills_total: 1,
    },
    counters: {
      cpu_cores: 623932.088,
      cpu_throttled_cores: expect.closeTo(18.250431, 6) as number,
      io_read_bytes_per_second: 90430464 + 1459200,
      io_written_bytes_per_second: 299008000 + 314773504,
      cpu_pressure_some_ratio: 18569.437089,
      cpu_pressure_full_ratio: 0,
      memory_pressure_some_ratio: 0,
      memory_pressure_full_ratio: 0,
      io_pressure_some_ratio: 752.932414,
      io_pressure_full_ratio: 183.337938,
    },
  });
});

it.each([
  ['no limits', { 'cpu.max': 'max 100000\n', 'memory.max': 'max\n' }],
  ['odd texts', { 'cpu.max': '100 0\n', 'memory.max': '-1\n' }],
  ['cut off', { 'cpu.max': '8000', 'memory.max': '' }],
])('leaves out what is no number: %s', async (_, files) => {
  const at = Object.fromEntries(Object.entries(files).map(([name, text]) => [`/cg/${name}`, text]));
  const [reading] = await readCgroup(textsOf({ ...filesOf('cgroup', '/cg'), ...at }), '/cg');
  expect(reading?.values).not.toHaveProperty('cpu_limit_cores');
  expect(reading?.values).not.toHaveProperty('memory_limit_bytes');
  expect(reading?.values).toHaveProperty('memory_bytes');
});

it('takes what the root group has, which knows no memory', async () => {
  const { '/cg/cpu.stat': stat = '' } = filesOf('cgroup', '/cg');
  const [reading] = await readCgroup(textsOf({ '/cg/cpu.stat': stat }), '/cg');
  expect(reading?.values).toEqual({});
  expect(Object.keys(reading?.counters ?? {})).toEqual(['cpu_cores', 'cpu_throttled_cores']);
});

it.each([
  ['in a name space of its own', '0::/\n', '/sys/fs/cgroup'],
  ['a service', '0::/system.slice/caboose.service\n', '/sys/fs/cgroup/system.slice/caboose.service'],
  [
    'a container of a pod whose parents can be seen',
    `0::/kubepods.slice/kubepods-burstable.slice/${pod}/cri-containerd-4f.scope\n`,
    `/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/${pod}`,
  ],
  [
    'a pod by cgroupfs',
    '0::/kubepods/burstable/pod8f2c9a71-0d3e-4c51-9b67-2f1a6c0e5d44/4f\n',
    '/sys/fs/cgroup/kubepods/burstable/pod8f2c9a71-0d3e-4c51-9b67-2f1a6c0e5d44',
  ],
  [
    'a step of a Slurm job',
    '0::/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0\n',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_4711',
  ],
  ['a path of another name space', '0::/../../other\n', '/sys/fs/cgroup'],
  ['v1 beside v2', '4:memory:/docker/1\n0::/docker/1\n', '/sys/fs/cgroup/docker/1'],
])('finds the group: %s', async (_, own, expected) => {
  const texts = textsOf({
    '/sys/fs/cgroup/cgroup.controllers': 'cpu io memory pids\n',
    '/proc/self/cgroup': own,
    [`${expected}/cpu.stat`]: 'usage_usec 1\n',
  });
  expect(await findCgroup(texts)).toBe(expected);
});

it('falls back to what is mounted when its path is not there', async () => {
  const texts = textsOf({
    '/sys/fs/cgroup/cgroup.controllers': 'cpu\n',
    '/proc/self/cgroup': '0::/kubepods/x\n',
    '/sys/fs/cgroup/cpu.stat': 'usage_usec 1\n',
  });
  expect(await findCgroup(texts)).toBe('/sys/fs/cgroup');
});

it('finds none under cgroup v1', async () => {
  const v1 = textsOf({ '/proc/self/cgroup': '4:memory:/docker/1\n0::/\n' });
  expect(await findCgroup(v1)).toBeNull();
  expect(await cgroupSource(v1, null).read()).toEqual([]);
});

it('gives rates between two readings, and none over a counter that was set back', () => {
  const reading = (cpu: number, read: number) => ({
    group: 'container',
    device: null,
    values: { memory_bytes: 5 },
    counters: { cpu_cores: cpu, io_read_bytes_per_second: read },
  });
  expect(measuresOf(reading(10, 1000), reading(25, 10), 10)).toEqual({ memory_bytes: 5, cpu_cores: 1.5 });
  expect(measuresOf(reading(10, 0), reading(25, 10), 0)).toEqual({ memory_bytes: 5 });
});
