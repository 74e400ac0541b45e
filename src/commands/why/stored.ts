/**
 * What went wrong in a run that the index knows: the incidents that the leader has written; where there are none, what the rules find in the
 * run's facts now, if the config has a transport that holds them.
 */
import type { Config } from '../../config/schema.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { RunSummary } from '../../core/event-index.ts';
import type { Incident } from '../../core/incident.ts';
import { adviceFor } from '../../train/incidents/advice.ts';
import { describeCause, foundIn, idOf } from '../../train/live/describe-cause.ts';
import { RunFacts } from '../../train/live/run-facts.ts';
import { exitCodes } from '../command.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { openIndex } from '../wiring/index.ts';
import { quietLogger } from '../wiring/logger.ts';
import { openTransport } from '../wiring/transport.ts';
import { incidentsText } from './print-stored.ts';

/** By wall clocks of two machines. */
const beforeRunMs = 3_600_000;
const readingMsMax = 60_000;

export async function storedIncidents(
  context: CommandContext,
  run: string,
  json: boolean,
): Promise<ExitCode> {
  const config = await context.loadConfig({ needs: ['index'] });
  const { stored, summary } = await ask(context, config, run);
  if (stored.length === 0 && summary === undefined)
    throw new CabooseError('RUN_UNKNOWN', `${run} is no path, and the index knows no run of that name`, {
      hint: 'caboose runs lists the runs; caboose why PATH reads files',
    });
  const isStored = stored.length > 0;
  const found = isStored || summary === undefined ? [] : await readFacts(context, config, summary);
  const incidents: readonly Incident[] = isStored ? stored : found;
  const output = new OutputBuffer(context.stdout);
  if (json) await output.add(`${JSON.stringify({ incidents: incidents.map(shown) })}\n`);
  else await output.add(incidentsText(run, incidents, isStored));
  await output.flush();
  return incidents.some(({ role, resolved }) => role === 'root' && resolved === null)
    ? exitCodes.found
    : exitCodes.ok;
}

async function ask(
  context: CommandContext,
  config: Config,
  run: string,
): Promise<{ stored: Incident[]; summary: RunSummary | undefined }> {
  const index = await openIndex(config, { clock: context.clock, logger: quietLogger(context, config) });
  try {
    const stored = await index.incidents(run);
    const summary = (await index.runs()).find((known) => known.run === run);
    return { stored, summary };
  } finally {
    await index.close();
  }
}

/** What the rules find in the run as it is now. */
async function readFacts(
  context: CommandContext,
  config: Config,
  { run, first }: RunSummary,
): Promise<Incident[]> {
  if (config.transport === undefined) return [];
  const { clock } = context;
  const transport = await openTransport(config, { clock, logger: quietLogger(context, config) });
  const facts = new RunFacts(first);
  const timeout = AbortSignal.timeout(readingMsMax);
  const signal = AbortSignal.any([context.signal, timeout]);
  try {
    for await (const some of transport.facts.read({ since: first - beforeRunMs, signal }))
      for (const fact of some) if (fact.run === run) facts.take(fact, clock.monotonic(), null);
    if (timeout.aborted) await tellUnread(context, `they were not read within ${readingMsMax / 1000} s`);
  } catch (error) {
    await tellUnread(context, errorText(error));
  } finally {
    await transport.close();
  }
  return facts
    .verdicts(clock.now())
    .flatMap(foundIn)
    .map((found) => {
      const description = describeCause(found, (fact) => facts.streamOf(fact));
      return { id: idOf(run, found), run, ...description, opened: found.cause.time, resolved: null };
    });
}

async function tellUnread({ stderr }: CommandContext, reason: string): Promise<void> {
  await stderr.write(
    `the index holds no incident of it, and the facts of the run could not be read: ${reason}\n`,
  );
}

function shown({ evidence, echo = [], told: _told, details, ...incident }: Incident): unknown {
  const { title, tries } = adviceFor(incident.class, details, incident.message);
  return {
    ...incident,
    title,
    time: incident.time ?? incident.opened,
    evidence: evidence.map(placeOf),
    echo: echo.map(({ evidence: place, ...what }) => ({ ...what, evidence: [placeOf(place)] })),
    try: tries,
  };
}

function placeOf({ path, start, end }: Incident['evidence'][number]): unknown {
  return { file: path, start, end };
}
