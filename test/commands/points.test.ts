import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/commands/dispatch.ts';
import { testContext } from './output.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'caboose-points-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(path: string, lines: readonly string[]): void {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
}

async function points(...args: string[]) {
  const { context, stdout, stderr } = testContext({ cwd: dir });
  const code = await runCommandLine({ ...context, args: ['points', ...args] });
  return { code, out: stdout.text, err: stderr.text };
}

const parsed = (out: string) =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const curve = (step: number) => 4 - step / 300;

/** The same three losses, whole in a file and rounded on the console. */
function writeTwoSources(): void {
  write(
    'metrics.jsonl',
    steps(1, 3).map((step) => JSON.stringify({ step, 'train/loss': curve(step) })),
  );
  write(
    'console.log',
    steps(1, 3).map((step) => `step ${step}: loss=${curve(step).toFixed(3)}`),
  );
}

describe('caboose points', () => {
  it('says of every point what it is to the others, with --json', async () => {
    writeTwoSources();
    const { code, out } = await points('.', '--json');
    expect(code).toBe(0);
    const found = parsed(out);
    expect(found.map(({ name, standing }) => `${String(name)} ${String(standing)}`)).toEqual([
      ...steps(1, 3).map(() => 'loss same'),
      ...steps(1, 3).map(() => 'train/loss stands'),
    ]);
    expect(found.every(({ series, canonical }) => series === 'loss' && canonical === 'loss')).toBe(true);
    const stitched = parsed((await points('.', '--json', '--stitched')).out);
    expect(stitched.map(({ step, value }) => [step, value])).toEqual(
      steps(1, 3).map((step) => [step, curve(step)]),
    );
  });

  it('prints one series for people, and says what it has left out', async () => {
    writeTwoSources();
    const { out, err } = await points('.');
    expect(out.trimEnd().split('\n')).toHaveLength(3);
    expect(out).toMatch(/metrics\.jsonl +step 1 +train\/loss \(loss\) +3\.99666/);
    expect(err).toContain('left out: 3 told again elsewhere, 0 superseded');
    const all = await points('.', '--all');
    expect(all.out.trimEnd().split('\n')).toHaveLength(6);
    expect(all.out).toMatch(/console\.log +step 1 +loss +3\.997 {2}same/);
    expect(all.err).toBe('');
  });

  it('keeps what a resumed attempt tells anew as superseded, in files by attempt and in one that both append to', async () => {
    const told = (from: number, to: number, more: number) =>
      steps(from, to).map((step) => `step ${step}: loss=${(curve(step) + more).toFixed(3)}`);
    write('attempt_0/0/stdout.log', told(1, 95, 0));
    write('attempt_1/0/stdout.log', told(81, 120, 1));
    write('appended/train.log', [...told(1, 95, 0), 'Resuming from checkpoint', ...told(81, 120, 1)]);
    for (const path of ['attempt_0', 'attempt_1', 'appended']) expect((await points(path)).code).toBe(0);
    const apart = parsed((await points('attempt_0', 'attempt_1', '--json')).out);
    expect(apart.filter(({ standing }) => standing === 'superseded').map(({ step }) => step)).toEqual([]);
    const whole = parsed((await points('.', '--json')).out).filter(({ file }) =>
      String(file).includes('attempt'),
    );
    expect(whole.filter(({ standing }) => standing === 'superseded').map(({ step }) => step)).toEqual(
      steps(81, 95),
    );
    const one = parsed((await points('appended', '--json')).out);
    expect(one.filter(({ standing }) => standing === 'superseded').map(({ step }) => step)).toEqual(
      steps(81, 95),
    );
    const { out } = await points('appended');
    expect(out.trimEnd().split('\n')).toHaveLength(120);
  });

  it('has NaN and the infinities as texts in JSON', async () => {
    write('metrics.jsonl', [
      '{"step": 1, "loss": NaN}',
      '{"step": 2, "loss": Infinity}',
      '{"step": 3, "loss": -Infinity}',
    ]);
    write('console.log', ['step 1: loss=nan', 'step 2: loss=inf', 'step 3: loss=-inf']);
    const found = parsed((await points('.', '--json')).out);
    const told = ['NaN', 'Infinity', '-Infinity'];
    expect(found.map(({ value }) => value)).toEqual([...told, ...told]);
    expect(found.map(({ standing }) => standing)).toEqual([
      ...told.map(() => 'same'),
      ...told.map(() => 'stands'),
    ]);
  });

  it('refuses options that contradict each other', async () => {
    const { code, err } = await points('.', '--all', '--stitched');
    expect(code).toBe(2);
    expect(err).toContain('contradict');
  });
});
