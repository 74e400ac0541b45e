import { globSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCaboose } from './caboose-process.ts';

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
transport: { local: { dir: ${dir}/transport } }
index: { local: { dir: ${dir}/index } }
lease: { inProcess: {} }
state: { dir: ${dir}/state }
`,
    );
    for (let part = 0; part < 4; part += 1) {
      for (let i = 0; i < 25; i += 1) await appendFile(log, line(part * 25 + i));
      await caboose('agent', '--once');
    }
    await caboose('indexer', '--once');
  });
  afterEach(async () => await rm(dir, { recursive: true }));

  async function caboose(command: string, ...args: string[]): Promise<{ code: number | null; text: string }> {
    const { code, stdout, stderr } = await runCaboose([command, '--config', configFile, ...args]);
    return { code, text: stdout.toString() + stderr };
  }

  async function findings(...args: string[]): Promise<Record<string, unknown>[]> {
    const { code, text } = await caboose('audit', '--json', ...args);
    const found = text
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as Record<string, unknown>);
    const faults = found.filter(({ kind }) => kind !== 'pending' && kind !== 'summary');
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
    const [file] = globSync(join(dir, 'index', '*.db'));
    const db = new DatabaseSync(file ?? '');
    const [table] = db
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'logs_????.??.??'`)
      .all();
    db.exec(`DELETE FROM "${String(table?.['name'])}" WHERE start = ${40 * lineBytes}`);
    db.close();
    expect(await findings('--deep')).toMatchObject([
      { kind: 'gap', where: 'index', path: log, start: 40 * lineBytes, end: 41 * lineBytes - 1 },
    ]);
  });

  it('finds a segment that was destroyed in the transport', async () => {
    const [file] = globSync(join(dir, 'transport', 'segments.bulk', '*.log'));
    const bytes = await readFile(file ?? '');
    // The second of four equal appends: a byte in the middle of the second quarter is in its record.
    const at = Math.floor(bytes.length * 0.375);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(file ?? '', bytes);
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
});
