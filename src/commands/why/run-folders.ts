/** Which files belong to which run, by where they lie: a directory is one run, or one that holds a directory a run. */
import { basename, dirname, relative, sep } from 'node:path';
import type { DryRunFile } from '../dry-run.ts';

export interface RunFiles {
  run: string;
  files: DryRunFile[];
}

/** Programs and settings are no logs, though they may quote what a log says. */
const programText =
  /\.(?:py|pyi|ipynb|md|rst|ya?ml|toml|cfg|ini|sh|bash|c|cc|cpp|cu|cuh|h|hpp|rs|go|js|ts|html?|css|lock|patch|diff)$/i;

/** Directories that a run makes for its parts: launchers', loggers', trackers' and trainers' own. */
const partOfRun =
  /^(?:\d{1,8}|[._].*|(?:attempt|rank|node|worker|host|task|job|restart|pod|version|checkpoint|epoch|step|global_step|offline-run|run-\d{8})[-_.]?\w*|logs?|output?s?|out|err|std(?:out|err)|files|tb|tensorboard|events|metrics|csv|ds_\w+|runs|ckpts?|checkpoints?|wandb|mlruns|lightning_logs|truth|results?|train|val|validation|eval|test|debug|profiler?)$/i;

/** torchrun's `<id>_<8 characters>`, with a folder for each attempt in it (torch/distributed/elastic/agent/server/local_elastic_agent.py). */
const torchrunFolder = /_[a-z0-9_]{8}$/;
const attemptFolder = /^attempt_\d{1,6}$/;

/** `root`: the path that was given, absolute; `isDirectory`: it is one. */
export function runsUnder(root: string, files: readonly DryRunFile[]): RunFiles[] {
  const logs = files.filter(({ path }) => path === root || !programText.test(path));
  let folder = root;
  for (;;) {
    const groups = new Map<string, DryRunFile[]>();
    for (const file of logs) {
      const name = partBelow(folder, file.path);
      groups.set(name, [...(groups.get(name) ?? []), file]);
    }
    const names = [...groups.keys()];
    const isPart = ([name, files]: [string, readonly DryRunFile[]]) =>
      partOfRun.test(name) || isOfTorchrun(`${folder}${sep}${name}`, files);
    if (names.includes('') || [...groups].some(isPart) || names.length === 0)
      return [{ run: basename(root), files: logs }];
    if (names.length > 1) return [...groups].map(([run, files]) => ({ run, files }));
    folder = `${folder}${sep}${names[0] ?? ''}`;
  }
}

function isOfTorchrun(folder: string, files: readonly DryRunFile[]): boolean {
  return (
    torchrunFolder.test(folder) && files.every(({ path }) => attemptFolder.test(partBelow(folder, path)))
  );
}

/** The first directory below the folder on the way to the file; empty for a file that lies in the folder itself. */
function partBelow(folder: string, path: string): string {
  if (path === folder || dirname(path) === folder) return '';
  return relative(folder, path).split(sep)[0] ?? '';
}
