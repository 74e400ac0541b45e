/**
 * One server: a JVM with a directory of its own, which is started, watched, killed and started again.
 *
 *     starting ──ready──▶ running ──kill──▶ down ──restart──▶ starting …      any ──stop──▶ stopped (directory removed)
 *
 * A server never outlives the process that started it, however that ends: a watcher, a small shell, reads the server's
 * pid from a pipe and, when the pipe closes, kills that pid and removes the directory. A server that does not get ready
 * in time is killed, and the error holds the end of its log.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const probeIntervalMs = 100;
const stopTimeoutMs = 15_000;
const logTailBytes = 4_000;
const signalsThatEnd = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']);

/** The last line read is the pid to kill: empty while the server is down. A dying JVM may still write for a moment. */
const watcherScript = `
pid=
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -9 "$pid"
for try in 1 2 3 4 5; do rm -rf "$1" && break; sleep 0.2; done`;

export interface ServerPlan {
  name: string;
  /** `host:port`, or what else clients are given. */
  address: string;
  /** The command line, which may use the server's directory. Called again for each start. */
  command: (directory: string) => { file: string; args: string[]; env?: Record<string, string> };
  /** Called once, before the first start: writes configuration into the directory. */
  prepare: (directory: string) => Promise<void>;
  /** Resolves to true when the server answers requests; may throw while it does not. */
  probe: () => Promise<boolean>;
  startTimeoutMs?: number;
}

export class ServerProcess implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly #plan: ServerPlan;
  readonly #watcher: ChildProcess;
  #process: ChildProcess | null = null;
  #stopped = false;

  private constructor(plan: ServerPlan, directory: string, watcher: ChildProcess) {
    this.#plan = plan;
    this.name = plan.name;
    this.address = plan.address;
    this.directory = directory;
    this.#watcher = watcher;
  }

  /** Resolves when the server answers, unless `ready` is false. */
  static async start(plan: ServerPlan, { ready = true } = {}): Promise<ServerProcess> {
    const directory = await mkdtemp(join(tmpdir(), `caboose-${plan.name}-`));
    const server = new ServerProcess(plan, directory, startWatcher(directory));
    try {
      await plan.prepare(directory);
      server.#spawn();
      if (ready) await server.ready();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The JVM's pid; throws while the server is down. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** Sends a signal. Resolves when the process is gone, or at once if the signal is not one that ends it (SIGSTOP …). */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    child.ref();
    const gone = once(child, 'exit');
    child.kill(signal);
    if (!signalsThatEnd.has(signal)) return;
    await Promise.race([gone, delay(stopTimeoutMs, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** Starts the server again on the same port and data, after killing it if it runs. */
  async restart({ ready = true } = {}): Promise<void> {
    if (this.#stopped) throw new Error(`${this.name} was stopped for good`);
    await this.kill();
    this.#spawn();
    if (ready) await this.ready();
  }

  /** Ends the server for good and removes its directory. Tolerates a second call. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.kill('SIGTERM');
    this.#watcher.ref();
    const gone = once(this.#watcher, 'exit');
    this.#watcher.stdin?.end();
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Resolves when the server answers its probe. */
  async ready(): Promise<void> {
    const timeoutMs = this.#plan.startTimeoutMs ?? 60_000;
    const deadline = performance.now() + timeoutMs;
    let reason: unknown = 'no answer yet';
    while (performance.now() < deadline) {
      if (this.#process === null) {
        throw new Error(`${this.name} ended while starting. The end of its log:\n${this.logTail()}`);
      }
      try {
        if (await this.#plan.probe()) return;
      } catch (error) {
        reason = error;
      }
      await delay(probeIntervalMs);
    }
    throw new Error(
      `${this.name} was not ready within ${timeoutMs} ms (${String(reason)}). The end of its log:\n${this.logTail()}`,
    );
  }

  logTail(): string {
    return readFileSync(join(this.directory, 'server.log'), 'utf8').slice(-logTailBytes);
  }

  #spawn(): void {
    const { file, args, env } = this.#plan.command(this.directory);
    const log = openSync(join(this.directory, 'server.log'), 'a');
    // A process group of its own: an interrupt at the terminal is for the test run, which stops its servers in order.
    const child = spawn(file, args, {
      cwd: this.directory,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#process = child;
    this.#watcher.stdin?.write(`${child.pid ?? ''}\n`);
    child.once('exit', () => {
      if (this.#process === child) this.#process = null;
      this.#watcher.stdin?.write('\n');
    });
    child.once('error', (error) => {
      if (this.#process === child) this.#process = null;
      console.error(`${this.name} could not be run: ${error.message}`);
    });
    child.unref();
  }
}

function startWatcher(directory: string): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', watcherScript, 'caboose-server-watcher', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // The pipe breaks only if someone kills the watcher; the next write would otherwise end the whole run.
  watcher.stdin?.on('error', (error) => {
    console.error(`the watcher of ${directory} is gone: ${error.message}`);
  });
  watcher.unref();
  return watcher;
}
