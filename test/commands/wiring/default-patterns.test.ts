import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { includeOf } from '../../../src/commands/wiring/default-patterns.ts';
import { compilePatterns } from '../../../src/tail/patterns.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'caboose-[patterns]-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('includeOf', () => {
  const run = 'mlruns/441865492979233722/f8396f04dd934dd99c008a87c986e077';

  it.each([
    ['train.log', true],
    ['a/b/slurm-4242.out', true],
    ['tb/events.out.tfevents.1.host.2.0', true],
    ['wandb/run-1/run-1.wandb', true],
    [`${run}/metrics/loss`, true],
    [`${run}/metrics/train/loss`, true],
    [`${run}/params/lr`, false],
    [`${run}/artifacts/model/weights.bin`, false],
    ['checkpoints/metrics/loss', false],
    ['model.safetensors', false],
  ])('%s below a directory: %s', async (path, expected) => {
    const patterns = compilePatterns(await includeOf([dir]), [], '/');
    expect(patterns.matches(join(dir, path))).toBe(expected);
  });

  it('finds the metrics of a file store that is named itself', async () => {
    const patterns = compilePatterns(await includeOf([dir]), [], '/');
    expect(patterns.matches(join(dir, run.slice('mlruns/'.length), 'metrics/loss'))).toBe(true);
  });

  it('takes a file as it is, and refuses what is not there', async () => {
    const file = join(dir, 'odd [name].dat');
    writeFileSync(file, '');
    expect(compilePatterns(await includeOf([file]), [], '/').matches(file)).toBe(true);
    await expect(includeOf([join(dir, 'absent')])).rejects.toMatchObject({ code: 'USAGE' });
  });
});
