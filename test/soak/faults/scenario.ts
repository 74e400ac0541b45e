import type { Stage } from './stage.ts';
import type { Watch } from './watch.ts';

/** A fault, injected again and again under load. What it must end in is the same for all: every line once, and nothing to audit. */
export interface Scenario {
  name: string;
  fault: string;
  how: string;
  stage?: Partial<StageShape>;
  /** How long the fault goes on unless told otherwise. */
  minutes: number;
  /** Between the start of the indexers and the first line. */
  before?: (stage: Stage) => Promise<void>;
  inject: (stage: Stage, spell: Spell) => Promise<Injected>;
}

export interface StageShape {
  agents: number;
  indexers: number;
  /** Over all files. */
  linesPerSecond: number;
  /** Of each file. */
  rotateEveryMs: number;
  partitions: number;
  zookeeperSessionMs: number;
  /** Mounts a file system of that size under each agent's state. */
  stateBytesMax: number | null;
  /** The wall clock of every process can be shifted. */
  shiftsClock: boolean;
  /** More of the agent's and of the indexer's config, as YAML. */
  config: string;
  /** The program, from the project's root. */
  main: string;
}

/** Of Kafka: the least that it grants. */
export const kafkaSessionMs = 6_000;

/** How a scenario is to be run. */
export interface Spell {
  durationMs: number;
  /** Of scenarios that count kills: of all processes together, at least; null: as many as fit. */
  kills: number | null;
  /** Numbers in [0, 1), the same for the same seed. */
  random: () => number;
  /** Looks on from the first harm on. */
  watch: Watch;
}

export interface Injected {
  /** How often the fault was injected. */
  times: number;
  figures: Figure[];
  /** Figures that can be had only when all has arrived. */
  afterwards?: () => Promise<Figure[]>;
  /** Events that the index was made to refuse: they must be in the dead letters instead. */
  refused?: number;
}

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What makes the scenario fail. */
  max?: number;
  min?: number;
}

export function isWithin({ value, max = Infinity, min = -Infinity }: Figure): boolean {
  return value <= max && value >= min;
}

/** Acts again and again for so long, once at least; how often. */
export async function repeat(durationMs: number, act: (n: number) => Promise<void>): Promise<number> {
  const end = performance.now() + durationMs;
  let times = 0;
  do {
    await act(times);
    times += 1;
  } while (performance.now() < end);
  return times;
}

export function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** The scenario cannot be run on this machine, for the reason that it gives. */
export class Skipped extends Error {
  override name = 'Skipped';
}
