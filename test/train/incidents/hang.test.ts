import { describe, expect, test } from 'vitest';
import type { RunCause } from '../../../src/train/incidents/run-failures.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { Training } from './training.ts';

const minute = 60_000;

function told(trainings: readonly Training[], now: number | null): RunCause[] {
  const failures = new RunFailures();
  for (const { facts } of trainings) failures.take(facts);
  return failures.causes({ now });
}

function hangs(trainings: readonly Training[], now: number | null): string[] {
  return told(trainings, now).flatMap((cause) => (cause.class === 'hang' ? [cause.message] : []));
}

/** Under way: read as it is written. */
const unbounded = (rank: number | null = null) => new Training({ rank, isDated: false });

const epochs = (...counts: number[]) => {
  const run = unbounded();
  for (const count of counts) {
    run.step = 0;
    run.steps(count, { every: 10 });
  }
  return run;
};

/** It says how many steps it wants to make. */
const underWay = (rank: number | null = null) =>
  unbounded(rank).tell({ kind: 'progress', step: 0, total: 1_000_000, rate: null, label: null });

describe('a run under way that makes no steps is told', () => {
  test('before the ten minutes after which NCCL gives up', () => {
    const run = underWay().steps(200);
    expect(hangs([run], run.time + 4 * minute)).toEqual([]);
    const [cause] = told([run], run.time + 6 * minute);
    expect(cause).toMatchObject({
      class: 'hang',
      role: 'warning',
      message: 'no step for 6 min after step 200, where one sign every 1 s was usual',
      evidence: [{ start: run.facts.at(-1)?.start }],
    });
  });

  test('by lines that say how many steps there are to be', () => {
    const run = unbounded().steps(400, { every: 10, total: 500 });
    expect(hangs([run], run.time + 6 * minute)).toEqual([
      'no step for 6 min after step 400, where one sign every 10 s was usual',
    ]);
  });

  test('amid an epoch, where each counts its steps anew', () => {
    const run = epochs(400, 400, 400, 120);
    expect(hangs([run], run.time + 4 * minute)).toEqual([]);
    expect(hangs([run], run.time + 6 * minute)).toEqual([
      'no step for 6 min after step 120, where one sign every 10 s was usual',
    ]);
  });

  test('with the rank that is behind', () => {
    const runs = [0, 1, 2, 3].map((rank) => unbounded(rank).steps(rank === 2 ? 199 : 200));
    const [cause] = told(runs, (runs[0]?.time ?? 0) + 6 * minute);
    expect(cause).toMatchObject({ class: 'hang', rank: 2 });
    expect(cause?.message).toMatch(/rank 2 stands at step 199, the others are at 200$/);
  });

  test('not where some lines name their rank and others do not, and count differently', () => {
    const runs = [unbounded(0).steps(200), unbounded().steps(199)];
    expect(hangs(runs, (runs[0]?.time ?? 0) + 6 * minute)).toEqual([]);
  });

  test('not again once it goes on', () => {
    const run = underWay()
      .steps(200)
      .wait(20 * minute)
      .steps(2);
    expect(hangs([run], run.time + minute)).toEqual([]);
  });

  test('steps that are seldom printed', () => {
    const run = underWay().steps(2_000, { every: 100 });
    expect(hangs([run], run.time + 8 * minute)).toEqual([]);
    expect(hangs([run], run.time + 9.9 * minute)).toHaveLength(1);
  });

  test('in a checkpoint, against how long those take', () => {
    const run = underWay();
    for (let i = 0; i < 5; i += 1)
      run
        .steps(50)
        .phase('checkpoint')
        .wait(3 * minute);
    run.steps(50).phase('checkpoint');
    expect(hangs([run], run.time + 9 * minute)).toEqual([]);
    expect(hangs([run], run.time + 11 * minute)).toHaveLength(1);
  });
});

describe('a run that is well is not', () => {
  const cases: [string, () => Training, number][] = [
    ['an evaluation that is announced', () => underWay().steps(200).phase('eval'), 25],
    ['the first checkpoint, of unknown length', () => underWay().steps(200).phase('checkpoint'), 25],
    [
      'an evaluation of which nothing is said, and which was as long before',
      () =>
        underWay()
          .steps(100)
          .wait(8 * minute)
          .steps(100),
      15,
    ],
    ['only just begun', () => underWay().steps(5), 60],
    ['loading and compiling', () => underWay().phase('compile'), 60],
    ['steps of a varying length', () => underWay().steps(100, { ms: (i) => (i % 7) * 20_000 }), 8],
    ['it says that it is through', () => underWay().steps(100).observe('done'), 60],
    [
      'its bar is full',
      () => {
        const run = unbounded();
        for (let i = 1; i <= 100; i += 1)
          run.wait(1_000).tell({ kind: 'progress', step: i, total: 100, rate: 1, label: null });
        return run;
      },
      60,
    ],
    [
      'it has printed the last of its steps that are printed',
      () => unbounded().steps(490, { every: 10, total: 500 }),
      60,
    ],
    ['it does not say how many steps it wants to make, and may be through', () => unbounded().steps(200), 60],
    ['it ends with an epoch, whose steps are counted anew in each', () => epochs(400, 400, 400, 400), 60],
    ['it may print the last steps of an epoch no more', () => epochs(400, 400, 400, 390), 60],
    ['its epochs differ in length', () => epochs(400, 200, 400, 120), 60],
    ['it has seen too few epochs', () => epochs(400, 120), 60],
    ['silent for days: it has ended', () => underWay().steps(100), 3 * 24 * 60],
  ];
  test.each(cases)('%s', (_, make, minutes) => {
    const run = make();
    expect(hangs([run], run.time + minutes * minute)).toEqual([]);
  });

  test('one rank of many is silent: its log is missing', () => {
    const others = [0, 1].map((rank) => underWay(rank).steps(2_000));
    expect(hangs([underWay(2).steps(200), ...others], (others[0]?.time ?? 0) + minute)).toEqual([]);
  });

  test('an attempt that is followed by another', () => {
    const before = underWay().steps(200);
    const after = new Training({ attempt: 1, isDated: false, from: before.time }).steps(200);
    expect(hangs([before, after], after.time + minute)).toEqual([]);
  });

  test('a failure is told instead', () => {
    const run = underWay().steps(200).observe('cuda-oom', 'root');
    expect(told([run], run.time + 10 * minute).map((cause) => cause.class)).toEqual(['cuda-oom']);
  });
});

describe('files', () => {
  test('that end without a word tell of no hang', () => {
    const other = new Training({ rank: 1 }).steps(50);
    expect(told([new Training({ rank: 0 }).steps(5_000), other], null)).toEqual([]);
  });

  test('whoever ended the run did so long after its last step', () => {
    const run = new Training()
      .steps(200)
      .wait(70 * minute)
      .observe('terminated', 'root', 'sure');
    const causes = told([run], null);
    expect(causes.map((cause) => `${cause.class} ${cause.role}`)).toEqual([
      'terminated root',
      'hang warning',
    ]);
    expect(causes[1]?.message).toMatch(/^no step for 1 h 10 min after step 200/);
  });

  test('or soon after it', () => {
    const run = new Training().steps(200).wait(minute).observe('terminated', 'root', 'sure');
    expect(hangs([run], null)).toEqual([]);
  });
});
