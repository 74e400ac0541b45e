import { describe, expect, it } from 'vitest';
import { errorText } from '../../src/core/errors.ts';
import { nvidiaSmiSource, parseGpus } from '../../src/resources/nvidia-smi.ts';
import type { Finished } from '../../src/resources/nvidia-smi.ts';
import { FakeClock } from '../fakes/clock.ts';
import { fixture } from './fixture-text.ts';

describe('what nvidia-smi prints', () => {
  it('is read in units of one', () => {
    const [first, second] = parseGpus(fixture('nvidia-smi/h100.csv'));
    expect(first).toEqual({
      group: 'gpu',
      device: '0',
      counters: {},
      values: {
        utilization_ratio: 0.97,
        memory_busy_ratio: 0.61,
        memory_bytes: 74211 * 1024 * 1024,
        memory_limit_bytes: 81559 * 1024 * 1024,
        power_watts: 699.8,
        power_limit_watts: 700,
        temperature_celsius: 71,
        memory_temperature_celsius: 84,
        clock_mhz: 1590,
        slowed_by_heat: 0,
        slowed_by_power: 1,
        slowed_by_hardware: 0,
        ecc_corrected_total: 0,
        ecc_uncorrected_total: 0,
      },
    });
    expect(second?.values).toMatchObject({
      slowed_by_heat: 1,
      slowed_by_power: 0,
      slowed_by_hardware: 1,
      ecc_uncorrected_total: 1,
    });
  });

  it.each([
    [
      'consumer.csv',
      ['power_watts', 'memory_temperature_celsius', 'ecc_corrected_total'],
      { clock_mhz: 1777 },
    ],
    ['mig.csv', ['utilization_ratio', 'memory_busy_ratio'], { power_watts: 143.55 }],
  ])('leaves out what a GPU does not have: %s', (file, missing, present) => {
    const [gpu] = parseGpus(fixture(`nvidia-smi/${file}`));
    for (const name of missing) expect(gpu?.values).not.toHaveProperty(name);
    expect(gpu?.values).toMatchObject(present);
  });

  it('has nothing of a GPU that answers nothing, and the rest of one that answers in part', () => {
    const gpus = parseGpus(fixture('nvidia-smi/faulty.csv'));
    expect(gpus.map(({ device }) => device)).toEqual(['1']);
    expect(gpus[0]?.values).toMatchObject({ memory_busy_ratio: 0.03, power_limit_watts: 700 });
    expect(gpus[0]?.values).not.toHaveProperty('power_watts');
  });

  it('may write commas in numbers; a line that was cut off is none', () => {
    const gpus = parseGpus(fixture('nvidia-smi/localized-torn.csv'));
    expect(gpus).toHaveLength(1);
    expect(gpus[0]?.values).toMatchObject({ power_watts: 312.41, power_limit_watts: 700, clock_mhz: 1590 });
  });

  it.each(['', '\n', 'No devices were found\n', '0, 1\n', 'x, 1, 2\n', ',,,\n', '0\u0000, 5\n'])(
    'is no GPU: %j',
    (text) => expect(parseGpus(text)).toEqual([]),
  );

  it('is read in linear time, whatever it is', () => {
    const began = performance.now();
    parseGpus(`0, ${'9'.repeat(1_000_000)}\n${'0, '.repeat(300_000)}\n`);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

/** Prints a line for the fields that it knows, else says which it does not; like the program, in stdout and with a code. */
function driverThatKnows(isKnown: (field: string) => boolean) {
  const asked: string[][] = [];
  const run = async ([query = '']: readonly string[]): Promise<Finished> => {
    const names = query.replace('--query-gpu=', '').split(',');
    asked.push(names);
    const unknown = names.find((name) => name !== 'index' && !isKnown(name));
    if (unknown !== undefined)
      return { code: 2, stdout: `Field "${unknown}" is not a valid field to query.\n\n`, stderr: '' };
    return {
      code: 0,
      stdout: `${names.map((name) => (name.includes('reasons') ? '0x40' : '0')).join(', ')}\n`,
      stderr: '',
    };
  };
  return { run, asked };
}

function sourceOf(run: (args: readonly string[]) => Promise<Finished>, cost = { seconds: 0 }) {
  const clock = new FakeClock();
  const source = nvidiaSmiSource({ run, childCpuSeconds: async () => cost.seconds, cpuMax: 0.001, clock });
  return { source, clock };
}

describe('the source', () => {
  it('finds out which fields a driver knows, and under which name', async () => {
    const { run, asked } = driverThatKnows(
      (field) => !['clocks_event_reasons.active', 'temperature.memory', 'power.draw'].includes(field),
    );
    const { source } = sourceOf(run);
    const [gpu] = await source.read();
    expect(gpu?.values).toMatchObject({ slowed_by_heat: 1, power_watts: 0 });
    expect(gpu?.values).not.toHaveProperty('memory_temperature_celsius');
    const last = asked.at(-1) ?? [];
    expect(last).toContain('clocks_throttle_reasons.active');
    expect(last).toContain('power.draw.instant');
  });

  it('is asked no more when it knows no field', async () => {
    const { source } = sourceOf(driverThatKnows(() => false).run);
    await expect(source.read()).rejects.toThrow('none of the fields');
    expect(await source.read()).toEqual([]);
  });

  it('is asked no more where there is no program', async () => {
    let runs = 0;
    const { source } = sourceOf(async () => {
      runs += 1;
      throw Object.assign(new Error('spawn nvidia-smi ENOENT'), { code: 'ENOENT' });
    });
    expect([await source.read(), await source.read()]).toEqual([[], []]);
    expect(runs).toBe(1);
  });

  it('says what the program said', async () => {
    const said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
    const { source } = sourceOf(async () => ({ code: 9, stdout: `${said}\n`, stderr: '' }));
    await expect(source.read()).rejects.toThrow(`it ended with 9, and said: ${said}`);
  });

  it('is no failure where the driver has no GPU', async () => {
    const { source } = sourceOf(async () => ({ code: 6, stdout: 'No devices were found\n', stderr: '' }));
    expect(await source.read()).toEqual([]);
  });

  it('starts the program as seldom as its cost asks for', async () => {
    const cost = { seconds: 0 };
    const { run, asked } = driverThatKnows(() => true);
    const { source, clock } = sourceOf(async (args) => {
      // 60 ms of CPU at a thousandth of a core: once a minute.
      cost.seconds += 0.06;
      return await run(args);
    }, cost);
    for (let i = 0; i <= 8; i += 1) {
      await source.read();
      await clock.advance(15_000);
    }
    expect(asked).toHaveLength(3);
  });

  it('starts no second process beside one that hangs, and goes on when it has ended', async () => {
    let end: (finished: Finished) => void = () => undefined;
    let runs = 0;
    const { source, clock } = sourceOf(async () => {
      runs += 1;
      return await new Promise<Finished>((resolve) => (end = resolve));
    });
    const reading = source.read();
    const told = reading.catch((error: unknown) => errorText(error));
    await clock.advance(1);
    await clock.advance(20_000);
    expect(await told).toContain('it hangs');
    await expect(source.read()).rejects.toThrow('it hangs');
    expect(runs).toBe(1);
    end({ code: null, stdout: '', stderr: '' });
    await clock.advance(1);
    const again = source.read();
    await clock.advance(1);
    end({ code: 0, stdout: fixture('nvidia-smi/h100.csv'), stderr: '' });
    expect(await again).toHaveLength(2);
  });
});
