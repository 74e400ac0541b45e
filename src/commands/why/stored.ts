/** The incidents of a run that the index holds: those that are open first, each newest first. */
import { CabooseError } from '../../core/errors.ts';
import type { IncidentDocument } from '../../core/incident.ts';
import { adviceFor } from '../../train/incidents/advice.ts';
import { exitCodes } from '../command.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { openIndex } from '../wiring/index.ts';
import { quietLogger } from '../wiring/logger.ts';

export async function storedIncidents(
  context: CommandContext,
  run: string,
  json: boolean,
): Promise<ExitCode> {
  const config = await context.loadConfig({ needs: ['index'] });
  const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
  try {
    const incidents = await index.incidents(run);
    if (incidents.length === 0 && !(await index.runs()).some((known) => known.run === run))
      throw new CabooseError('RUN_UNKNOWN', `${run} is no path, and the index knows no run of that name`, {
        hint: 'caboose runs lists the runs; caboose why PATH reads files',
      });
    const output = new OutputBuffer(context.stdout);
    if (json) await output.add(`${JSON.stringify({ incidents: incidents.map(shown) })}\n`);
    else if (incidents.length === 0) await output.add(`${run}: the index holds no incident of it\n`);
    else for (const incident of incidents) await output.add(text(incident));
    await output.flush();
    return incidents.some(({ role, resolved }) => role === 'root' && resolved === null)
      ? exitCodes.found
      : exitCodes.ok;
  } finally {
    await index.close();
  }
}

function shown({ evidence, opened, ...incident }: IncidentDocument): unknown {
  const places = evidence.map(({ path, start, end }) => ({ file: path, start, end }));
  return { ...incident, time: opened, evidence: places, try: adviceFor(incident.class).tries };
}

function text({
  run,
  attempt,
  rank,
  class: name,
  message,
  evidence,
  opened,
  resolved,
}: IncidentDocument): string {
  const who = rank === null ? '' : `rank ${rank} · `;
  const until = resolved === null ? 'open' : `until ${new Date(resolved).toISOString()}`;
  const lines = [
    `${run}: ${who}${name}: ${adviceFor(name).title}`,
    `  ${message}`,
    `  attempt ${attempt} · since ${new Date(opened).toISOString()} · ${until}`,
    ...evidence.map(({ path, start, end }) => `  ${path}  (bytes ${start}–${end})`),
    ...adviceFor(name).tries.map((text) => `  - ${text}`),
  ];
  return `${lines.join('\n')}\n`;
}
