import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { metricIn } from './exposition.ts';

const projectRoot = resolve(import.meta.dirname, '../..');
const mainOfSource = 'src/main.ts';

/** Builds the program as it is deployed; its entry, from the project's root. A build starts in three quarters of the CPU that the sources take. */
export async function build(): Promise<string> {
  await promisify(execFile)('npm', ['run', 'build'], { cwd: projectRoot });
  return 'dist/main.js';
}

interface ProcessOptions {
  main?: string;
  preload?: string;
  env?: Readonly<Record<string, string>>;
  openFiles?: number;
}

/** One long-running caboose command as a real process, which a scenario kills and starts again. */
export class CabooseProcess {
  readonly configFile: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  readonly #openFiles: number | null;
  #child: ChildProcess | null = null;
  kills = 0;
  /** What the one that runs now has said, until it has said where it serves /metrics. */
  #said = '';
  #url: string | null = null;

  /**
   * `dir` takes the config file and the log. `main`: the program, from the project's root; `preload`: a module that is imported
   * first; `env`: more of the environment;
   * `openFiles`: how many descriptors it may have.
   */
  constructor(
    name: string,
    command: string,
    config: string,
    dir: string,
    { main = mainOfSource, preload, env = {}, openFiles }: ProcessOptions = {},
  ) {
    this.configFile = join(dir, `${name}.yaml`);
    writeFileSync(this.configFile, config);
    this.#logFile = join(dir, `${name}.out`);
    const imports = preload === undefined ? [] : ['--import', preload];
    this.#args = [...imports, join(projectRoot, main), command, '--config', this.configFile];
    this.#env = env;
    this.#openFiles = openFiles ?? null;
  }

  start(): void {
    this.#said = '';
    this.#url = null;
    const limited = ['-c', `ulimit -n ${this.#openFiles}; exec "$0" "$@"`, process.execPath, ...this.#args];
    const [file, args] = this.#openFiles === null ? [process.execPath, this.#args] : ['/bin/sh', limited];
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#env },
    });
    this.#child = child;
    for (const output of [child.stdout, child.stderr])
      output.on('data', (chunk: Buffer) => this.#take(child, chunk));
    // It does not outlive who started it, however a run ends short of kill -9.
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.removeListener('exit', end));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Everything that it, and those started before it, have logged. */
  get log(): string {
    return readFileSync(this.#logFile, { encoding: 'utf8', flag: 'a+' });
  }

  /** Where the one that runs now serves /metrics; null until it says so. */
  get url(): string | null {
    return this.#url;
  }

  /** The value of a metric, summed over its labels; null while it does not answer. */
  async metric(name: string): Promise<number | null> {
    const { url } = this;
    if (url === null) return null;
    try {
      const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(500) });
      return metricIn(await response.text(), name);
    } catch (error) {
      if (error instanceof Error) return null;
      throw error;
    }
  }

  /** Null while it runs. */
  get exitCode(): number | string | null {
    return this.#child?.exitCode ?? this.#child?.signalCode ?? null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** kill -9, and waits until it is gone. Throws when it had ended by itself. */
  async kill(): Promise<void> {
    if (this.exitCode !== null) throw new Error(`ended by itself (${this.exitCode}): see ${this.#logFile}`);
    this.kills += 1;
    await this.#end('SIGKILL');
  }

  /** SIGTERM, and waits; the exit code. */
  async stop(): Promise<number | string | null> {
    if (this.exitCode === null) await this.#end('SIGTERM');
    return this.exitCode;
  }

  #take(child: ChildProcess, chunk: Buffer): void {
    appendFileSync(this.#logFile, chunk);
    if (child !== this.#child || this.#url !== null) return;
    this.#said += chunk.toString();
    this.#url = /"url":"([^"]+)"/.exec(this.#said)?.[1] ?? null;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = new Promise((done) => void child.once('exit', done));
    child.kill(signal);
    await gone;
  }
}

export interface Finished {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Runs a caboose command to its end. */
export async function runCaboose(args: readonly string[], timeoutMs = 120_000): Promise<Finished> {
  const child = spawn(process.execPath, [join(projectRoot, mainOfSource), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const code = await new Promise<number | null>((done) => void child.once('close', done));
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}
