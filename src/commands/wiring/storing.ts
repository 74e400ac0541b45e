import type { Clock } from '../../core/clock.ts';
import { letterId } from '../../core/dead-letters.ts';
import type { LogEvent } from '../../core/event.ts';
import type { EventIndex, IndexItem, ItemResult, WriteOptions } from '../../core/event-index.ts';
import type { Fact } from '../../core/fact.ts';
import { isResource } from '../../core/resources.ts';
import type { DeadLetter, DeadLetterLog, EventLog, FactLog } from '../../core/transport.ts';
import { refusedLetter } from './letters.ts';
import { itemsOf } from './reading.ts';
import type { SegmentReading } from './reading.ts';

/**
 * What a batch gives, on its way into the index, and then into the logs: in chunks, in order, each while the next is being read; what the logs
 * are given, while the next is on its way into the index. A chunk is small enough that making its documents does not hold the event loop up.
 */
export interface StoringOptions extends WriteOptions {
  index: EventIndex;
  facts: FactLog;
  events?: EventLog;
  deadLetters: DeadLetterLog;
  clock: Clock;
  signal: AbortSignal;
  /** Looks at what the index said; throws when the batch is to wait. */
  check: (items: readonly IndexItem[], results: readonly ItemResult[]) => void;
  /** Chunks of this batch whose facts and letters are appended: a batch that waits comes again every few seconds. */
  told: Set<string>;
  /** Told of each chunk, when it is stored. */
  onStored: (closed: readonly LogEvent[], points: number) => void;
}

interface Chunk {
  items: IndexItem[];
  closed: LogEvent[];
  facts: Fact[];
  letters: DeadLetter[];
  /** Of the events, in characters. */
  textLength: number;
}

type Given = Pick<SegmentReading, 'closed' | 'facts' | 'letters'> & Partial<Pick<SegmentReading, 'document'>>;

const chunkItemsMax = 1_000;
/** Events may be of 256 KiB each. */
const chunkTextLengthMax = 2 * 1024 * 1024;

export class Storing {
  /** All facts, and all letters, of the batch. */
  readonly facts: Fact[] = [];
  readonly letters: DeadLetter[] = [];
  readonly #options: StoringOptions;
  #chunk = emptyChunk();
  #writing: Promise<unknown> = Promise.resolve();
  #telling: Promise<void> = Promise.resolve();

  constructor(options: StoringOptions) {
    this.#options = options;
  }

  /** Rejects with the failure of an earlier chunk. */
  async add({ closed, facts, letters, document }: Given): Promise<void> {
    const chunk = this.#chunk;
    for (const item of itemsOf(closed, facts, document?.indexPrefix)) chunk.items.push(item);
    for (const event of closed) {
      chunk.closed.push(event);
      chunk.textLength += event.message.length;
    }
    for (const fact of facts) chunk.facts.push(fact);
    chunk.letters.push(...letters);
    const items = chunk.closed.length + chunk.facts.length;
    if (items >= chunkItemsMax || chunk.textLength >= chunkTextLengthMax) await this.#storeNext();
  }

  /** Resolves when all of it is stored. */
  async finish(): Promise<void> {
    await this.#storeNext();
    await this.#telling;
  }

  async #storeNext(): Promise<void> {
    const chunk = this.#chunk;
    this.#chunk = emptyChunk();
    await this.#writing;
    const before = this.#telling;
    const written = writeItems(this.#options, chunk.items);
    this.#writing = Promise.all([written, before]);
    this.#telling = this.#tell(chunk, written, before);
    // Whoever waits for it is told; until then it must not count as unhandled.
    this.#writing.catch(() => undefined);
    this.#telling.catch(() => undefined);
  }

  /** When the chunk is written, and the one before it is told of. */
  async #tell(
    { closed, facts, letters }: Chunk,
    written: Promise<DeadLetter[]>,
    before: Promise<void>,
  ): Promise<void> {
    const { deadLetters, events, told, onStored } = this.#options;
    const [refused] = await Promise.all([written, before]);
    const all = [...letters, ...refused];
    const tale = [closed[0]?.id, closed.at(-1)?.id, facts.at(-1)?.id, ...all.map(letterId)].join(' ');
    if (!told.has(tale)) {
      await Promise.all([appendFacts(this.#options.facts, facts), events?.append(closed)]);
      if (all.length > 0) await deadLetters.append(all);
      told.add(tale);
    }
    for (const fact of facts) this.facts.push(fact);
    this.letters.push(...all);
    onStored(closed, facts.filter(({ kind }) => kind === 'point').length);
  }
}

/** The log of facts is for what runs say; whoever wants every sample reads its stream. */
export async function appendFacts(log: FactLog, facts: readonly Fact[]): Promise<void> {
  const said = facts.filter((fact) => fact.kind !== 'point' || !isResource(fact));
  if (said.length > 0) await log.append(said);
}

type WritingOptions = Pick<StoringOptions, 'index' | 'clock' | 'signal' | 'soon'> &
  Partial<Pick<StoringOptions, 'check'>>;

/** Writes items and returns the letters of those that the index refuses for good. */
export async function writeItems(
  { index, clock, signal, soon, check }: WritingOptions,
  items: readonly IndexItem[],
): Promise<DeadLetter[]> {
  if (items.length === 0) return [];
  const results = await index.write(items, signal, soon === undefined ? {} : { soon });
  check?.(items, results);
  return results.flatMap((result, i) => {
    const item = items[i];
    return result.status === 'rejected' && item ? [refusedLetter(item, result.reason, clock.now())] : [];
  });
}

function emptyChunk(): Chunk {
  return { items: [], closed: [], facts: [], letters: [], textLength: 0 };
}
