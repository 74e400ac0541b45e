/**
 * What servers are made of, fetched by Maven once into a cache directory outside of the project. A preparation works in
 * a temporary directory and is renamed into place when complete: two at the same time both succeed, one is kept.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const mavenTimeoutMs = 300_000;

/** Something is missing on this machine: the message says what, and what to install. */
export class ServerUnavailable extends Error {
  override name = 'ServerUnavailable';
}

export interface Parts {
  name: string;
  /** Files that the result depends on: when one changes, it is made anew. The first is the Maven project. */
  inputs: readonly string[];
  properties?: Readonly<Record<string, string>>;
  /** Arranges the jars, which are in `lib/` below the directory, further. */
  arrange?: (directory: string) => Promise<void>;
}

/** The directory with the parts, jars in `lib/`. Rejects with ServerUnavailable if they cannot be had. */
export async function prepareParts(parts: Parts): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'caboose-test-servers');
  const target = join(cache, `${parts.name}-${keyOf(parts)}`);
  if (existsSync(target)) return target;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `.preparing-${parts.name}-`));
  try {
    await fetchJars(parts, join(work, 'lib'));
    await parts.arrange?.(work);
    await rename(work, target);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

function keyOf({ inputs, properties }: Parts): string {
  const hash = createHash('sha256').update(JSON.stringify(properties ?? {}));
  for (const path of inputs) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex').slice(0, 12);
}

async function fetchJars({ name, inputs, properties = {} }: Parts, directory: string): Promise<void> {
  const [project] = inputs;
  if (project === undefined) throw new Error(`${name} has no Maven project`);
  const settings = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`);
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${directory}`, '-DincludeScope=runtime'];
  try {
    await run('mvn', ['-B', '-ntp', '-q', '-f', project, ...settings, ...goal], { timeout: mavenTimeoutMs });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ServerUnavailable('Maven was not found; install it (Debian: apt-get install maven)', {
        cause: error,
      });
    }
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : String(error);
    const [firstLine] = output.split('\n');
    throw new ServerUnavailable(
      `Maven could not fetch it; check the network, or Maven's settings: ${firstLine}`,
      {
        cause: error,
      },
    );
  }
}
