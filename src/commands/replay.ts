import type { Clock } from '../core/clock.ts';
import { letterId } from '../core/dead-letters.ts';
import { CabooseError, errorCode, errorText } from '../core/errors.ts';
import type { EventIndex, IndexItem } from '../core/event-index.ts';
import type { Logger } from '../core/logger.ts';
import type { Segment } from '../core/segment.ts';
import type { StreamDocument } from '../core/stream-document.ts';
import type { DeadLetter, DeadLetterLog } from '../core/transport.ts';
import { exitCodes, flag, usageError } from './command.ts';
import type { Command } from './command.ts';
import { readBook, select } from './dead-letters/select.ts';
import { openEvents } from '../events/take-in.ts';
import { openIndex } from './wiring/index.ts';
import { refusedLetter } from './wiring/letters.ts';
import { quietLogger } from './wiring/logger.ts';
import { itemsOf, openSaid, readSegment } from './wiring/reading.ts';
import { eventRules } from './wiring/redaction.ts';
import { router } from './wiring/routes.ts';
import { openTransport } from './wiring/transport.ts';

/** Items are written when so many have come together. */
const itemsMax = 2_000;
/** Of what is refused again, so many are told; all are counted. */
const lettersMax = 1_000;

export const command: Command = {
  name: 'replay',
  usage: 'caboose replay RUN [--config FILE]',
  help:
    "Deletes a run's events, points and stream documents, reads its segments from the transport again with today's parsers, and " +
    'writes them anew. The bytes are not touched. An indexer may go on meanwhile.',
  options: {},
  async run(context, args) {
    const [run, ...rest] = args.positionals;
    if (run === undefined || rest.length > 0)
      throw usageError('replay takes one RUN', 'caboose runs lists them');
    const config = await context.loadConfig({ needs: ['transport', 'index'] });
    const logger = quietLogger(context, config);
    const { clock, signal, stdout } = context;
    const reading = eventRules(config);
    const transport = await openTransport(config, { clock, logger });
    const index = await openIndex(config, { clock, logger });
    try {
      await index.prepare(signal);
      const held = await transportHolds(
        transport.scanner.scan({ match: (header) => header.run === run, signal }),
      );
      if (!held) {
        throw new CabooseError('RUN_UNKNOWN', `the transport holds no segment of the run ${run}`, {
          hint: 'caboose runs lists what the index knows; older segments may have been dropped by retention. Nothing was deleted',
        });
      }
      // Where streams are is decided once: a replay leaves them there, whatever the routes say now.
      const places = await indexPrefixesOf(index, run);
      const destinationOf = router(config.routes);
      const indexPrefixOf = (segment: Segment) =>
        places.has(segment.stream) ? places.get(segment.stream) : destinationOf(segment).indexPrefix;
      const deleted = await index.deleteRun(run);
      const documents = new Map<string, StreamDocument>();
      const waiting: IndexItem[] = [];
      const counts = { segments: 0, events: 0, points: 0, refused: 0 };
      const letters: DeadLetter[] = [];
      const write = async (items: readonly IndexItem[]) => {
        const results = await index.write(items, signal);
        for (const [i, item] of items.entries()) {
          const result = results[i];
          if (result?.status !== 'rejected') continue;
          counts.refused += 1;
          if (letters.length < lettersMax) letters.push(refusedLetter(item, result.reason, clock.now()));
        }
      };
      for await (const carried of transport.scanner.scan({ match: (header) => header.run === run, signal })) {
        const { stream } = carried.segment;
        const { snapshot, previous } = carried.segment;
        const read = readSegment(documents.get(stream) ?? null, carried, {
          ...reading,
          now: clock.now(),
          indexPrefixOf,
          previous: snapshot ? documents.get(previous ?? '') : undefined,
        });
        documents.set(stream, read.document);
        // A segment may hold more events than a call may have arguments.
        for (const item of itemsOf(read.closed, read.facts, read.document.indexPrefix)) waiting.push(item);
        counts.segments += 1;
        counts.events += read.closed.length;
        counts.points += read.facts.filter(({ kind }) => kind === 'point').length;
        if (waiting.length >= itemsMax) await write(waiting.splice(0));
      }
      for (const document of documents.values())
        waiting.push(...openSaid(document, openEvents(document, reading), reading.ownReaders).items);
      await write(waiting);
      await write([...documents.values()].map((document) => ({ kind: 'stream', document })));
      await tellLetters(transport.deadLetters, run, letters, { clock, logger, signal });
      const result = { run, deleted, streams: documents.size, ...counts };
      await stdout.write(
        flag(args, 'json')
          ? `${JSON.stringify(result)}\n`
          : `${run}: ${deleted} documents deleted; ${counts.segments} segments of ${documents.size} streams read again: ` +
              `${counts.events} events, ${counts.points} points${counts.refused > 0 ? `, ${counts.refused} refused by the index` : ''}\n`,
      );
      return counts.refused > 0 ? exitCodes.found : exitCodes.ok;
    } finally {
      await transport.close();
      await index.close();
    }
  },
};

async function indexPrefixesOf(index: EventIndex, run: string): Promise<Map<string, string | undefined>> {
  const places = new Map<string, string | undefined>();
  await index.refresh();
  for await (const { stream, indexPrefix } of index.streams({ run })) places.set(stream, indexPrefix);
  return places;
}

/**
 * What was refused before was written anew with all else, or refused again: its letters are done with, or written again. Where another
 * process owns the log they stay open, and their replay finds them held.
 */
async function tellLetters(
  log: DeadLetterLog,
  run: string,
  refused: readonly DeadLetter[],
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  const again = new Set(refused.map(letterId));
  const open = select((await readBook(log, signal)).open, { run, kind: 'document', ids: [] });
  const done = open.filter(({ id }) => !again.has(id));
  if (done.length + refused.length === 0) return;
  try {
    const time = clock.now();
    await log.mark(
      done.map(({ id, stream }) => ({ kind: 'mark', letter: id, stream, outcome: 'replayed', time })),
    );
    await log.append(refused);
  } catch (error) {
    if (errorCode(error) !== 'LOCKED') throw error;
    const hint = 'stop caboose up, then run caboose dead-letters replay';
    logger.warn({ reason: errorText(error), hint }, 'the dead letters of the run could not be marked');
  }
}

async function transportHolds(segments: AsyncIterable<unknown>): Promise<boolean> {
  for await (const segment of segments) return segment !== undefined;
  return false;
}
