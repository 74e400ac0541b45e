/**
 * The election over one session, by the recipe: candidates are ephemeral sequential nodes under `<path>/election`, the
 * lowest leads, each watches only the one before it. A candidate's name begins with a GUID of its session, so that its
 * node is found again when the reply to create is lost. Functions of (session, paths); lease.ts holds the states.
 *
 * Why a view that lags cannot make two leaders: a server answers our list after our create, and by then it has seen all
 * that was created before ours. After a change of server, `sync` comes first.
 */
import { CabooseError, errorCode } from '../../core/errors.ts';
import { children, create, createPath, exists, get, remove, sync } from './operations.ts';
import type { Acl } from './protocol.ts';
import type { Session } from './session.ts';

export interface Candidacy {
  /** `<path>/election` */
  directory: string;
  guid: string;
  /** Stored in the node: who this is, for people. */
  identity: string;
  acl: Acl;
}

export interface Candidate {
  name: string;
  sequence: number;
}

/** Who leads, for a status. */
export interface LeaderInfo {
  /** The name of its node. */
  node: string;
  /** The text that the leader has stored in its node. */
  identity: string;
  token: number;
  /** ms since epoch, by ZooKeeper's clock: when it became a candidate. */
  since: number;
  candidates: number;
}

const namePattern = /^_c_(?<guid>[0-9a-f-]{36})-candidate-(?<sequence>-?\d{10,})$/;

/** Candidates among names of children, lowest first; nodes of others are left out. */
export function candidatesOf(names: readonly string[]): Candidate[] {
  const candidates: Candidate[] = [];
  for (const name of names) {
    const sequence = namePattern.exec(name)?.groups?.['sequence'];
    if (sequence !== undefined) candidates.push({ name, sequence: checkedSequence(name, Number(sequence)) });
  }
  return candidates.sort((a, b) => a.sequence - b.sequence);
}

/** ZooKeeper's counter is an int32; where it has run over, the order of names says nothing any more. */
function checkedSequence(name: string, sequence: number): number {
  if (sequence >= 0) return sequence;
  throw new CabooseError('LEASE_SEQUENCE_EXHAUSTED', `the sequence number of ${name} has run over`, {
    hint: 'stop all candidates, delete the election node, start them again',
  });
}

/** The fencing token of a node. Throws when a number cannot hold it. */
export function tokenOf(czxid: bigint): number {
  if (czxid > 0n && czxid <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(czxid);
  throw new CabooseError(
    'LEASE_TOKEN_UNSAFE',
    `the transaction id 0x${czxid.toString(16)} is no safe integer`,
    {
      hint: 'ZooKeeper has had over two million elections of its own: set it up anew, with another lease.zookeeper.path',
    },
  );
}

/** Finds our node, or creates it (and the path to it). The name is the node's. */
export async function enrol(session: Session, candidacy: Candidacy): Promise<string> {
  const { directory, guid, identity, acl } = candidacy;
  const own = await findOwn(session, candidacy);
  if (own) return own;
  const node = { data: Buffer.from(identity, 'utf8'), mode: 'ephemeralSequential', acl } as const;
  const path = `${directory}/_c_${guid}-candidate-`;
  try {
    return baseName(await create(session, path, node));
  } catch (error) {
    if (errorCode(error) !== 'ZOOKEEPER_NO_NODE') throw error;
    await createPath(session, directory, acl);
    return baseName(await create(session, path, node));
  }
}

/** `sync` first: a lost create may not have reached the server that we ask now. Of several (sent twice) the lowest stays. */
async function findOwn(session: Session, { directory, guid }: Candidacy): Promise<string | null> {
  await sync(session, directory);
  const own = candidatesOf((await children(session, directory)) ?? []).filter(({ name }) =>
    name.includes(guid),
  );
  for (const { name } of own.slice(1)) await remove(session, `${directory}/${name}`);
  return own[0]?.name ?? null;
}

/**
 * What stands between us and the lead: our node is `gone`, or `first`, or `behind` another, and then `changed` resolves when
 * that one may have gone, or the signal aborts.
 */
export type Standing = { place: 'gone' } | { place: 'first' } | { place: 'behind'; changed: Promise<void> };

export async function standing(
  session: Session,
  { directory }: Candidacy,
  ownName: string,
  signal: AbortSignal,
): Promise<Standing> {
  const candidates = candidatesOf((await children(session, directory)) ?? []);
  const index = candidates.findIndex(({ name }) => name === ownName);
  if (index < 0) return { place: 'gone' };
  const before = candidates[index - 1];
  if (!before) return { place: 'first' };
  const { there, changed } = await watchNode(session, `${directory}/${before.name}`, signal);
  return { place: 'behind', changed: there ? changed : Promise.resolve() };
}

export interface WatchedNode {
  /** Null when there is no such node now. */
  there: { czxid: bigint; ephemeralOwner: bigint } | null;
  /** Resolves at the node's next change (it was deleted, or written to), or when the signal aborts. */
  changed: Promise<void>;
}

export async function watchNode(session: Session, path: string, signal: AbortSignal): Promise<WatchedNode> {
  const changed = Promise.withResolvers<void>();
  const watcher = (): void => changed.resolve();
  signal.addEventListener('abort', watcher, { once: true });
  if (signal.aborted) watcher();
  void changed.promise.then(() => {
    signal.removeEventListener('abort', watcher);
    session.watches.remove(watcher);
  });
  try {
    return { there: await exists(session, path, watcher), changed: changed.promise };
  } catch (error) {
    watcher();
    throw error;
  }
}

/** Null when nobody stands for election. */
export async function readLeader(session: Session, directory: string): Promise<LeaderInfo | null> {
  await sync(session, directory);
  // The first may leave between the two questions: the next one leads then.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const candidates = candidatesOf((await children(session, directory)) ?? []);
    const [first] = candidates;
    if (!first) return null;
    const node = await get(session, `${directory}/${first.name}`);
    if (!node) continue;
    const { czxid, ctime } = node.stat;
    return {
      node: first.name,
      identity: node.data.toString('utf8'),
      token: tokenOf(czxid),
      since: ctime,
      candidates: candidates.length,
    };
  }
  return null;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
