/**
 * `caboose cat`: the original bytes, from the transport. One pass over the transport spools the streams that are meant;
 * then they are written file after file, each byte once. A range that is missing is told on stderr and skipped.
 * `--follow` goes on with what comes, in the order in which it comes.
 */
import { CabooseError } from '../core/errors.ts';
import type { Segment, SegmentHeader } from '../core/segment.ts';
import type { SegmentScanner } from '../core/transport.ts';
import { exitCodes, flag, moment, text, usageError } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { Spool, type SpooledStream } from './original-bytes/spool.ts';
import { inFileOrder } from './original-bytes/stream-order.ts';
import { targetOf, winsOver, type Meaning } from './original-bytes/target.ts';
import { quietLogger } from './wiring/logger.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'cat',
  usage: 'caboose cat RUN|STREAM|FILE [--run RUN] [--since TIME] [--follow] [--latest]',
  help: `Prints the original bytes as they were carried, byte for byte, from the transport. A RUN: file after file, the streams
of one file (its rotations and rewrites) in the order of their creation, each byte once. A STREAM: its id of 32 hex
digits. A FILE: its path, or the last parts of it. A word that fits several is taken as a stream, else a run, else a file.
Ranges that are missing are told on stderr and skipped. Without --config it reads ./caboose-data/transport.`,
  options: {
    run: {
      type: 'string',
      value: 'RUN',
      help: 'only of this run, for a FILE that several runs have written',
    },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'only what was published since: 90s, 2h, 3d, or 2026-11-23T10:00:00Z',
    },
    follow: { type: 'boolean', short: 'f', help: 'go on with what comes, in the order in which it comes' },
    latest: { type: 'boolean', help: 'of a file that is rewritten as a whole, only the last state' },
  },
  async run(context, args) {
    const [word, ...more] = args.positionals;
    if (word === undefined || more.length > 0)
      throw usageError('give one RUN, STREAM or FILE', '`caboose runs` lists the runs');
    const since = moment(args, 'since', context.clock.now());
    const config = await context.loadConfig({ needs: ['transport'] });
    const transport = await openTransport(config, {
      clock: context.clock,
      logger: quietLogger(context, config),
    });
    const request: Request = {
      word,
      run: text(args, 'run'),
      since,
      isFollowing: flag(args, 'follow'),
      isLatest: flag(args, 'latest'),
    };
    try {
      await printBytes(transport.scanner, request, context);
    } finally {
      await transport.close();
    }
    return exitCodes.ok;
  },
};

export interface Request {
  word: string;
  run: string | undefined;
  /** ms since epoch */
  since: number | undefined;
  isFollowing: boolean;
  isLatest: boolean;
}

type CatContext = Pick<CommandContext, 'stdout' | 'stderr' | 'signal' | 'clock' | 'cwd'>;

/** Throws NOT_FOUND when nothing is meant by the word (unless it follows), INTERRUPTED when stopped before the end. */
export async function printBytes(
  scanner: SegmentScanner,
  request: Request,
  context: CatContext,
): Promise<void> {
  const startedAt = context.clock.now();
  const spool = await Spool.create();
  try {
    const meaning = await fill(spool, scanner, request, context);
    if (meaning === null && !request.isFollowing) throw notFound(request.word);
    const streams = ordered(spool.streams, request.isLatest);
    for (const stream of streams) await writeStream(spool, stream, request, context);
    const ends = new Map(spool.streams.map((stream) => [stream.header.stream, stream.end]));
    await spool.close();
    if (request.isFollowing) await follow(scanner, request, { meaning, ends, startedAt }, context);
  } finally {
    await spool.close();
  }
}

/** Spools every stream of the strongest meaning that the word has in this transport, and says which that is. */
async function fill(
  spool: Spool,
  scanner: SegmentScanner,
  { word, run, since }: Request,
  { cwd, signal, stderr }: CatContext,
): Promise<Meaning | null> {
  const target = targetOf(word, cwd);
  let best: Meaning | null = null;
  let rejected = 0;
  const match = (header: SegmentHeader) => {
    const meaning = run === undefined || header.run === run ? target(header) : null;
    return meaning !== null && (best === null || !winsOver(best, meaning));
  };
  const options = {
    match,
    signal,
    onRejected: () => void (rejected += 1),
    ...(since === undefined ? {} : { since }),
  };
  for await (const { segment } of scanner.scan(options)) {
    const meaning = target(segment);
    if (meaning === null || (best !== null && winsOver(best, meaning))) continue;
    if (best !== null && winsOver(meaning, best))
      for (const weaker of spool.streams) await spool.drop(weaker);
    best = meaning;
    await spool.add(segment);
  }
  if (signal.aborted) throw interrupted();
  if (rejected > 0)
    await stderr.write(`caboose: ${rejected} records of the transport are no segments; skipped\n`);
  return best;
}

function ordered(streams: readonly SpooledStream[], isLatest: boolean): SpooledStream[] {
  const byId = new Map(streams.map((stream) => [stream.header.stream, stream]));
  const headers = inFileOrder(streams.map((stream) => stream.header));
  const lastStates = new Map(
    headers.filter((header) => header.snapshot).map((header) => [fileOf(header), header]),
  );
  const wanted = headers.filter(
    (header) => !isLatest || (lastStates.get(fileOf(header)) ?? header) === header,
  );
  return wanted.flatMap((header) => byId.get(header.stream) ?? []);
}

function fileOf({ source, path }: SegmentHeader): string {
  return `${source}\n${path}`;
}

async function writeStream(
  spool: Spool,
  stream: SpooledStream,
  request: Request,
  context: CatContext,
): Promise<void> {
  const { stdout, stderr, signal } = context;
  const first = Math.min(...[...stream.kept, ...stream.gaps].map((range) => range.start), stream.end);
  // What --since leaves out is not missing.
  const from = request.since === undefined ? 0 : first;
  for await (const piece of spool.read(stream, from)) {
    if (signal.aborted) throw interrupted();
    if (Buffer.isBuffer(piece)) await stdout.write(piece);
    else await stderr.write(missingText(stream.header, piece.start, piece.end, piece.reason));
  }
}

/** A broker's clock may differ from ours; what the second pass finds again is trimmed. */
const overlapMs = 600_000;

async function follow(
  scanner: SegmentScanner,
  { word, run }: Request,
  so: { meaning: Meaning | null; ends: Map<string, number>; startedAt: number },
  { stdout, stderr, signal, cwd }: CatContext,
): Promise<void> {
  const target = targetOf(word, cwd);
  let meaning = so.meaning;
  const match = (header: SegmentHeader) => {
    const found = run === undefined || header.run === run ? target(header) : null;
    return (
      found !== null &&
      (meaning === null || found === meaning) &&
      header.end > (so.ends.get(header.stream) ?? 0)
    );
  };
  for await (const { segment } of scanner.scan({
    match,
    since: so.startedAt - overlapMs,
    follow: true,
    signal,
  })) {
    meaning ??= target(segment);
    const position = so.ends.get(segment.stream) ?? 0;
    if (segment.end <= position) continue;
    if (segment.start > position)
      await stderr.write(missingText(segment, position, segment.start, 'missing'));
    if (segment.gap === null) await stdout.write(newBytes(segment, position));
    else
      await stderr.write(missingText(segment, Math.max(position, segment.start), segment.end, segment.gap));
    so.ends.set(segment.stream, segment.end);
  }
}

function newBytes({ bytes, start }: Segment, position: number): Buffer {
  return bytes.subarray(Math.max(0, position - start));
}

const reasonTexts = {
  truncated: 'truncated before they could be read',
  hole: 'a hole in the file',
  gone: 'the file was gone before they could be read',
  'spool-full': 'the spool of the agent was full',
  missing: 'not in the transport (any more)',
} as const;

function missingText(
  header: SegmentHeader,
  start: number,
  end: number,
  reason: keyof typeof reasonTexts,
): string {
  const range = `bytes ${start} to ${end} (${end - start})`;
  return `caboose: ${header.path}, stream ${header.stream}: ${range} are missing: ${reasonTexts[reason]}\n`;
}

function notFound(word: string): CabooseError {
  return new CabooseError('NOT_FOUND', `the transport has no run, stream or file "${word}"`, {
    hint: '`caboose runs` lists the runs; a FILE is the path that the agent saw; --config says which transport',
  });
}

function interrupted(): CabooseError {
  return new CabooseError('INTERRUPTED', 'stopped before the end', { retriable: true });
}
