/** Finds Java installations by version: JAVA_HOME, the usual folders of the platform, PATH. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const javaFolders = ['/usr/lib/jvm', '/opt/java', '/Library/Java/JavaVirtualMachines'];

export interface Java {
  home: string;
  /** Feature release: 17, 21, 25 … */
  version: number;
  java: string;
  /** The compiler, where the installation is a JDK. */
  javac: string | null;
}

/** The lowest version within the bounds, both inclusive; undefined if there is none. */
export async function findJava(lowest: number, highest = Infinity): Promise<Java | undefined> {
  const found = await installedJavas();
  return found.find(({ version }) => version >= lowest && version <= highest);
}

export async function findCompiler(lowest: number): Promise<string | undefined> {
  const found = await installedJavas();
  return found.find(({ version, javac }) => version >= lowest && javac !== null)?.javac ?? undefined;
}

let installed: Promise<Java[]> | undefined;

/** All installations, lowest version first. */
function installedJavas(): Promise<Java[]> {
  installed ??= (async () => {
    const javas = await Promise.all([...candidateHomes()].map(inspect));
    return javas.filter((java) => java !== null).sort((a, b) => a.version - b.version);
  })();
  return installed;
}

function candidateHomes(): Set<string> {
  const homes: string[] = [];
  if (process.env['JAVA_HOME']) homes.push(process.env['JAVA_HOME']);
  for (const folder of javaFolders) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      homes.push(join(folder, name), join(folder, name, 'Contents', 'Home'));
    }
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, 'java'))) {
      homes.push(dirname(dirname(realpathSync(join(folder, 'java')))));
    }
  }
  return new Set(homes.filter((home) => existsSync(join(home, 'bin', 'java'))).map((h) => realpathSync(h)));
}

async function inspect(home: string): Promise<Java | null> {
  const version = versionOfRelease(home) ?? (await versionOfCommand(home));
  if (version === null) return null;
  const javac = join(home, 'bin', 'javac');
  return { home, version, java: join(home, 'bin', 'java'), javac: existsSync(javac) ? javac : null };
}

function versionOfRelease(home: string): number | null {
  const path = join(home, 'release');
  return existsSync(path) ? featureRelease(readFileSync(path, 'utf8'), /JAVA_VERSION="([^"]+)"/) : null;
}

async function versionOfCommand(home: string): Promise<number | null> {
  try {
    const { stderr } = await run(join(home, 'bin', 'java'), ['-version'], { timeout: 20_000 });
    return featureRelease(stderr, /version "([^"]+)"/);
  } catch (error) {
    console.error(`${home} holds a Java that does not run, and is left out: ${String(error)}`);
    return null;
  }
}

function featureRelease(text: string, pattern: RegExp): number | null {
  const version = pattern.exec(text)?.[1]?.replace(/^1\./, '');
  const release = Number.parseInt(version ?? '', 10);
  return Number.isNaN(release) ? null : release;
}
