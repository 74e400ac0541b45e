import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { Transport } from '../../../src/core/transport.ts';
import { createLocalTransport } from '../../../src/transport/local/transport.ts';
import { Consumer, series } from '../../contract/transport.suite.ts';
import { until } from '../../fakes/clock.ts';

let dir: string;
let told: string[];
const opened: Transport[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-local-'));
  told = [];
});

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.close();
  await rm(dir, { recursive: true, force: true });
});

const tell = (_fields: object, message: string): void => void told.push(message);
const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell };

function openTransport(): Transport {
  const transport = createLocalTransport({ dir, pollIntervalMs: 10, clock: systemClock, logger });
  opened.push(transport);
  return transport;
}

async function publish(transport: Transport, name: string, count: number): Promise<void> {
  for (const segment of series(name, count)) await transport.publisher.publish('bulk', 0, segment);
}

test('two writers on a directory are refused, in one process and in two', async () => {
  await publish(openTransport(), 'a', 1);
  await expect(publish(openTransport(), 'b', 1)).rejects.toMatchObject({ code: 'LOCKED' });
  await opened[0]?.close();
  const script = `
    import { createLocalTransport } from ${JSON.stringify(join(import.meta.dirname, '../../../src/transport/local/transport.ts'))};
    import { systemClock } from ${JSON.stringify(join(import.meta.dirname, '../../../src/core/clock.ts'))};
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const transport = createLocalTransport({ dir: process.argv[1], clock: systemClock, logger });
    await transport.incidents.append([{ id: 'i' }]);
    process.stdout.write('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await expect(publish(openTransport(), 'b', 1)).rejects.toMatchObject({ code: 'LOCKED' });
  child.kill('SIGKILL');
  await once(child, 'close');
  // The lock of a killed process is taken over.
  await publish(openTransport(), 'c', 1);
});

test('a damaged position file falls back to the previous copy, and says so', async () => {
  const writer = openTransport();
  await publish(writer, 'a', 2);
  const first = new Consumer(writer);
  await until(() => first.segments.length === 2, 'segments');
  await publish(writer, 'b', 2);
  await until(() => first.segments.length === 4, 'segments');
  await first.stop();
  const path = join(dir, 'groups/caboose/positions.json');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, 20));
  const second = new Consumer(openTransport());
  await until(() => second.segments.length >= 1, 'the last segment again');
  await second.stop();
  expect(told).toContain('consumer positions are damaged, segments will come again');
  expect(second.segments.at(-1)?.path).toBe('/logs/b');
});

test('a second process of the group stands by; a position behind retention is told', async () => {
  const writer = openTransport();
  await publish(writer, 'a', 1);
  const first = new Consumer(writer);
  await until(() => first.segments.length === 1, 'a segment');
  const standby = new Consumer(openTransport());
  await until(() => told.includes('another process consumes as this group, standing by'), 'the standby');
  await first.stop();
  await publish(writer, 'b', 1);
  await until(() => standby.segments.length === 1, 'the next segment');
  expect(standby.segments[0]?.path).toBe('/logs/b');
  await standby.stop();
});
