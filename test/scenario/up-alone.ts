import { globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CabooseProcess } from './caboose-process.ts';

export interface UpAlone extends AsyncDisposable {
  readonly dir: string;
  /** Of the index, one SQLite file. */
  readonly indexDir: string;
  readonly up: CabooseProcess;
}

/**
 * `caboose up` as a process, not started yet, with everything that it keeps in a directory of its own. `source`: what it follows there,
 * as YAML; by default logs below `logs`. `more`: further sections. It is stopped, and the directory removed, at the end of the scope.
 */
export async function upAlone(
  name: string,
  source = (dir: string): string => `include: ["${dir}/logs/**/*.log*"]`,
  more = '',
): Promise<UpAlone> {
  const dir = await mkdtemp(join(tmpdir(), `caboose-${name}-`));
  const config = `
source: { id: up, run: up, rank: 0, ${source(dir)} }
${oneMachine(dir)}
http: { listen: "127.0.0.1:0" }
${more}
`;
  const up = new CabooseProcess('up', 'up', config, dir);
  return {
    dir,
    indexDir: join(dir, 'index'),
    up,
    async [Symbol.asyncDispose]() {
      await up.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The sections of a config that need no server; all of it is kept in `dir`. */
export function oneMachine(dir: string): string {
  return `transport: { local: { dir: ${dir}/transport } }
index: { local: { dir: ${dir}/index } }
lease: { inProcess: {} }
state: { dir: ${dir}/state }`;
}

/** Asks the store directly, so that an oracle does not lean on what it tests. Nothing while there is no store. */
export function rowsOf(indexDir: string, sql: string): Record<string, unknown>[] {
  const [file] = globSync(join(indexDir, '*.db'));
  if (file === undefined) return [];
  // The first to open it after a kill mends it, and locks it meanwhile.
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

/** The tables of events, one a day. */
export function logTables(indexDir: string): string[] {
  const sql = `SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'logs_????.??.??'`;
  return rowsOf(indexDir, sql).map(({ name }) => String(name));
}
