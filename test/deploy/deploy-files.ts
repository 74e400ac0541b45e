import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const deployDir = fileURLToPath(new URL('../../deploy/', import.meta.url));

export const readDeployFile = (name: string): string => readFileSync(`${deployDir}${name}`, 'utf8');

export function deployFiles(ending: string): string[] {
  return readdirSync(deployDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith(ending),
  );
}

/** The documents of a YAML file as plain data, of which tests look at this and that. */
export function yamlDocuments(name: string): Tree[] {
  const documents = parseAllDocuments(readDeployFile(name), { merge: true, prettyErrors: true });
  if (!Array.isArray(documents)) throw new Error(`${name} is empty`);
  return documents.map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problem;
    return document.toJS() as Tree;
  });
}

export interface Tree {
  [key: string]: any; // oxlint-disable-line typescript/no-explicit-any -- manifests of others' schemas
}
