import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeTrainingLines } from '../../bench/training-lines.ts';
import { CabooseProcess } from './caboose-process.ts';

/** How far bulk is behind; a gigabyte or more shows more, and takes longer. */
const backlogBytes = Number(process.env['CABOOSE_TEST_BACKLOG_BYTES'] ?? 200e6);
const tracebacks = 5;
/** Bounds on a hang on a busy machine. What counts is how much of bulk is behind at that moment. */
const waitMsMax = 30_000;
const startMsMax = 120_000;
const triesMax = 50;

/** How many events with the word a search finds. */
export type Find = (word: string) => Promise<number>;

/** A run with a bulk file that is far behind, and a fast one in which something happens. */
export class FastLaneScenario {
  readonly dir: string;
  readonly #running: CabooseProcess[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<FastLaneScenario> {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-fast-'));
    await mkdir(join(dir, 'logs'));
    const scenario = new FastLaneScenario(dir);
    await writeFile(scenario.#file('train.log'), 'begin\n');
    await writeFile(scenario.#file('stderr.log'), 'begin\n');
    return scenario;
  }

  start(command: string, config: string): CabooseProcess {
    const one = new CabooseProcess(command, command, config, this.dir);
    this.#running.push(one);
    one.start();
    return one;
  }

  async writeBacklog(): Promise<void> {
    await writeTrainingLines(this.#file('bulk.log'), backlogBytes);
  }

  /** Appends a traceback to stderr.log, and waits until a search finds its last line; in seconds. */
  async secondsToFind(find: Find, msMax = waitMsMax): Promise<number> {
    const word = `lost${randomUUID().replaceAll('-', '')}`;
    const began = performance.now();
    await appendFile(
      this.#file('stderr.log'),
      `Traceback (most recent call last):\n  File "train.py", line 7, in step\nRuntimeError: ${word}\n`,
    );
    while ((await find(word)) === 0) {
      if (performance.now() - began > msMax) throw new Error(`not found within ${msMax} ms: ${this.#logs()}`);
      await delay(25);
    }
    return (performance.now() - began) / 1000;
  }

  /** What it takes while nothing else is to be done: what the machine adds by itself. */
  async tellAlone(find: Find): Promise<void> {
    await this.secondsToFind(find, startMsMax);
    console.log(`found after (nothing behind): ${(await this.secondsToFind(find)).toFixed(2)} s`);
  }

  /** For each of several tracebacks: which part of bulk was still to come when it was found. Prints how long that took. */
  async behindWhenFound(find: Find, bulkTakenIn: () => Promise<number>): Promise<number[]> {
    const seconds: number[] = [];
    const behind: number[] = [];
    for (let i = 0; i < tracebacks; i += 1) {
      seconds.push(await this.secondsToFind(find));
      behind.push(1 - (await bulkTakenIn()) / backlogBytes);
      await delay(300);
    }
    const told = seconds.map((s, i) => `${s.toFixed(2)} s (${Math.round((behind[i] ?? 0) * 100)} %)`);
    console.log(`found after (bulk of ${backlogBytes / 1e6} MB behind): ${told.join(', ')}`);
    return behind;
  }

  /** Kills what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#running) if (one.exitCode === null) await one.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  #logs(): string {
    return this.#running.map((one) => one.log.slice(-2000)).join('\n');
  }

  #file(name: string): string {
    return join(this.dir, 'logs', name);
  }
}

/** Bulk bytes that the process has taken into the index. A busy one may be slow to answer. */
export async function bulkTakenIn(one: CabooseProcess): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const bytes = await one.metric('caboose_taken_in_bytes_total{lane="bulk"}');
    if (bytes !== null) return bytes;
    await delay(100);
  }
  return 0;
}
