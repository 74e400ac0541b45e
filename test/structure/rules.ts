/**
 * What holds between the files of src. A room is a first folder below src: it imports core, and the interfaces of segment
 * and telemetry, never another room; only commands/ joins them, and only main.ts, which owns the process, imports
 * commands/. Each rule returns its breaches as sentences.
 */
import { isCode, roomOf, withoutComments, type Import, type SourceFile } from './source-files.ts';

/** What each room may import besides itself and packages. Rooms that are not listed may import `anyRoom`. */
const allowedRooms: Readonly<Record<string, readonly string[]>> = {
  core: [],
  segment: ['core'],
  telemetry: ['core'],
  config: ['core'],
};
const anyRoom = ['core', 'segment', 'telemetry'];
/** Rooms may name the types of these, without depending on them when they run. */
const allowedAsTypes: Readonly<Record<string, readonly string[]>> = { config: ['telemetry'] };

export function importBreaches(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const room = roomOf(file.path);
    if (room === null || room === 'main') return [];
    return file.imports.flatMap((each) => importBreach(file.path, room, each) ?? []);
  });
}

function importBreach(path: string, room: string, { target, ours, typeOnly }: Import): string | null {
  if (!ours) return null;
  const targetRoom = roomOf(target);
  if (targetRoom === null) return `${path} imports ${target}, which is outside of src`;
  if (targetRoom === room) return null;
  if (targetRoom === 'main') return `${path} imports main.ts`;
  if (room === 'commands') return null;
  if (targetRoom === 'commands') return `${path} imports ${target}: only main.ts imports commands`;
  if ((allowedRooms[room] ?? anyRoom).includes(targetRoom)) return null;
  if (typeOnly && allowedAsTypes[room]?.includes(targetRoom)) return null;
  return `${path} imports ${target}: ${room} may not know ${targetRoom}`;
}

const processUse = new RegExp(
  [
    String.raw`\bprocess\s*\.\s*(?:exit|exitCode|argv|env)\b`,
    String.raw`\bprocess\s*\[`,
    String.raw`=\s*process\s*(?:;|\n)`,
    String.raw`\b(?:from|import)\s*\(?\s*['"](?:node:)?process['"]`,
  ].join('|'),
);

/** Environment, arguments and exit belong to main.ts alone; the rest is told what it needs. */
export function processBreaches(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => isCode(path) && roomOf(path) !== 'main')
    .flatMap(({ path, text }) => {
      const use = processUse.exec(withoutComments(text))?.[0];
      return use === undefined ? [] : [`${path} uses ${use}`];
    });
}

/**
 * Files that nothing needs: code that no chain of imports joins to the entry, and other files whose name stands in no
 * other file.
 */
export function deadFiles(files: readonly SourceFile[], entry: string): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    open.push(...(byPath.get(path)?.imports ?? []).filter(({ ours }) => ours).map(({ target }) => target));
  }
  return files
    .filter((file) => !reached.has(file.path) && (file.path.endsWith('.ts') || !isNamed(file, files)))
    .map(({ path }) => path);
}

function isNamed({ path }: SourceFile, files: readonly SourceFile[]): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return files.some((other) => other.path !== path && other.text.includes(name));
}

const exportPattern =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:const|let|function\*?|class|enum) +([A-Za-z_$][\w$]*)/gm;

/** Exported values whose name stands nowhere but in their declaration. The compiler sees that only of what is not exported. */
export function deadExports(files: readonly SourceFile[], users: readonly SourceFile[]): string[] {
  const uses = new Map<string, number>();
  for (const { path, text } of users) {
    if (!isCode(path)) continue;
    for (const [word] of withoutComments(text).matchAll(/[\w$]+/g)) uses.set(word, (uses.get(word) ?? 0) + 1);
  }
  return files
    .filter(({ path }) => path.endsWith('.ts'))
    .flatMap(({ path, text }) =>
      [...withoutComments(text).matchAll(exportPattern)]
        .map(([, name = '']) => name)
        .filter((name) => (uses.get(name) ?? 0) <= 1)
        .map((name) => `${path} exports ${name}`),
    );
}
