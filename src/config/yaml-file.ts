/**
 * A YAML text as plain data, with the place of every key and `${VAR}` expanded. All errors of the text are collected,
 * none thrown.
 */
import { LineCounter, isAlias, isMap, isNode, isPair, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import { pathText, type Problem } from './problems.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface YamlFile {
  /** Plain data; undefined when the text is no YAML. */
  data: unknown;
  problems: Problem[];
  /** Paths (pathText) of values that hold an expanded variable: text which may mean a number or a boolean. */
  expanded: ReadonlySet<string>;
  /** Where the value (or, with `key`, that key of the map at the path) stands; of a missing one, its nearest parent. */
  locate(path: readonly PropertyKey[], key?: string): { line: number; column: number } | null;
}

export function readYaml(text: string, env: Environment): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const locate: YamlFile['locate'] = (path, key) => locateIn(document, lines, path, key);
  const problems = syntaxProblems(document, lines, text);
  if (problems.length > 0) return { data: undefined, problems, expanded: new Set(), locate };
  const expanded = expandVariables(document, lines, env, problems);
  return { data: toPlain(document, problems), problems, expanded, locate };
}

/** The first of each line: further ones only follow from it. */
function syntaxProblems(document: Document, lines: LineCounter, text: string): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const error of document.errors) {
    const place = position(lines, error.pos[0]);
    const isVariable = text.split('\n')[place.line - 1]?.includes('${') === true;
    const advice = isVariable ? '; within { } and [ ], a value with ${NAME} must be quoted' : '';
    const message = `not valid YAML: ${error.message.split('\n')[0] ?? error.code}${advice}`;
    if (!byLine.has(place.line)) byLine.set(place.line, { path: '', ...place, message });
  }
  return [...byLine.values()];
}

function toPlain(document: Document, problems: Problem[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    problems.push({ path: '', line: null, column: null, message: `not valid YAML: ${error.message}` });
    return undefined;
  }
}

/** Values only, never keys, so that a variable cannot change the structure. */
function expandVariables(
  document: Document,
  lines: LineCounter,
  env: Environment,
  problems: Problem[],
): Set<string> {
  const expanded = new Set<string>();
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const path = pathOf([...ancestors, node]);
      const result = expandText(node.value, env);
      for (const message of result.problems) {
        problems.push({ path, ...position(lines, node.range?.[0] ?? 0), message });
      }
      node.value = result.text;
      expanded.add(path);
    },
  });
  return expanded;
}

/** One variable; its default may hold further ones, one level deep. */
const variablePattern = /\$\$\{|\$\{((?:\$\{[^{}]*\}|[^{}])*)(\}?)/g;

/** `${VAR}` (set and not empty, or an error), `${VAR:-default}`, and `$${` for a `${` as it stands. */
export function expandText(text: string, env: Environment): { text: string; problems: string[] } {
  const problems: string[] = [];
  const expanded = text.replaceAll(variablePattern, (whole, body: string | undefined, close: string) => {
    if (body === undefined) return '${';
    const parts = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(body);
    if (!parts || close === '') {
      problems.push(
        `"${whole}" is no variable; write \${NAME} or \${NAME:-default}, and $\${ for a plain \${`,
      );
      return whole;
    }
    const [, name = '', fallback] = parts;
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback === undefined) {
      problems.push(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
      return '';
    }
    const inner = expandText(fallback, env);
    problems.push(...inner.problems);
    return inner.text;
  });
  return { text: expanded, problems };
}

function pathOf(nodes: readonly unknown[]): string {
  const path: PropertyKey[] = [];
  nodes.forEach((node, i) => {
    const child = nodes[i + 1];
    if (isPair(node)) path.push(isScalar(node.key) ? String(node.key.value) : '');
    else if (isSeq(node)) path.push(node.items.indexOf(child));
  });
  return pathText(path);
}

function locateIn(
  document: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
  key: string | undefined,
): { line: number; column: number } | null {
  let node: unknown = document.contents;
  let offset: number | undefined = isNode(node) ? node.range?.[0] : undefined;
  for (const part of key === undefined ? path : [...path, key]) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      // The key's place: the value may be a block that starts on a line further down, or nothing at all.
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else break;
  }
  return offset === undefined ? null : position(lines, offset);
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
