import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '../../src/commands/validate.ts';
import { testContext } from './output.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'caboose-validate-'));
  await writeFile(
    join(cwd, 'train.log'),
    'it=100 L=2.31\nit=200 L=nan\nit=300 L=2\nit=400 L=1\nloading\nstep=5 loss=2\n',
  );
});
afterEach(async () => await rm(cwd, { recursive: true }));

async function tried(config: string, json = false) {
  await writeFile(join(cwd, 'caboose.yaml'), config);
  const { context, stdout } = testContext({ cwd });
  const values = { test: 'train.log', ...(json && { json }) };
  return { code: await command.run(context, { positionals: ['caboose.yaml'], values }), text: stdout.text };
}

const pattern = "train:\n  patterns:\n    - { match: 'it=(?P<step>\\d+) L=(?P<loss>\\S+)' }\n";

test('--test shows what each pattern finds, and what none does', async () => {
  const { code, text } = await tried(pattern);
  expect(code).toBe(0);
  expect(text.split('\n')).toEqual([
    'train.log:',
    'it=(?P<step>\\d+) L=(?P<loss>\\S+)',
    '  4 lines',
    '  | it=100 L=2.31',
    '      step 100  loss = 2.31',
    '  | it=200 L=nan',
    '      step 200  loss = NaN',
    '  | it=300 L=2',
    '      step 300  loss = 2',
    'no pattern: 2 lines, 1 of them with points by a format that Caboose knows',
    '  the first without points:',
    '  | loading',
    '',
  ]);
});

test('a pattern is tried on what a process wrote, without the prefix of its launcher', async () => {
  await writeFile(join(cwd, 'train.log'), '[default1]:it=100 L=2.31\n');
  const { code, text } = await tried(
    "train:\n  patterns:\n    - { match: '^it=(?P<step>\\d+) L=(?P<loss>\\S+)' }\n",
  );
  expect(code).toBe(0);
  expect(text).toContain('| it=100 L=2.31\n      step 100  loss = 2.31\n');
});

test('a pattern that finds nothing is exit code 1', async () => {
  const { code, text } = await tried(`${pattern}    - { match: 'never (?P<loss>\\S+)' }\n`, true);
  expect(code).toBe(1);
  expect(JSON.parse(text)).toMatchObject({
    file: join(cwd, 'train.log'),
    patterns: [
      {
        lines: 4,
        examples: [
          { points: [{ step: 100, name: 'loss', value: 2.31 }] },
          { points: [{ value: 'NaN' }] },
          {},
        ],
      },
      { lines: 0 },
    ],
    others: { lines: 2, read: 1, examples: ['loading'] },
  });
});

test('a config that is wrong is told as ever, each pattern with its place', async () => {
  const { code, text } = await tried(
    "train:\n  patterns:\n    - { match: 'a(?=b)' }\n    - { match: '(?P<step>\\d+)' }\n",
  );
  expect(code).toBe(2);
  expect(text).toContain('caboose.yaml:3:9: train.patterns[0].match: not a pattern of RE2');
  expect(text).toContain('caboose.yaml:4:9: train.patterns[1].match: names no number');
});

test('without a pattern there is nothing to test', async () => {
  await expect(tried('source: {}\n')).rejects.toThrow('--test: the config has no train.patterns');
});
