/** The project's source files as text, and what they import. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';

export interface SourceFile {
  /** Relative to the project, with forward slashes: `src/tail/reader.ts`. */
  path: string;
  text: string;
  imports: readonly Import[];
}

export interface Import {
  /** Path of a file of the project, or the name of a package. */
  target: string;
  ours: boolean;
  typeOnly: boolean;
}

export const projectRoot = join(import.meta.dirname, '..', '..');

/** All files below the folders, whatever their kind. */
export function readSources(folders: readonly string[], root = projectRoot): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(root, folder, name),
      ),
    )
    .filter((file) => statSync(file).isFile())
    .sort()
    .map((file) => sourceFile(relative(root, file).split(sep).join('/'), readFileSync(file, 'utf8')));
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, imports: isCode(path) ? importsOf(path, text) : [] };
}

export function isCode(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}

/** Code without its comments: what they say is no import and no use. Strings are kept whole. */
export function withoutComments(text: string): string {
  return text.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[^]*?\*\/|(^|[\s;,(){}])\/\/[^\n]*/g,
    (_, string?: string, before?: string) => string ?? before ?? ' ',
  );
}

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, and `import('x')` also as a type. */
const importPattern =
  /\b(import|export)\s*(type\b)?(?:[^'"`;()=]*?\bfrom\s*|\s*\(\s*|\s*)(['"])([^'"\n]+)\3/g;

function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (const [, , type, , specifier = ''] of withoutComments(text).matchAll(importPattern)) {
    const ours = specifier.startsWith('.');
    const target = ours ? posix.normalize(posix.join(posix.dirname(path), specifier)) : specifier;
    imports.push({ target, ours, typeOnly: type !== undefined });
  }
  return imports;
}

/** `tail` of `src/tail/reader.ts`, `main` of `src/main.ts`, null outside of src. */
export function roomOf(path: string): string | null {
  const [top, room = ''] = path.split('/');
  if (top !== 'src') return null;
  return dirname(path) === 'src' ? room.replace(/\.[cm]?[jt]s$/, '') : room;
}
