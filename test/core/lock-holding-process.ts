/** Takes a process lock, says so, and keeps it until it is killed. */
import { errorCode } from '../../src/core/errors.ts';
import { ProcessLock } from '../../src/core/process-lock.ts';

try {
  ProcessLock.acquire(process.argv[2] ?? '', 'the directory');
  process.stdout.write(`${process.pid} held\n`);
} catch (error) {
  process.stdout.write(`${process.pid} ${errorCode(error)}\n`);
}
setInterval(() => undefined, 60_000);
