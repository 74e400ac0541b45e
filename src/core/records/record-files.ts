import type { Framing } from './framing.ts';
import { tfRecordFraming } from './tfrecord.ts';
import { wandbFraming } from './wandb-log.ts';

/** As W&B calls the log of a run, and that when it was compressed. */
export const wandbName = /\.wandb(?:\.gz|\.zst)?$/;

/** The data of a record is looked at only where something may be masked in it. */
const tfRecords = tfRecordFraming({ checksData: false });

/** How a file's records are framed, by its name; null: it has none. What is in it may be something else all the same. */
export function recordFramingOf(path: string): Framing | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name.includes('tfevents')) return tfRecords;
  return wandbName.test(name) ? wandbFraming : null;
}
