import { appendFile, mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readFile, readdir } from 'node:fs/promises';
import { body, hfToken } from '../core/redaction/secret-texts.ts';
import { textEvent, tfRecord } from '../core/records/record-bytes.ts';
import { TailHarness } from './harness.ts';

const stars = (text: string): string => '*'.repeat(text.length);
const secretLine = `logging in with ${hfToken} now\n`;
const maskedLine = `logging in with ${stars(hfToken)} now\n`;

async function write(path: string, text: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
}

const segments = (t: TailHarness) => t.publisher.published.map(({ segment }) => segment);

async function counted(t: TailHarness): Promise<Record<string, number>> {
  const { values } = await t.metrics.redacted.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.kind), value]));
}

/** After kill -9. */
async function restart(t: TailHarness): Promise<void> {
  t.crash();
  t.publisher.published.length = 0;
  await t.start();
}

describe('a secret in a followed file', () => {
  it('leaves the machine as stars, at the same offsets, counted and told once by kind', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), `step 1\n${secretLine}`);
    await t.start();
    await write(t.path('a.log'), `${secretLine}password=hunter2\n`);
    await t.pass(1000);
    expect(t.publisher.text()).toBe(`step 1\n${maskedLine}${maskedLine}password=*******\n`);
    expect(segments(t).map(({ redact }) => redact)).toEqual(['source:1', 'source:1']);
    expect(await counted(t)).toEqual({ huggingface: 2, password: 1 });
    expect(t.warnings.map(({ fields }) => fields)).toMatchObject([
      { path: t.path('a.log'), kind: 'huggingface', offset: 23 },
      { path: t.path('a.log'), kind: 'password' },
    ]);
    expect(JSON.stringify(t.warnings)).not.toContain('hunter2');
  });

  it('is sent again as the same stars after a kill', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), `step 1\n${secretLine}`);
    t.publisher.acks = false;
    await t.start();
    await write(t.path('a.log'), `api_key="${body(20)}`);
    await t.pass(3000);
    await write(t.path('a.log'), '"\nend\n');
    await t.pass(1000);
    const before = segments(t);
    expect(before).toHaveLength(3);
    await restart(t);
    await t.pass(1000);
    expect(segments(t).slice(0, 3)).toEqual(before);
    expect(t.publisher.text()).toBe(`step 1\n${maskedLine}api_key="${stars(body(20))}"\nend\n`);
  });

  it('stays in the spool as it was, and is masked when it is sent from there', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), secretLine);
    t.publisher.acks = false;
    await t.start();
    await unlink(t.path('a.log'));
    await t.pass(4000);
    const [name] = await readdir(join(t.state, 'spool'));
    expect(await readFile(join(t.state, 'spool', name ?? ''), 'latin1')).toContain(hfToken);
    const before = segments(t);
    await restart(t);
    await t.pass(8000);
    expect(segments(t)[0]).toEqual(before[0]);
    expect(t.publisher.of('a.log')[0]).toMatchObject({ final: true, gaps: [] });
    expect(t.publisher.text()).toBe(maskedLine);
  });

  it('is masked though its line comes in pieces', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), `token is ${hfToken.slice(0, 2)}`);
    await t.start();
    await t.pass(1500);
    // What may be its beginning waits longer than the rest.
    expect(t.publisher.text()).toBe('token is ');
    await write(t.path('a.log'), hfToken.slice(2, 20));
    await t.pass(1200);
    expect(t.publisher.text()).toBe('token is ');
    await write(t.path('a.log'), `${hfToken.slice(20)} ok\n`);
    await t.pass(1000);
    expect(t.publisher.text()).toBe(`token is ${stars(hfToken)} ok\n`);
  });

  it('is masked in both halves when its writer rests in the middle of it', async () => {
    await using t = await TailHarness.create();
    await write(t.path('a.log'), `token is ${hfToken.slice(0, 20)}`);
    await t.start();
    await t.pass(6000);
    expect(t.publisher.text()).toBe(`token is ${stars(hfToken.slice(0, 20))}`);
    await write(t.path('a.log'), `${hfToken.slice(20)} ok\n`);
    await t.pass(1000);
    expect(t.publisher.text()).toBe(`token is ${stars(hfToken)} ok\n`);
  });

  it('is masked in a line that is longer than a segment, wherever it lies', async () => {
    await using t = await TailHarness.create();
    const text = `${`${'x'.repeat(499)} ${hfToken} `.repeat(4000)}\n`;
    await write(t.path('a.log'), text);
    await t.start();
    await t.pass(2000);
    expect(segments(t).length).toBeGreaterThan(2);
    expect(t.publisher.text() === text.replaceAll(hfToken, stars(hfToken))).toBe(true);
  });

  it('is masked in rotated and compressed files, and in rewritten ones', async () => {
    await using t = await TailHarness.create();
    await mkdir(t.logs, { recursive: true });
    await writeFile(t.path('a.log.1.gz'), gzipSync(secretLine));
    const state = `{\n  "token": "${hfToken}"\n}\n`;
    await writeFile(t.path('state.json'), state);
    await t.start(['**/*']);
    await t.pass(5000);
    expect(t.publisher.text('.gz')).toBe(maskedLine);
    expect(t.publisher.text('state.json')).toBe(state.replace(hfToken, stars(hfToken)));
  });
});

describe('a secret in a file of binary records', () => {
  const name = 'events.out.tfevents.1795428495.host.log';
  const record = (text: string) => tfRecord(textEvent(1, 'args', text));
  const healthy = record('lr 0.1');
  const secret = record(`token ${hfToken}`);
  const masked = record(`token ${stars(hfToken)}`);
  const bytesOf = (t: TailHarness) => Buffer.concat(segments(t).map(({ bytes }) => bytes));

  it('is masked so that each record stays one, though it is written in pieces', async () => {
    await using t = await TailHarness.create();
    await write(t.path(name), Buffer.concat([healthy, secret.subarray(0, 60)]));
    const tail = await t.start();
    await t.pass(10_000);
    // What is torn may be a writer's buffer.
    expect(bytesOf(t)).toEqual(healthy);
    expect(tail.lag()).toMatchObject({ bytes: 60, since: null });
    await write(t.path(name), Buffer.concat([secret.subarray(60), healthy]));
    await t.pass(1000);
    expect(bytesOf(t)).toEqual(Buffer.concat([healthy, masked, healthy]));
    expect(segments(t).map(({ redact }) => redact)).toEqual(['source:1', 'source:1']);
    expect(await counted(t)).toEqual({ huggingface: 1 });
  });

  it('is sent again as the same bytes after a kill', async () => {
    await using t = await TailHarness.create();
    await write(t.path(name), Buffer.concat([healthy, secret]));
    t.publisher.acks = false;
    await t.start();
    const before = segments(t);
    await rename(t.path(name), t.path(`${name}.1`));
    await restart(t);
    await t.pass(1000);
    expect(segments(t)[0]).toEqual(before[0]);
    expect(bytesOf(t)).toEqual(Buffer.concat([healthy, masked]));
  });

  it('does not wait for the rest of a record for ever, nor in a file that was left', async () => {
    await using t = await TailHarness.create();
    const torn = healthy.subarray(0, 40);
    await write(t.path(name), torn);
    await t.start();
    await t.pass(140_000);
    expect(segments(t)).toEqual([]);
    await t.pass(15_000);
    expect(bytesOf(t)).toEqual(torn);
    await write(t.path(name), Buffer.concat([healthy.subarray(40), secret, torn]));
    await t.pass(1000);
    expect(bytesOf(t)).toEqual(Buffer.concat([healthy, masked]));
    await unlink(t.path(name));
    await t.pass(10_000);
    expect(bytesOf(t)).toEqual(Buffer.concat([healthy, masked, torn]));
    expect(t.publisher.of(name)[0]).toMatchObject({ final: true, gaps: [] });
  });

  it('is masked in zeros, which are no hole there', async () => {
    await using t = await TailHarness.create();
    const zeros = record('\0'.repeat(500));
    await write(t.path(name), Buffer.concat([zeros, secret]));
    await t.start();
    expect(segments(t)).toHaveLength(1);
    expect(bytesOf(t)).toEqual(Buffer.concat([zeros, masked]));
  });

  it('is masked in text that only has the name of one, which is cut as text is', async () => {
    await using t = await TailHarness.create();
    await write(t.path('convert_tfevents.log'), `${secretLine}12 files`);
    await t.start();
    expect(t.publisher.text()).toBe(maskedLine);
    await t.pass(2000);
    expect(t.publisher.text()).toBe(`${maskedLine}12 files`);
  });
});

describe('rules', () => {
  it('that came with an update hold for what is cut from then on', async () => {
    await using t = await TailHarness.create();
    t.redact = 'off';
    await write(t.path('a.log'), secretLine);
    t.publisher.acks = false;
    await t.start();
    const [before] = segments(t);
    t.redact = 'source';
    await restart(t);
    await write(t.path('a.log'), secretLine);
    await t.pass(1000);
    expect(segments(t)[0]).toEqual(before);
    expect(t.publisher.text()).toBe(secretLine + maskedLine);
  });

  it('of the user are kept as long as cuts were made by them', async () => {
    await using t = await TailHarness.create();
    t.redactPatterns = ['EMP[0-9]+'];
    await write(t.path('a.log'), 'badge EMP123\n');
    t.publisher.acks = false;
    await t.start();
    const [before] = segments(t);
    expect(before?.redact).toMatch(/^source:1\.[0-9a-f]{16}$/);
    t.redactPatterns = ['badge'];
    await restart(t);
    await write(t.path('a.log'), 'badge EMP456\n');
    await t.pass(1000);
    expect(segments(t)[0]).toEqual(before);
    expect(t.publisher.text()).toBe('badge ******\n***** EMP456\n');
    expect(t.warnings.filter(({ message }) => message.includes('not known'))).toEqual([]);
  });

  it('that mask in events only leave the bytes alone, and say so in the header', async () => {
    await using t = await TailHarness.create();
    t.redact = 'index';
    await write(t.path('a.log'), secretLine);
    await t.start();
    expect(t.publisher.text()).toBe(secretLine);
    expect(segments(t)[0]?.redact).toBe('index:1');
    await rename(t.path('a.log'), t.path('a.log.1'));
    await t.pass(8000);
    // A marker has no bytes to mask.
    expect(segments(t).at(-1)?.redact).toBeUndefined();
  });
});
