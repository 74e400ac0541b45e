import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openForWriting } from '../../../src/sinks/local/database.ts';
import { Origins } from '../../../src/sinks/local/origins.ts';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'caboose-origins-'))));
afterEach(() => rmSync(dir, { recursive: true }));

it('finds an origin by its stream, not among all streams of its run', () => {
  const db = openForWriting(dir);
  const prepare = vi.spyOn(db, 'prepare');
  const origins = new Origins(db);
  origins.numberOf({ stream: 's', run: 'r', attempt: 0, rank: null, host: 'h', path: '/p', kind: '' });
  const find = prepare.mock.calls.map(([sql]) => sql).find((sql) => sql.startsWith('SELECT')) ?? '';
  prepare.mockRestore();
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${find}`).all();
  db.close();
  expect(plan.map(({ detail }) => detail)).toEqual([
    'SEARCH origins USING INDEX origins_by_stream (stream=?)',
  ]);
});
