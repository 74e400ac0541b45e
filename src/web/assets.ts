import { readFileSync, readdirSync } from 'node:fs';
import { CabooseError } from '../core/errors.ts';

export interface Asset {
  type: string;
  body: Buffer;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The page's files by the path under which they are served. Throws CabooseError INSTALLATION_BROKEN. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const folder = new URL('./page/', import.meta.url);
  const assets = new Map<string, Asset>();
  for (const name of namesIn(folder)) {
    const type = types[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const path = name === 'index.html' ? '/' : `/assets/${name}`;
    assets.set(path, { type, body: readFileSync(new URL(name, folder)) });
  }
  return assets;
}

function namesIn(folder: URL): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new CabooseError('INSTALLATION_BROKEN', `the files of the page are not in ${folder.pathname}`, {
      cause: error,
      hint: 'Install Caboose anew; a build copies src/web/page to dist/web/page.',
    });
  }
}
