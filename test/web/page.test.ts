import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RunProgress } from '../../src/core/event-index.ts';

const folder = new URL('../../src/web/page/', import.meta.url);
const files = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(new URL(name, folder), 'utf8'),
}));

type Point = [number, number | string];
interface Scale {
  ticks: (low: number, high: number, count: number) => number[];
  logTicks: (low: number, high: number, count: number) => number[];
  domain: (values: (number | string)[], logarithmic?: boolean) => [number, number] | null;
  scale: (domain: number[], range: number[], logarithmic?: boolean) => (value: number) => number;
  linePath: (
    points: Point[],
    x: (v: number) => number,
    y: (v: number) => number,
    canShow: (v: unknown) => boolean,
  ) => string;
  nearest: (points: Point[], at: number) => number;
}
interface Format {
  formatBytes: (bytes: number) => string;
  formatAge: (ms: number) => string;
  formatValue: (value: number | string) => string;
  formatProgress: (progress: Partial<RunProgress>) => string;
  formatPace: (progress: Partial<RunProgress>) => string;
  formatRanks: (ranks: number[]) => string;
}

/** The page is plain JavaScript without types: these are its pure modules, as the tests see them. */
const load = async <T>(name: string) => (await import(new URL(name, folder).href)) as T;
const scales = await load<Scale>('scale.js');
const format = await load<Format>('format.js');

describe('the files of the page', () => {
  it('make no markup out of text, run no text as code and set no inline style', () => {
    const forbidden =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|javascript:|\.setAttribute\('on|srcdoc|cssText/;
    for (const { name, text } of files.filter(({ name }) => name.endsWith('.js'))) {
      expect([name, text.match(forbidden)]).toEqual([name, null]);
      expect(`${name}: ${text}`).not.toMatch(/el\('(?:script|iframe|object|embed|a|img|style)'/);
    }
  });

  it('hold no inline script or style and nothing from elsewhere, as the content security policy demands', () => {
    for (const { name, text } of files) {
      expect(`${name}: ${text.replaceAll('http://www.w3.org/2000/svg', '')}`).not.toMatch(
        /https?:\/\/|url\(/,
      );
    }
    const html = files.find(({ name }) => name === 'index.html')!.text;
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });

  it('find every element by an id that the page has', () => {
    const html = files.find(({ name }) => name === 'index.html')!.text;
    const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]));
    const used = files.flatMap(({ text }) =>
      [...text.matchAll(/byId\('([^']+)'\)/g)].map((match) => match[1]),
    );
    expect(used.length).toBeGreaterThan(5);
    for (const id of used) expect(ids).toContain(id);
  });
});

describe('scale.js', () => {
  it('puts ticks at round numbers', () => {
    expect(scales.ticks(0.3, 4.7, 5)).toEqual([1, 2, 3, 4]);
    expect(scales.ticks(0, 0.05, 5)).toEqual([0, 0.01, 0.02, 0.03, 0.04, 0.05]);
    expect(scales.ticks(3, 3, 5)).toEqual([3]);
    expect(scales.logTicks(0.002, 50, 4)).toEqual([0.01, 0.1, 1, 10]);
  });

  it('sees finite values only', () => {
    expect(scales.domain(['NaN', 'Infinity'])).toBeNull();
    expect(scales.domain([1, 'NaN', 3])).toEqual([0.88, 3.12]);
    expect(scales.domain([-1, 0], true)).toBeNull();
    expect(scales.domain([2])).toEqual([1.8, 2.2]);
  });

  it('breaks a line where there is no number', () => {
    const same = (value: number) => value;
    const canShow = (value: unknown) => typeof value === 'number';
    const points: Point[] = [
      [0, 1],
      [1, 2],
      [2, 'NaN'],
      [3, 4],
      [4, 'NaN'],
      [5, 1],
      [6, 1],
    ];
    expect(scales.linePath(points, same, same, canShow)).toBe('M0.0 1.0L1.0 2.0M3.0 4.0h0M5.0 1.0L6.0 1.0');
  });

  it('finds the nearest point', () => {
    const points: Point[] = [
      [0, 0],
      [10, 0],
      [20, 0],
    ];
    expect([-5, 4, 6, 14, 99].map((at) => scales.nearest(points, at))).toEqual([0, 0, 1, 1, 2]);
    expect(scales.nearest([], 1)).toBe(-1);
  });
});

it('says numbers as people read them', () => {
  expect([0, 999, 1500, 999_960, 44e9].map(format.formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '1.0 MB',
    '44.0 GB',
  ]);
  expect([0, 59_000, 300_000, 7_200_000, 400_000_000].map(format.formatAge)).toEqual([
    '0 s',
    '59 s',
    '5 min',
    '2 h',
    '5 days',
  ]);
  expect([2.300001, 0.000029, 'NaN', '-Infinity', 0, 16_384].map(format.formatValue)).toEqual([
    '2.3',
    '2.9e-5',
    'NaN',
    '−∞',
    '0',
    '16384',
  ]);
  const progress = { step: 450, total: 1_000, label: null, rate: 2.3456, etaMs: 275_000 };
  expect(format.formatProgress(progress)).toBe('step 450 of 1,000 · 45 %');
  expect(format.formatPace(progress)).toBe('2.35/s · 5 min left');
  const named = { ...progress, step: 1_000, label: 'Fine-tuning of a large model', etaMs: null };
  expect(format.formatProgress(named)).toBe('Fine-tuning of a large …: 1,000 of 1,000 · 100 %');
  expect(format.formatPace(named)).toBe('');
  expect(format.formatPace({ ...progress, rate: null })).toBe('5 min left');
  expect(format.formatRanks([3, 0, 1, 2, 9])).toBe('0–3, 9');
});
