/** `caboose events`: how files are cut into events. A dry run: no config needed, no state kept. */
import { relative } from 'node:path';
import type { LogEvent } from '../core/event.ts';
import { jsonText } from '../core/fact.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command } from './command.ts';
import { eventsOf, filesUnder, readingRules } from './dry-run.ts';
import { OutputBuffer } from './output-buffer.ts';
import { withoutControls } from './terminal-text.ts';

export const command: Command = {
  name: 'events',
  usage: 'caboose events PATH… [--json]',
  help: `Shows how files, or all files under a directory, are cut into events: the log's lines with their level, tracebacks as one
event, the last state of a progress bar, records with their fields. Keeps no state and needs no server. With --json one
object a line: file, start, end (bytes; of the decompressed file, if it is one), part, time, level, kind, rank, logger,
message, fields.`,
  options: {},
  async run(context, args) {
    if (args.positionals.length === 0) throw usageError('events: which PATH?', 'name files or directories');
    const rules = await readingRules(context);
    const output = new OutputBuffer(context.stdout);
    for (const file of await filesUnder(context, args.positionals, rules)) {
      const name = relative(context.cwd, file.path);
      for await (const event of eventsOf(context, file, rules.timeZone)) {
        if (context.signal.aborted) break;
        await output.add(flag(args, 'json') ? `${eventJson(file.path, event)}\n` : eventText(name, event));
      }
    }
    await output.flush();
    return exitCodes.ok;
  },
};

function eventJson(file: string, event: LogEvent): string {
  const { start, end, part, time, level, kind, rank, logger, message, fields } = event;
  return jsonText({ file, start, end, part, time, level, kind, rank, logger, message, fields });
}

/** `train.log:1024-1187  error  traceback  message`; further lines of the message are indented. */
function eventText(name: string, event: LogEvent): string {
  const where = `${name}:${event.start}-${event.end}`;
  const message = withoutControls(event.message);
  const rank = event.rank === null ? '' : `rank ${event.rank}  `;
  const head = `${where.padEnd(40)}  ${(event.level ?? '-').padEnd(5)}  ${event.kind.padEnd(9)}  ${rank}`;
  return `${head}${message.replaceAll('\n', '\n    ')}\n`;
}
