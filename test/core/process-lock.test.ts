import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProcessLock } from '../../src/core/process-lock.ts';
import { until } from '../fakes/clock.ts';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, writeSync: vi.fn(real.writeSync) };
});

const holderScript = resolve('test/core/lock-holding-process.ts');
let dir: string;
let lockFile: string;
let children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'caboose-lock-'));
  lockFile = join(dir, 'inner', 'lock');
});

afterEach(async () => {
  for (const child of children) await killed(child);
  children = [];
  rmSync(dir, { recursive: true });
});

const acquire = () => ProcessLock.acquire(lockFile, 'the directory');

/** Runs a process, and resolves with it and the pid that its first line begins with. */
async function started(command: string, ...args: string[]): Promise<{ child: ChildProcess; pid: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(line.toString()).toMatch(/^\d+ held\n$/);
  return { child, pid: Number.parseInt(line.toString(), 10) };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('ProcessLock', () => {
  it('makes the directory, names its owner, and leaves nothing behind', () => {
    const lock = acquire();
    expect(readFileSync(lockFile, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    lock.release();
    expect(readdirSync(join(dir, 'inner'))).toEqual([]);
  });

  it('is refused to the process that holds it, whatever the path looks like', () => {
    const lock = acquire();
    expect(acquire).toThrow(
      expect.objectContaining({ code: 'LOCKED', hint: expect.any(String), retriable: false }),
    );
    expect(() => ProcessLock.acquire(`${dir}/inner/../inner/lock`, 'x')).toThrow('this process already');
    lock.release();
    acquire().release();
  });

  it('released twice does not take the lock from the next holder', () => {
    const first = acquire();
    first.release();
    const second = acquire();
    first.release();
    expect(existsSync(lockFile)).toBe(true);
    expect(acquire).toThrow('in use');
    second.release();
  });

  it('tolerates that someone has removed the file', () => {
    const lock = acquire();
    rmSync(lockFile);
    expect(() => lock.release()).not.toThrow();
  });

  it('is refused while a living process holds it, and taken over after kill -9', async () => {
    const { child, pid } = await started(process.execPath, holderScript, lockFile);
    expect(acquire).toThrow(`the directory ${join(dir, 'inner')} is in use by process ${pid}`);
    await killed(child);
    expect(existsSync(lockFile)).toBe(true);
    acquire().release();
    expect(readdirSync(join(dir, 'inner'))).toEqual([]);
  });

  it.runIf(existsSync('/proc/self/stat'))(
    'is taken over from a dead process that no one collects',
    async () => {
      // The shell turns into a process that never waits for the child which it has started.
      const script = `"$0" "$1" "$2" & exec sleep 60`;
      const { pid } = await started('sh', '-c', script, process.execPath, holderScript, lockFile);
      expect(acquire).toThrow(`process ${pid}`);
      process.kill(pid, 'SIGKILL');
      const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0];
      await until(() => state() === 'Z', 'the holder is a zombie');
      expect(() => process.kill(pid, 0)).not.toThrow();
      acquire().release();
    },
  );

  it.runIf(existsSync('/proc/self/stat'))('is taken over when the pid was handed out again', () => {
    acquire().release();
    writeFileSync(lockFile, `${process.ppid} another-boot:1`);
    acquire().release();
    expect(existsSync(lockFile)).toBe(false);
  });

  it.each(['', ' ', '1', 'garbage', '-1 x', '0 x', '1.5 x', '99999999999999999999 x', '\0\0\0\0'])(
    'is taken over from the torn lock file %j',
    (text) => {
      acquire().release();
      writeFileSync(lockFile, text);
      const lock = acquire();
      expect(readFileSync(lockFile, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
      lock.release();
    },
  );

  it('has one holder when another process comes between the making and the writing of the file', () => {
    const answerFile = join(dir, 'answer');
    // In the background, so that it lives on while the file is written here.
    const script = `"$0" "$1" "$2" > "$3" & while ! [ -s "$3" ]; do sleep 0.01; done`;
    vi.mocked(fs.writeSync).mockImplementationOnce(() => {
      const args = ['-c', script, process.execPath, holderScript, lockFile, answerFile];
      spawnSync('sh', args, { stdio: 'ignore', timeout: 10_000 });
      return 0;
    });
    let refused: unknown;
    try {
      acquire().release();
    } catch (error) {
      refused = error;
    }
    const [pid, answer] = readFileSync(answerFile, 'utf8').trim().split(' ');
    process.kill(Number(pid), 'SIGKILL');
    expect({ answer, refused }).toEqual({
      answer: 'held',
      refused: expect.objectContaining({ code: 'LOCKED' }),
    });
  });
});
