import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { originOf } from '../../src/config/origin.ts';
import { compilePathPattern } from '../../src/config/path-pattern.ts';

describe('originOf', () => {
  it.each([
    ['torchrun', '/logs/job7_a1b2c3_4/attempt_2/3/stderr.log', { run: 'job7', attempt: 2, rank: 3 }],
    [
      'torchrun without an id',
      '/logs/none_zz_8dk1q/attempt_0/11/stdout.log',
      { run: 'none_zz_8dk1q', attempt: 0, rank: 11 },
    ],
    ['torchrun, older', '/logs/x/attempt_1/0/stderr.log', { run: 'logs', attempt: 1, rank: 0 }],
    ['Open MPI', '/logs/1/rank.04/stdout', { run: 'logs', attempt: 0, rank: 4 }],
    ['a habit', '/logs/train-rank_12.log', { run: 'logs', attempt: 0, rank: 12 }],
    ['no rank in a word', '/logs/frank3.log', { run: 'logs', attempt: 0, rank: null }],
    ['nothing', '/logs/train.log', { run: 'logs', attempt: 0, rank: null }],
  ])('reads the path of %s', (_, path, expected) => {
    expect(originOf(path, '/logs', {}, {})).toMatchObject(expected);
  });

  it('reads restarts from the path of a pod', () => {
    const path = '/var/log/pods/ml_train-0_8b1c0f9e-1111-2222-3333-444455556666/trainer/4.log';
    expect(originOf(path, '/var/log/pods', {}, {})).toMatchObject({ run: 'pods', attempt: 4, rank: null });
  });

  it('prefers a path pattern to the config, and that to the environment', () => {
    const env = { RANK: '9', TORCHELASTIC_RUN_ID: 'env', SLURM_RESTART_COUNT: '4', WORLD_SIZE: '16' };
    const config = { run: 'conf', rank: 5, pathPatterns: ['/data/{run}/'], labels: { team: 'x' } };
    const labels = { world_size: '16', team: 'x' };
    expect(originOf('/data/exp/a.log', '/data', config, env)).toEqual({
      run: 'exp',
      attempt: 4,
      rank: 5,
      labels,
    });
    expect(originOf('/other/a.log', '/other', config, env)).toEqual({
      run: 'conf',
      attempt: 4,
      rank: 5,
      labels,
    });
    expect(originOf('/other/a.log', '/other', {}, env)).toMatchObject({ run: 'env', attempt: 4, rank: 9 });
  });

  it('passes over variables that hold nothing usable', () => {
    const env = {
      TORCHELASTIC_RUN_ID: 'none',
      SLURM_JOB_ID: '77',
      RANK: '',
      OMPI_COMM_WORLD_RANK: 'x',
      SLURM_PROCID: '2',
    };
    expect(originOf('/l/a', '/l', {}, env)).toMatchObject({ run: '77', rank: 2, labels: { job_id: '77' } });
  });

  it('has a name for a run that is followed from the root', () => {
    expect(originOf('/a.log', '/', {}, {}).run).toBe('default');
  });

  it('never fails, and always gives a run, whatever the path', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (path, root) => {
        const origin = originOf(
          `/${path}`,
          `/${root}`,
          { pathPatterns: ['{run}/a{attempt}', '*/{rank}.log'] },
          {},
        );
        expect(origin.run).not.toBe('');
        expect([origin.attempt, origin.rank ?? 0].every(Number.isSafeInteger)).toBe(true);
      }),
    );
  });
});

describe('path patterns', () => {
  const match = (pattern: string, path: string) => {
    const compiled = compilePathPattern(pattern);
    return typeof compiled === 'string' ? compiled : compiled(path);
  };

  it.each([
    ['attempt_{attempt}/{rank}/', '/x/attempt_3/12/err', { attempt: '3', rank: '12' }],
    ['attempt_{attempt}/{rank}/', '/x/attempt_3/node/err', null],
    ['{run}/**/r{rank}', '/a/b/c/d/r7.log', { run: 'a', rank: '7' }],
    ['job-{run}-*', '/x/job-42-gpu/a', { run: '42' }],
    ['r{rank}', '/x/r1/r2/a', { rank: '2' }],
    ['r{rank}', '/x/tr1/a', null],
    ['r{rank}', '/x/r12a', null],
    ['a.b/{rank}', '/aXb/1', null],
  ])('%s on %s', (pattern, path, expected) => expect(match(pattern, path)).toEqual(expected));

  it.each([
    ['logs/*', 'names none of'],
    ['{rank', 'lone "{"'],
    ['{rank}/{rank}', 'only once'],
    ['{}', 'is no placeholder'],
  ])('%s is refused', (pattern, reason) => expect(match(pattern, '/')).toContain(reason));
});
