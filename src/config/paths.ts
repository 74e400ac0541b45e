import { resolve } from 'node:path';
import type { Config, TlsConfig } from './schema.ts';

/** The config with every path absolute, and with Caboose's own directories among the excluded, lest it ships itself. */
export function absolutePaths(config: Config, cwd: string): Config {
  const absolute = (path: string) => resolve(cwd, path);
  const { source, transport, index, lease, state } = config;
  state.dir = absolute(state.dir);
  if (transport?.local) transport.local.dir = absolute(transport.local.dir);
  if (index?.local) index.local.dir = absolute(index.local.dir);
  for (const tls of [
    transport?.kafka?.tls,
    transport?.kafka?.second?.tls,
    index?.elasticsearch?.tls,
    lease?.zookeeper?.tls,
  ]) {
    if (tls) absoluteTls(tls, absolute);
  }
  if (source) {
    source.include = source.include.map(absolute);
    source.exclude = source.exclude.map((glob) => excludeGlob(glob, absolute));
    source.exclude.push(...ownDirectories(config).map((dir) => `${escapeGlob(dir)}/**`));
  }
  return config;
}

/** Where this Caboose itself writes. */
export function ownDirectories({ state, transport, index }: Config): string[] {
  return [state.dir, transport?.local?.dir, index?.local?.dir].filter((dir) => dir !== undefined);
}

function absoluteTls(tls: TlsConfig, absolute: (path: string) => string): void {
  if (tls.caFile !== undefined) tls.caFile = absolute(tls.caFile);
  if (tls.certFile !== undefined) tls.certFile = absolute(tls.certFile);
  if (tls.keyFile !== undefined) tls.keyFile = absolute(tls.keyFile);
}

/** `*.tmp` and `**`-patterns mean any directory; `old/*.log` means that one. */
function excludeGlob(glob: string, absolute: (path: string) => string): string {
  if (glob.startsWith('**')) return glob;
  return glob.includes('/') ? absolute(glob) : `**/${glob}`;
}

/** A path as a glob that matches just this path. */
export function escapeGlob(path: string): string {
  return path.replaceAll(/[\\*?[\]{}()!@+|]/g, '\\$&');
}
