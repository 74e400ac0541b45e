import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { printBytes, type Request } from '../../src/commands/cat.ts';
import { openTransport } from '../../src/commands/wiring/transport.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Segment } from '../../src/core/segment.ts';
import type { ScanOptions, SegmentScanner } from '../../src/core/transport.ts';
import { testContext } from './output.ts';

const a = 'a'.repeat(32);
const b = 'b'.repeat(32);
const c = 'c'.repeat(32);

function segment(stream: string, start: number, text: string, more: Partial<Segment> = {}): Segment {
  const bytes = Buffer.from(text);
  return {
    source: 's',
    run: 'run-1',
    attempt: 0,
    rank: null,
    host: 'h',
    path: '/logs/train.log',
    labels: {},
    stream,
    start,
    end: start + bytes.length,
    created: 1,
    observed: 1,
    previous: null,
    final: false,
    gap: null,
    snapshot: false,
    bytes,
    ...more,
  };
}

const gap = (stream: string, start: number, end: number): Segment =>
  segment(stream, start, '', { end, gap: 'truncated' });

/** Carries these; `later` comes only to who follows. */
function scannerOf(segments: readonly Segment[], later: readonly Segment[] = []): SegmentScanner {
  return {
    async *scan({ match = () => true, follow = false }: ScanOptions = {}) {
      for (const one of follow ? [...segments, ...later] : segments) {
        if (match(one))
          yield await Promise.resolve({ lane: 'bulk', partition: 0, position: 0, segment: one });
      }
    },
  };
}

async function cat(
  word: string,
  segments: readonly Segment[],
  more: Partial<Request> = {},
  later: Segment[] = [],
) {
  const { context, stdout, stderr } = testContext({ cwd: '/logs' });
  const request = { word, run: undefined, since: undefined, isFollowing: false, isLatest: false, ...more };
  await printBytes(scannerOf(segments, later), request, context);
  return { out: stdout.text, err: stderr.text };
}

describe('cat', () => {
  const interleaved = [
    segment(b, 0, 'B1', { path: '/logs/err', created: 9 }),
    segment(a, 0, 'old1 '),
    segment(b, 2, 'B2', { path: '/logs/err', created: 9 }),
    segment(a, 5, 'old2 '),
    segment(c, 0, 'new ', { created: 5, previous: a }),
  ];

  it('gives a run file after file, each byte once, redelivered or not', async () => {
    const twice = [...interleaved, segment(a, 5, 'old2 '), segment(a, 0, 'old1 old2 ')];
    expect(await cat('run-1', twice)).toEqual({ out: 'old1 old2 new B1B2', err: '' });
  });

  it.each([
    ['a stream', a, 'old1 old2 '],
    ['a file by its path', '/logs/train.log', 'old1 old2 new '],
    ['a file from the working directory', './err', 'B1B2'],
    ['a file by its name', 'err', 'B1B2'],
    ['a file by the end of its path', 'logs/err', 'B1B2'],
  ])('understands %s', async (_, word, expected) => {
    expect((await cat(word, interleaved)).out).toBe(expected);
  });

  it('takes a word for a run before a file, wherever it finds them', async () => {
    const other = segment(b, 0, 'the run', { run: 'train.log', path: '/x' });
    expect((await cat('train.log', [segment(a, 0, 'the file'), other])).out).toBe('the run');
    expect((await cat('train.log', [other, segment(a, 0, 'the file')])).out).toBe('the run');
    expect((await cat('./train.log', [other, segment(a, 0, 'the file')])).out).toBe('the file');
  });

  it('tells what is missing on stderr, and skips it', async () => {
    const { out, err } = await cat('run-1', [segment(a, 3, 'x'), gap(a, 4, 6), segment(a, 6, 'y')]);
    expect(out).toBe('xy');
    expect(err.split('\n')).toEqual([
      expect.stringContaining('bytes 0 to 3 (3) are missing: not in the transport'),
      expect.stringContaining('bytes 4 to 6 (2) are missing: truncated'),
      '',
    ]);
  });

  it('does not call missing what --since leaves out', async () => {
    expect(await cat('run-1', [segment(a, 3, 'x')], { since: 5 })).toEqual({ out: 'x', err: '' });
  });

  it('gives only the last state of a rewritten file with --latest', async () => {
    const state = (stream: string, created: number, text: string) =>
      segment(stream, 0, text, { created, snapshot: true, path: '/logs/state.json' });
    const segments = [state(a, 1, '{1}'), state(b, 2, '{2}'), segment(c, 0, 'log ', { created: 0 })];
    expect((await cat('run-1', segments)).out).toBe('log {1}{2}');
    expect((await cat('run-1', segments, { isLatest: true })).out).toBe('log {2}');
  });

  it('follows without giving a byte twice', async () => {
    const later = [segment(a, 5, 'old2 more '), segment(c, 4, 'newer', { created: 5 })];
    expect((await cat('run-1', interleaved, { isFollowing: true }, later)).out).toBe(
      'old1 old2 new B1B2more newer',
    );
  });

  it('says when there is nothing of that name, and leaves no temporary files', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'caboose-empty-'));
    vi.stubEnv('TMPDIR', temporary);
    await expect(cat('nobody', interleaved)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await cat('run-1', interleaved);
    expect(await readdir(temporary)).toEqual([]);
    vi.unstubAllEnvs();
    await rm(temporary, { recursive: true });
  });

  it('gives back any bytes from any redelivered segments', async () => {
    const cuts = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 60 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), cuts, async (content, extra) => {
        const bytes = Buffer.from(content);
        const part = (start: number, length: number) =>
          segment(a, start, '', {
            bytes: bytes.subarray(start, start + length),
            end: Math.min(bytes.length, start + length),
          });
        const whole = Array.from({ length: Math.ceil(bytes.length / 17) }, (_, i) => part(i * 17, 17));
        const redelivered = extra
          .filter(([start]) => start < bytes.length)
          .map(([start, length]) => part(start, length));
        const { context, stdout, stderr } = testContext();
        const request = { word: a, run: undefined, since: undefined, isFollowing: false, isLatest: false };
        await printBytes(scannerOf([...redelivered, ...whole]), request, context);
        expect(stdout.bytes.equals(bytes)).toBe(true);
        expect(stderr.text).toBe('');
      }),
      { numRuns: 30 },
    );
  });
});

describe('over the local transport', () => {
  let dir: string;
  beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'caboose-cat-test-'))));
  afterAll(async () => await rm(dir, { recursive: true }));

  it('gives back what was published', async () => {
    const overrides = { transport: { local: { dir } } };
    const config = await loadConfig({ file: null, cwd: dir, env: { HOSTNAME: 'box' }, overrides });
    const transport = await openTransport(config, { clock: systemClock, logger: silentLogger });
    const text = 'line\n'.repeat(10_000);
    await transport.publisher.publish('bulk', 0, segment(a, 0, text));
    await transport.publisher.publish('fast', 0, segment(b, 0, 'err', { path: '/logs/err', created: 2 }));
    await transport.publisher.publish('bulk', 0, segment(a, text.length, 'end'));
    const { context, stdout } = testContext();
    const request = { word: 'run-1', run: undefined, since: undefined, isFollowing: false, isLatest: false };
    await printBytes(transport.scanner, request, context);
    expect(stdout.text).toBe(`${text}enderr`);
    await transport.publisher.stop();
    await transport.close();
  });
});
