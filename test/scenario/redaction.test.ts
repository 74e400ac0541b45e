import { appendFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hfToken, wandbKey } from '../core/redaction/secret-texts.ts';
import { hyperparametersEvent, textEvent, tfRecord } from '../core/records/record-bytes.ts';
import { runHere, ship } from './in-process.ts';
import { oneMachine } from './up-alone.ts';

const dump = `Namespace(lr=0.1, password='hunter2', hub_token='${hfToken}', wandb_key='${wandbKey}')\n`;
const masked = dump.replaceAll(/hunter2|hf_\w+|(?<=wandb_key=')\w+/g, (secret) => '*'.repeat(secret.length));
const record = `{"step": 1, "loss": 2.5, "config": {"api_key": "${wandbKey}"}}\n`;

describe('secrets from the file to the index', () => {
  let dir: string;
  let config: string;
  let log: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-redact-'));
    config = join(dir, 'caboose.yaml');
    log = join(dir, 'logs', 'train.log');
    await mkdir(join(dir, 'logs'));
  });
  afterEach(async () => await rm(dir, { recursive: true }));

  async function configure(source: string): Promise<void> {
    const include = `include: ["${dir}/logs/*"]`;
    await writeFile(config, `\nsource: { id: here, ${include}, run: r, ${source} }\n${oneMachine(dir)}\n`);
  }

  async function caboose(command: string, ...args: string[]): Promise<string> {
    const { stdout, stderr } = await runHere([command, '--config', config, ...args]);
    return stdout + stderr;
  }

  async function shipLines(): Promise<void> {
    for (const text of [`starting\n${dump}`, `${dump}step 2\n`, `${dump}end\n`]) {
      await appendFile(log, text);
      await ship(config);
    }
    await writeFile(join(dir, 'logs', 'metrics.jsonl'), record);
    await ship(config);
    await caboose('indexer', '--once');
  }

  const carried = `starting\n${masked}${masked}step 2\n${masked}end\n`;

  it('are stars from the machine on, and an audit finds nothing wrong with that', async () => {
    await configure('redact: source');
    await shipLines();
    expect(await caboose('cat', log)).toBe(carried);
    expect(await caboose('audit', '--deep')).toMatch(/^complete: 2 streams/);
    expect(await caboose('search', 'Namespace')).toContain("password='*******'");
    for (const secret of ['hunter2', hfToken, wandbKey]) {
      const found = await caboose('search', `"${secret}"`, '--json');
      expect(found).not.toContain(secret);
    }
    expect(await readFile(log, 'utf8')).toContain('hunter2');
  });

  it('are stars in binary records, which stay readable and are audited like any file', async () => {
    await configure('redact: source');
    const board = join(dir, 'logs', 'events.out.tfevents.1795428495.host');
    const args = tfRecord(textEvent(1, 'args', `hub_token: ${hfToken}`));
    const hparams = tfRecord(hyperparametersEvent({ password: 'hunter2', lr: '0.1' }));
    for (const bytes of [args, hparams, args.subarray(0, 30)]) {
      await appendFile(board, bytes);
      await ship(config);
    }
    await caboose('indexer', '--once');
    expect(await caboose('audit', '--deep')).toMatch(/^complete: 1 stream/);
    const found = await caboose('search', '', '--json');
    expect(found).toContain('step 1: args (text)');
    expect(found).toContain('_hparams_/session_start_info');
    expect(found).not.toContain('unreadable');
    const bytes = await caboose('cat', board);
    expect(bytes).toContain(`hub_token: ${'*'.repeat(hfToken.length)}`);
    for (const secret of ['hunter2', hfToken]) expect(bytes).not.toContain(secret);
  });

  it('hide no damage: an audit still finds what was overwritten', async () => {
    await configure('redact: source');
    await shipLines();
    const file = await open(log, 'r+');
    await file.write('0.7', 'starting\nNamespace(lr='.length);
    await file.close();
    const at = 'starting\nNamespace(lr='.length;
    expect(await caboose('audit', '--deep')).toContain(`[${at + 2}, ${at + 3})`);
  });

  it('are known to an audit by the patterns of their time', async () => {
    await configure(String.raw`redactPatterns: ["lr=(\\S+),"], redact: source`);
    await shipLines();
    await configure('redactPatterns: ["start"], redact: source');
    await appendFile(log, 'starting\n');
    await ship(config);
    await caboose('indexer', '--once');
    expect(await caboose('cat', log)).toBe(`${carried.replaceAll('lr=0.1', 'lr=***')}*****ing\n`);
    expect(await caboose('audit', '--deep')).toMatch(/^complete: 2 streams/);
  });

  it('are no fault to an audit that does not know the patterns', async () => {
    await configure(String.raw`redactPatterns: ["lr=(\\S+),"], redact: source`);
    await shipLines();
    await rm(join(dir, 'state'), { recursive: true, force: true });
    await configure('redact: source');
    expect(await caboose('audit', '--deep')).toContain('complete: 2 streams');
  });

  it('are carried and not indexed where only events are to be masked', async () => {
    await configure('redact: index');
    await shipLines();
    expect(await caboose('cat', log)).toContain('hunter2');
    expect(await caboose('audit', '--deep')).toMatch(/^complete: 2 streams/);
    expect(await caboose('search', 'Namespace')).toContain("password='*******'");
    const found = await caboose('search', 'loss', '--json');
    expect(found).toContain('loss');
    expect(found).toContain('*'.repeat(wandbKey.length));
    expect(found).not.toContain(wandbKey);
  });
});
