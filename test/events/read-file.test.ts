import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Origin } from '../../src/core/segment.ts';
import { readFileEvents } from '../../src/events/read-file.ts';

const text = Array.from({ length: 20_000 }, (_, i) => `INFO line ${i}\n`).join('');

describe('readFileEvents', () => {
  let dir: string;
  beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'caboose-read-file-'))));
  afterEach(async () => await rm(dir, { recursive: true }));

  async function eventsOf(name: string, content: string | Buffer) {
    const path = join(dir, name);
    await writeFile(path, content);
    const origin: Origin = { source: 's', run: 'r', attempt: 0, rank: null, host: 'h', path, labels: {} };
    const events: [number, number, string][] = [];
    let failure = '';
    try {
      for await (const some of readFileEvents(origin))
        for (const { start, end, message } of some) events.push([start, end, message]);
    } catch (error) {
      failure = String(error);
    }
    return { events, failure };
  }

  it('gives the same events of a file and of its compressed forms', async () => {
    const plain = await eventsOf('a.log', text);
    expect(plain.events).toHaveLength(20_000);
    expect(await eventsOf('a.log.gz', gzipSync(text))).toEqual(plain);
    expect(await eventsOf('a.log.zst', zstdCompressSync(text))).toEqual(plain);
    const members = [text.slice(0, 1000), text.slice(1000)].map((part) => gzipSync(part));
    expect(await eventsOf('b.log.gz', Buffer.concat(members))).toEqual(plain);
    expect(await eventsOf('c.log.gz', text)).toEqual(plain);
  });

  it('gives what comes before the damage, then says so', async () => {
    const whole = gzipSync(text);
    const cutOff = await eventsOf('a.log.gz', whole.subarray(0, whole.length - 9));
    expect(cutOff.events.length).toBeGreaterThan(19_900);
    expect(cutOff.failure).toContain('cannot read');
    const trailing = await eventsOf('b.log.gz', Buffer.concat([whole, Buffer.from('garbage')]));
    expect(trailing.events).toHaveLength(20_000);
    expect(trailing.failure).toContain('cannot read');
  });
});
