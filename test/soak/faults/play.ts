import { randomOf } from '../../scenario/oracle.ts';
import type { Verdict } from './judge.ts';
import { isWithin, Skipped } from './scenario.ts';
import type { Figure, Injected, Scenario, StageShape } from './scenario.ts';
import type { FaultServers } from './servers.ts';
import { Stage } from './stage.ts';
import { Watch } from './watch.ts';

export interface PlayOptions {
  seed: number;
  durationMs: number;
  kills: number | null;
  /** Over what the scenario asks for. */
  shape?: Partial<StageShape>;
  /** Times may be so many times as long as a scenario allows: for a machine that does other work as well. */
  slack?: number;
}

export interface Report {
  scenario: string;
  fault: string;
  how: string;
  seed: number;
  result: 'ok' | 'failed' | 'skipped';
  /** How often the fault was injected. */
  times: number;
  verdict: Verdict | null;
  figures: readonly Figure[];
  /** Why it failed or was skipped. */
  reason: string | null;
  /** Where the logs of a failed one are. */
  dir: string | null;
  /** To repeat it. */
  command: string;
}

/** One scenario from start to verdict. Does not reject: what goes wrong is the result. */
export async function play(servers: FaultServers, scenario: Scenario, options: PlayOptions): Promise<Report> {
  const { seed, shape, slack = 1 } = options;
  const { name, fault, how } = scenario;
  const report: Report = {
    scenario: name,
    fault,
    how,
    seed,
    result: 'failed',
    times: 0,
    verdict: null,
    figures: [],
    reason: null,
    dir: null,
    command: commandOf(scenario, options),
  };
  let stage: Stage | null = null;
  try {
    stage = await Stage.create(servers, name, seed, { ...scenario.stage, ...shape });
    const onStage = stage;
    await stage.begin(async () => await scenario.before?.(onStage));
    const injected = await inject(stage, scenario, options);
    report.times = injected.times;
    report.figures = injected.figures;
    report.verdict = await stage.settle(injected);
    report.figures = [...injected.figures, ...((await injected.afterwards?.()) ?? [])].map((figure) =>
      loosened(figure, slack),
    );
    report.reason = failureOf(report.verdict, report.figures);
    report.result = report.reason === null ? 'ok' : 'failed';
  } catch (error) {
    report.reason = error instanceof Error ? error.message : String(error);
    report.result = error instanceof Skipped ? 'skipped' : 'failed';
  } finally {
    await stage?.close();
    await servers.heal();
  }
  if (report.result === 'failed') report.dir = stage?.dir ?? null;
  else await stage?.removeFiles();
  return report;
}

async function inject(
  stage: Stage,
  scenario: Scenario,
  { seed, durationMs, kills }: PlayOptions,
): Promise<Injected> {
  const watch = new Watch(stage);
  try {
    return await scenario.inject(stage, { durationMs, kills, random: randomOf(seed), watch });
  } finally {
    await watch.end();
  }
}

function commandOf(
  { name, minutes }: Scenario,
  { seed, durationMs, kills, shape, slack = 1 }: PlayOptions,
): string {
  const given = [
    durationMs === minutes * 60_000 ? '' : ` --minutes ${durationMs / 60_000}`,
    kills === null ? '' : ` --kills ${kills}`,
    shape?.linesPerSecond === undefined ? '' : ` --rate ${shape.linesPerSecond}`,
    slack === 1 ? '' : ` --slack ${slack}`,
  ];
  return `npm run soak -- faults ${name} --seed ${seed}${given.join('')}`;
}

function loosened(figure: Figure, slack: number): Figure {
  return figure.unit === 's' && figure.max !== undefined ? { ...figure, max: figure.max * slack } : figure;
}

function failureOf({ missing, duplicate, wrong, audit }: Verdict, figures: readonly Figure[]): string | null {
  if (missing + duplicate + wrong > 0) return `${missing} missing, ${duplicate} duplicate, ${wrong} wrong`;
  const [finding] = audit;
  if (finding !== undefined) return `audit: ${audit.join(' | ')}`;
  const beyond = figures.filter((figure) => !isWithin(figure));
  if (beyond.length === 0) return null;
  return beyond
    .map(({ name, value, unit, min, max }) => `${name}: ${value.toFixed(1)} ${unit}, bound ${max ?? min}`)
    .join('; ');
}
