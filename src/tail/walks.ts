import type { Clock } from '../core/clock.ts';
import type { Catalog } from './catalog.ts';
import type { CompressedFiles } from './compressed-files.ts';
import type { Discovery } from './discovery.ts';
import type { Endings } from './endings.ts';
import { hasUnread } from './followed-file.ts';
import type { Opener } from './opener.ts';
import type { Rounds } from './rounds.ts';
import type { Sender } from './sender.ts';
import type { Snapshots } from './snapshots.ts';
import type { Watcher } from './watcher.ts';

/**
 * Walks over the directories: what they find goes to the catalog, which says which file is which stream; of what they do not find any more
 * the rest is sent. When the next one is due: after a second, or later where a walk takes long.
 */
export interface WalksOptions {
  clock: Clock;
  watcher: Watcher;
}

export interface WalksParts {
  discovery: Discovery;
  snapshots: Snapshots;
  compressed: CompressedFiles;
  catalog: Catalog;
  endings: Endings;
  opener: Opener;
  sender: Sender;
  rounds: Rounds;
}

const intervalMinMs = 1000;
/** A walk may take this share of the time. The first one, which also warms everything up, does not count. */
const timeShare = 0.005;
/** They are no further apart than this for each name that one meets: a minute for ten thousand. */
const intervalMaxMsEach = 6;

export class Walks {
  readonly #options: WalksOptions;
  readonly #parts: WalksParts;
  /** Monotonic ms. */
  #nextAt = 0;
  #hasWalked = false;

  constructor(options: WalksOptions, parts: WalksParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Monotonic ms: when the next one is due. */
  get nextAt(): number {
    return this.#nextAt;
  }

  get hasWalked(): boolean {
    return this.#hasWalked;
  }

  /** The next one is due after so long at the latest. */
  hasten(ms = 0): void {
    this.#nextAt = ms === 0 ? 0 : Math.min(this.#nextAt, this.#options.clock.monotonic() + ms);
  }

  async walk(): Promise<void> {
    const { clock, watcher } = this.#options;
    const { discovery, snapshots, compressed, catalog, endings, sender, rounds } = this.#parts;
    const began = clock.monotonic();
    catalog.beginScan();
    const followed = snapshots.takeOut(await discovery.scan());
    watcher.follow(discovery.directories);
    const candidates = await compressed.show(followed, catalog.files.byKey);
    const isHidden = (path: string): boolean => discovery.isHidden(path);
    const lost = await catalog.reconcile(candidates, clock.monotonic(), isHidden);
    const gone = catalog.takeLost(clock.monotonic());
    for (const orphan of lost) await rounds.ship(await endings.giveUp(orphan));
    for (const file of gone) await rounds.ship(await endings.giveUpFile(file));
    if (!sender.room.isAmpleForAll) await this.#holdUnread();
    const tookMs = this.#hasWalked ? clock.monotonic() - began : 0;
    this.#hasWalked = true;
    // A busy machine stretches a walk's time, but not its work.
    const longestMs = Math.max(intervalMinMs, discovery.entries * intervalMaxMsEach);
    const wantedMs = Math.max(intervalMinMs, Math.min(tookMs / timeShare, longestMs));
    this.#nextAt = clock.monotonic() + (catalog.hasOrphans ? 0 : wantedMs);
  }

  /** While there is no room to read: opens what waits to be read, lest it be deleted meanwhile. */
  async #holdUnread(): Promise<void> {
    const { catalog, opener } = this.#parts;
    for (const file of catalog.files) {
      if (file.handle || file.spooled || !hasUnread(file)) continue;
      await opener.hold(file);
    }
  }
}
