import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadText } from '../../src/resources/reading.ts';

export const fixtures = join(import.meta.dirname, '..', 'fixtures', 'resources');

export function fixture(name: string): string {
  return readFileSync(join(fixtures, name), 'utf8');
}

/** Files by their paths; what is not among them is not there. */
export function textsOf(files: Readonly<Record<string, string>>): ReadText {
  return async (path) => files[path] ?? null;
}

/** All files of a fixture directory, as if they were below `at`. */
export function filesOf(directory: string, at: string): Record<string, string> {
  const root = join(fixtures, directory);
  if (!existsSync(root)) throw new Error(`there is no fixture ${directory}`);
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [join(at, path.slice(root.length)), readFileSync(path, 'utf8')];
    }),
  );
}
