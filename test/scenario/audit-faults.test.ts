import { globSync, readFileSync, writeFileSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHere, ship } from './in-process.ts';
import { oneMachine } from './up-alone.ts';

const line = (i: number) => `line ${String(i).padStart(4, '0')} of a log\n`;
const lineBytes = line(0).length;

describe('caboose audit', () => {
  let dir: string;
  let configFile: string;
  let log: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-audit-'));
    configFile = join(dir, 'caboose.yaml');
    log = join(dir, 'logs', 'train.log');
    await mkdir(join(dir, 'logs'));
    await writeFile(
      configFile,
      `
source: { id: audited, include: ["${dir}/logs/*.log"], run: audited }
${oneMachine(dir)}
`,
    );
    for (let part = 0; part < 4; part += 1) {
      for (let i = 0; i < 25; i += 1) await appendFile(log, line(part * 25 + i));
      await ship(configFile);
    }
    await caboose('indexer', '--once');
  });
  afterEach(async () => await rm(dir, { recursive: true }));

  async function caboose(command: string, ...args: string[]): Promise<{ code: number | null; text: string }> {
    const { code, stdout, stderr } = await runHere([command, '--config', configFile, ...args]);
    return { code, text: stdout + stderr };
  }

  async function findings(...args: string[]): Promise<Record<string, unknown>[]> {
    const { code, stdout } = await runHere(['audit', '--json', '--config', configFile, ...args]);
    const found = stdout
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as Record<string, unknown>);
    const faults = found.filter(({ kind }) => !['pending', 'expired', 'summary'].includes(String(kind)));
    expect(code).toBe(faults.length > 0 ? 1 : 0);
    return faults;
  }

  it('says that all is there when it is', async () => {
    const { code, text } = await caboose('audit', '--deep');
    expect({ code, text }).toEqual({
      code: 0,
      text: `complete: 1 streams, ${100 * lineBytes} bytes, 99 events\n`,
    });
  });

  it('finds a document that was deleted by hand', async () => {
    sql((logs) => `DELETE FROM "${logs}" WHERE start = ${40 * lineBytes}`);
    expect(await findings()).toMatchObject([{ kind: 'gap', where: 'index', path: log, start: 0 }]);
    expect(await findings('--deep')).toMatchObject([
      { kind: 'gap', where: 'index', path: log, start: 40 * lineBytes, end: 41 * lineBytes - 1 },
    ]);
  });

  it('finds a segment that was destroyed in the transport', async () => {
    // The second of four equal appends: a byte in the middle of the second quarter is in its record.
    damage(0.375);
    const found = await findings('--deep');
    expect(found).toContainEqual(
      expect.objectContaining({
        kind: 'gap',
        where: 'transport',
        start: 25 * lineBytes,
        end: 50 * lineBytes,
      }),
    );
  });

  it('finds a part of a file that was overwritten', async () => {
    const file = await open(log, 'r+');
    await file.write(Buffer.from('####'), 0, 4, 60 * lineBytes + 5);
    await file.close();
    expect(await findings('--deep')).toMatchObject([
      { kind: 'wrong', where: 'file', path: log, start: 60 * lineBytes + 5, end: 60 * lineBytes + 9 },
    ]);
  });

  it('does not call bytes on their way a fault', async () => {
    await appendFile(log, line(100));
    const { code, text } = await caboose('audit');
    expect(code).toBe(0);
    expect(text).toContain(`no fault in 1 streams`);
    expect(text).toContain(`[${100 * lineBytes}, ${101 * lineBytes}) not shipped yet`);
  });

  it('finds a document that is there twice, and one that is of other bytes', async () => {
    sql((logs) => `UPDATE "${logs}" SET sum = 7 WHERE start = ${10 * lineBytes}`);
    sql(
      (logs) => `CREATE TEMP TABLE twice AS SELECT * FROM "${logs}" WHERE start = ${20 * lineBytes};
          UPDATE twice SET no = no + 1000, id = x'00';
          INSERT INTO "${logs}" SELECT * FROM twice`,
    );
    expect(await findings()).toMatchObject([{ kind: 'overlap', where: 'index', start: 0 }]);
    expect(await findings('--deep')).toMatchObject([
      { kind: 'wrong', where: 'index', start: 10 * lineBytes, end: 11 * lineBytes - 1 },
      { kind: 'overlap', where: 'index', start: 20 * lineBytes, end: 21 * lineBytes - 1 },
    ]);
  });

  it('finds segments that were destroyed at the start and at the end', async () => {
    damage(0.1);
    damage(0.9);
    expect(await findings()).toEqual([]);
    expect((await findings('--deep')).filter(({ kind }) => kind === 'gap')).toMatchObject([
      { where: 'transport', start: 0, end: 25 * lineBytes },
      { where: 'transport', start: 75 * lineBytes, end: 100 * lineBytes },
    ]);
  });

  it('finds a stream document that was lost, with its events and without', async () => {
    sql(() => 'DELETE FROM streams');
    const whole = { where: 'index', kind: 'gap', path: log, start: 0, end: 100 * lineBytes };
    expect(await findings()).toContainEqual(expect.objectContaining(whole));
    sql((logs) => `DELETE FROM "${logs}"`);
    expect(await findings()).toMatchObject([whole]);
    expect(await findings('--deep')).toMatchObject([whole]);
  });

  it('finds it too when the cut log was lost as well: the transport knows the stream', async () => {
    sql(() => 'DELETE FROM streams');
    sql((logs) => `DELETE FROM "${logs}"`);
    await rm(join(dir, 'state'), { recursive: true });
    expect(await findings('--deep')).toMatchObject([
      { where: 'index', kind: 'gap', path: log, start: 0, end: 100 * lineBytes },
    ]);
  });

  it('knows the files by their first bytes when the cut log was lost', async () => {
    await rm(join(dir, 'state'), { recursive: true });
    expect((await caboose('audit')).text).toContain(`complete: 1 streams, ${100 * lineBytes} bytes`);
    await appendFile(log, line(100));
    expect((await caboose('audit')).text).toContain(`[${100 * lineBytes}, ${101 * lineBytes}) not shipped`);
    const file = await open(log, 'r+');
    await file.write(Buffer.from('####'), 0, 4, 60 * lineBytes + 5);
    await file.close();
    expect(await findings('--deep')).toMatchObject([
      { kind: 'wrong', where: 'file', start: 60 * lineBytes + 5, end: 60 * lineBytes + 9 },
    ]);
    expect(globSync(join(dir, 'state'))).toEqual([]);
  });

  it('tells a file that was truncated from one that was overwritten', async () => {
    await truncate(log, 50 * lineBytes);
    const { code, text } = await caboose('audit', '--deep');
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining('shorter than what was') });
    await appendFile(log, 'other bytes\n'.repeat(200));
    expect(await findings()).toMatchObject([{ kind: 'wrong', where: 'file', end: 100 * lineBytes }]);
    expect(await findings('--deep')).toMatchObject([
      { kind: 'wrong', where: 'file', start: 50 * lineBytes, end: 100 * lineBytes },
    ]);
  });

  it('does not look for the bytes of a file in another one that has taken its place', async () => {
    await writeFile(`${log}.new`, 'other bytes\n'.repeat(200));
    await rename(`${log}.new`, log);
    expect(await findings('--deep')).toEqual([]);
  });

  it('does not call a fault what a retention has dropped, but what it cannot have dropped', async () => {
    const [first] = globSync(join(dir, 'transport', 'segments.bulk', '*.log'));
    const bytes = await readFile(first ?? '');
    const secondAt = bytes.indexOf('CbR1', 10);
    expect(secondAt).toBeGreaterThan(0);
    await writeFile(
      join(dir, 'transport', 'segments.bulk', `${String(secondAt).padStart(20, '0')}.log`),
      bytes.subarray(secondAt),
    );
    await rm(first ?? '');
    const { code, text } = await caboose('audit', '--deep');
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining('complete: 1 streams') });
    expect(text).toContain(`expired    transport ${log} [0, ${25 * lineBytes})`);
    sql((logs) => `DELETE FROM "${logs}" WHERE start = ${10 * lineBytes}`);
    expect(await findings('--deep')).toMatchObject([{ kind: 'gap', where: 'index', start: 0 }]);
  });

  it('takes the streams of other sources of a run into account, and says that their files are elsewhere', async () => {
    const other = join(dir, 'other.yaml');
    await mkdir(join(dir, 'elsewhere'));
    await writeFile(join(dir, 'elsewhere', 'rank1.log'), line(0) + line(1));
    const config = await readFile(configFile, 'utf8');
    await writeFile(
      other,
      config
        .replace('id: audited', 'id: other')
        .replace('/logs/*', '/elsewhere/*')
        .replace('/state', '/state-other'),
    );
    await ship(other);
    await caboose('indexer', '--once');
    expect((await caboose('audit', '--deep')).text).toBe(
      `complete: 1 streams, ${100 * lineBytes} bytes, 99 events\n`,
    );
    expect((await caboose('audit', 'audited', '--deep')).text).toBe(
      `complete: 2 streams (1 of other sources, whose files are not here), ${102 * lineBytes} bytes, 100 events\n`,
    );
    sql((logs) => `DELETE FROM "${logs}" WHERE start = 0`);
    expect(await findings('audited', '--deep')).toHaveLength(2);
  });

  /** Runs SQL on the store; `logs` is the table of the only day. */
  function sql(statement: (logs: string) => string): void {
    const [file] = globSync(join(dir, 'index', '*.db'));
    const db = new DatabaseSync(file ?? '');
    const [table] = db
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'logs_????.??.??'`)
      .all();
    db.exec(statement(String(table?.['name'])));
    db.close();
  }

  /** Flips a byte of the local log, at that part of it. */
  function damage(part: number): void {
    const [file] = globSync(join(dir, 'transport', 'segments.bulk', '*.log'));
    const bytes = readFileSync(file ?? '');
    const at = Math.floor(bytes.length * part);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(file ?? '', bytes);
  }
});
