import { stat } from 'node:fs/promises';
import { errorText } from '../../core/errors.ts';
import { usageError } from '../command.ts';

/**
 * What is followed below a directory that is named on the command line: what trainers write as logs and metrics. Checkpoints,
 * data and code are not; name them in source.include if they are meant.
 */
const namesOfLogs = [
  '*.{log,txt,out,err,stdout,stderr,jsonl,ndjson,csv,tsv}',
  '*.log[.-]*[0-9]',
  '{stdout,stderr,console,output}*',
  'slurm-*',
  '*tfevents*',
  '*.wandb',
  // MLflow's file store: a file for each metric of a run, whose directory is 32 hexadecimal digits.
  `${'[0-9a-f]'.repeat(32)}/metrics/**/*`,
  '{trainer_state,all_results,train_results,eval_results,metrics,wandb-summary}.json',
];

/** Include patterns for the paths of a command line: a file as it is, a directory by the names above. Throws USAGE. */
export async function includeOf(paths: readonly string[]): Promise<string[]> {
  const include: string[] = [];
  for (const path of paths) {
    const isDirectory = await stat(path).then(
      (found) => found.isDirectory(),
      (error: unknown) => {
        throw usageError(`${path}: ${errorText(error)}`, 'name a file or a directory that is there');
      },
    );
    const literal = path.replaceAll(/[*?{}()[\]!\\]/g, String.raw`\$&`).replace(/\/$/, '');
    if (isDirectory) include.push(...namesOfLogs.map((name) => `${literal}/**/${name}`));
    else include.push(literal);
  }
  return include;
}
