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
  /^(?:\d{1,8}|[._].*|(?:attempt|rank|node|worker|host|task|job|restart|pod|version|checkpoint|epoch|step|global_step|offline-run|run-\d{8})[-_.]?\w*|.*_[a-z0-9_]{8}|logs?|output?s?|out|err|std(?:out|err)|files|tb|tensorboard|events|metrics|csv|ds_\w+|runs|ckpts?|checkpoints?|wandb|mlruns|lightning_logs|truth|results?|train|val|validation|eval|test|debug|profiler?)$/i;

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
    if (names.includes('') || names.some((name) => partOfRun.test(name)) || names.length === 0)
      return [{ run: basename(root), files: logs }];
    if (names.length > 1) return [...groups].map(([run, files]) => ({ run, files }));
    folder = `${folder}${sep}${names[0] ?? ''}`;
  }
}

/** The first directory below the folder on the way to the file; empty for a file that lies in the folder itself. */
function partBelow(folder: string, path: string): string {
  if (path === folder || dirname(path) === folder) return '';
  return relative(folder, path).split(sep)[0] ?? '';
}
