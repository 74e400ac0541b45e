import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CabooseError, errorCode } from './errors.ts';

/** Locks of this very process: a lock file alone cannot tell two holders within one process apart. */
const heldHere = new Set<string>();

/**
 * One process per directory: a lock file which names its owner by pid and start time. A lock whose owner is dead (kill -9,
 * reboot, a pid handed out again) is taken over. Advisory, for processes of one machine.
 */
export class ProcessLock {
  readonly #path: string;
  #held = true;

  private constructor(path: string) {
    this.#path = path;
    heldHere.add(path);
  }

  /** Throws LOCKED (with the owner's pid) when another living process holds it. `what` names the directory's purpose. */
  static acquire(lockFile: string, what: string): ProcessLock {
    const path = resolve(lockFile);
    if (heldHere.has(path)) throw locked(path, what, 'this process already');
    mkdirSync(dirname(path), { recursive: true });
    const mine = `${process.pid} ${startTime(process.pid) ?? ''}`;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (tryCreate(path, mine)) return new ProcessLock(path);
      const owner = readOwner(path);
      if (owner !== null && owner.text !== mine && isAlive(owner)) {
        throw locked(path, what, `process ${owner.pid}`);
      }
      takeAway(path, owner?.text ?? null);
    }
    throw new CabooseError('LOCKED', `${path}: could not be taken, others keep creating it`, {
      retriable: true,
    });
  }

  /** Tolerates a second call. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    heldHere.delete(this.#path);
    try {
      unlinkSync(this.#path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

function locked(path: string, what: string, owner: string): CabooseError {
  return new CabooseError('LOCKED', `${what} ${dirname(path)} is in use by ${owner}`, {
    hint: 'give each its own directory, or stop the other one',
  });
}

interface Owner {
  text: string;
  pid: number;
  started: string;
}

function tryCreate(path: string, text: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o644);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(fd, text);
    fsyncSync(fd);
    // Whoever saw the file while it was empty took it for torn, and away.
    return fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino;
  } finally {
    closeSync(fd);
  }
}

function readOwner(path: string): Owner | null {
  try {
    const text = readFileSync(path, 'utf8');
    const [pid, started] = text.split(' ');
    return { text, pid: started === undefined ? NaN : Number(pid), started: started ?? '' };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** A torn lock file (killed while writing it) has no living owner. */
function isAlive(owner: Owner): boolean {
  if (!Number.isSafeInteger(owner.pid) || owner.pid <= 0) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
  }
  const started = startTime(owner.pid);
  if (started === zombie) return false;
  return started === null || owner.started === '' || started === owner.started;
}

/** Renames before it deletes, and looks at what it got: two that find the same stale lock cannot both win. */
function takeAway(path: string, staleText: string | null): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
    const got = readFileSync(aside, 'utf8');
    if (staleText !== null && got !== staleText) renameSync(aside, path);
    else unlinkSync(aside);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** Dead, and not yet collected by its parent. */
const zombie = 'zombie';

/** Start time in clock ticks since boot, with the boot's id, or `zombie`; null where /proc does not exist. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return zombie;
    const ticks = fields[18];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot}:${ticks}`;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return null;
  }
}
