import { CabooseError } from '../../src/core/errors.ts';
import type { Lane, Segment } from '../../src/core/segment.ts';
import type { Publisher } from '../../src/core/transport.ts';
import type { Life, Scheduler } from './scheduler.ts';

interface Sent {
  lane: Lane;
  segment: Segment;
  life: Life;
  acknowledge: () => void;
  refuse: () => void;
}

/**
 * A transport that stores segments in the order of publication, and may be away, refuse (then all that was handed over, in order), hold
 * acks back, store a segment twice, and store after its sender's death what was on the way.
 */
export class ModelTransport {
  /** Nothing is stored meanwhile. */
  away = false;
  /** Everything is refused meanwhile. */
  refuses = false;
  /** What is stored meanwhile is acknowledged later. */
  holdsAcks = false;
  /** This share of the segments is stored twice. */
  duplicateShare = 0;
  /** Raw bytes that were handed over and not acknowledged. */
  bytesUnderWay = 0;
  onStored: (segment: Segment, lane: Lane) => void = () => undefined;
  onHandedOver: (segment: Segment) => void = () => undefined;
  readonly #scheduler: Scheduler;
  #queue: Sent[] = [];
  #held: Sent[] = [];
  #busy = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  publisher(life: Life): Publisher {
    return {
      partitionFor: async () => {
        const partition = await life.step(() => 3);
        if (this.refuses) throw refusal();
        return partition;
      },
      publish: async (lane, _, segment) => {
        this.onHandedOver(segment);
        this.bytesUnderWay += segment.bytes.length;
        await new Promise<void>((resolve, reject) => {
          const settle = (done: () => void) => {
            if (life.dead) return;
            this.bytesUnderWay -= segment.bytes.length;
            done();
          };
          const acknowledge = () => settle(resolve);
          this.#queue.push({
            lane,
            segment,
            life,
            acknowledge,
            refuse: () => settle(() => reject(refusal())),
          });
          this.#pump();
        });
      },
      stop: async () => undefined,
    };
  }

  /** The sender is dead: of what was on the way, the first segments may still arrive, now or later; the rest is lost. */
  crash(life: Life): void {
    this.bytesUnderWay = 0;
    this.#held = this.#held.filter((sent) => sent.life !== life);
    const queued = this.#queue.filter((sent) => sent.life === life);
    this.#queue = this.#queue.filter((sent) => sent.life !== life);
    const { random } = this.#scheduler;
    const arriving = queued.slice(0, random.below(queued.length + 1));
    const delay = random.chance(0.3) ? random.below(3000) : 0;
    this.#scheduler.after(delay, () => {
      for (const sent of arriving) this.#store(sent);
    });
  }

  /** To be called when a fault has ended. */
  resume(): void {
    if (!this.holdsAcks) for (const sent of this.#held.splice(0)) this.#acknowledge(sent);
    this.#pump();
  }

  #pump(): void {
    if (this.#busy || this.away || this.#queue.length === 0) return;
    this.#busy = true;
    this.#scheduler.after(this.#scheduler.random.below(20), () => {
      this.#busy = false;
      if (this.away) return;
      if (this.refuses) for (const refused of this.#queue.splice(0)) refused.refuse();
      const sent = this.#queue.shift();
      if (sent) {
        this.#store(sent);
        if (this.#scheduler.random.chance(this.duplicateShare)) this.#store(sent);
        if (this.holdsAcks) this.#held.push(sent);
        else this.#acknowledge(sent);
      }
      this.#pump();
    });
  }

  #store({ lane, segment }: Sent): void {
    this.onStored({ ...segment, bytes: Buffer.from(segment.bytes) }, lane);
  }

  #acknowledge(sent: Sent): void {
    this.#scheduler.after(this.#scheduler.random.below(20), sent.acknowledge);
  }
}

function refusal(): CabooseError {
  return new CabooseError('REFUSED', 'the model transport refuses segments for a time', {
    retriable: false,
    hint: 'wait',
  });
}
