/** `caboose validate --test`: what each of the user's line patterns finds in a file, and which lines none of them knows. */
import { numberToJson } from '../../core/fact.ts';
import type { PointBody } from '../../core/fact.ts';
import type { LogEvent } from '../../core/event.ts';
import { ownReaders } from '../../train/own-patterns.ts';
import type { OwnPattern } from '../../train/own-patterns.ts';
import { readFacts, readableOf, withoutPrefixes } from '../../train/read-facts.ts';
import { withoutControls } from '../terminal-text.ts';

interface Example {
  line: string;
  points: Pick<PointBody, 'step' | 'name' | 'value'>[];
}

export interface PatternTest {
  patterns: { match: string; lines: number; examples: Example[] }[];
  /** Lines of no pattern: how many, how many of them a known format reads, and the first ones that nobody does. */
  others: { lines: number; read: number; examples: string[] };
}

const examplesMax = 3;
const lineShownMax = 200;

/** The first pattern that reads a line counts, as when a run is indexed. */
export async function testPatterns(
  patterns: readonly OwnPattern[],
  events: AsyncIterable<LogEvent>,
): Promise<PatternTest> {
  const readers = ownReaders(patterns);
  const test: PatternTest = {
    patterns: patterns.map(({ match }) => ({ match, lines: 0, examples: [] })),
    others: { lines: 0, read: 0, examples: [] },
  };
  let context: Record<string, unknown> = {};
  for await (const event of events) {
    const readable = readableOf(withoutPrefixes(event));
    const tested = test.patterns[readers.findIndex((reader) => reader.matches(readable))];
    const { facts, context: after } = readFacts(event, context, readers);
    context = after;
    const points = facts.filter((fact) => fact.kind === 'point');
    const shown = readable.line.slice(0, lineShownMax);
    if (tested === undefined) {
      test.others.lines += 1;
      if (points.length > 0) test.others.read += 1;
      else if (test.others.examples.length < examplesMax) test.others.examples.push(shown);
      continue;
    }
    tested.lines += 1;
    if (tested.examples.length < examplesMax)
      tested.examples.push({
        line: shown,
        points: points.map(({ step, name, value }) => ({ step, name, value })),
      });
  }
  return test;
}

export function testText(file: string, { patterns, others }: PatternTest): string {
  const parts = patterns.flatMap(({ match, lines, examples }) => [
    `${match}\n  ${countOf(lines)}${lines === 0 ? ': nothing in the file is like it' : ''}`,
    ...examples.flatMap(({ line, points }) => [
      lineText(line),
      ...points.map(({ step, name, value }) => `      step ${step ?? '-'}  ${name} = ${value}`),
    ]),
  ]);
  const read = others.read === 0 ? '' : `, ${others.read} of them with points by a format that Caboose knows`;
  const first = others.examples.map(lineText);
  const rest = first.length === 0 ? [] : ['  the first without points:', ...first];
  return [`${file}:`, ...parts, `no pattern: ${countOf(others.lines)}${read}`, ...rest, ''].join('\n');
}

/** As `--json` prints it. */
export function testJson({ patterns, others }: PatternTest): object {
  const shown = patterns.map(({ match, lines, examples }) => ({
    match,
    lines,
    examples: examples.map(({ line, points }) => ({
      line,
      points: points.map((point) => ({ ...point, value: numberToJson(point.value) })),
    })),
  }));
  return { patterns: shown, others };
}

function lineText(line: string): string {
  return `  | ${withoutControls(line)}`;
}

function countOf(lines: number): string {
  return lines === 1 ? '1 line' : `${lines} lines`;
}
