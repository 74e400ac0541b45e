/**
 * What can be asked over a session. Each rejects with a CabooseError: `ZOOKEEPER_<NAME>` of a refusal (errors.ts),
 * ZOOKEEPER_CONNECTION_LOST when the outcome is not known. Versions: -1 means any.
 */
import { serverError } from './errors.ts';
import { bodies, opcodes, readMultiResponse, readStat } from './protocol.ts';
import type { Acl, CreateMode, MultiOperation, Stat } from './protocol.ts';
import type { Session } from './session.ts';
import type { Watcher } from './watches.ts';

const noNode = -101;

/** The path of the new node: of a sequential one, with its number. */
export async function create(
  session: Session,
  path: string,
  {
    data = Buffer.alloc(0),
    mode = 'persistent',
    acl = 'open',
  }: { data?: Buffer; mode?: CreateMode; acl?: Acl },
): Promise<string> {
  return session.connection().request({
    opcode: opcodes.create,
    operation: 'create',
    path,
    body: bodies.create(path, data, mode, acl),
    decode: (reader) => reader.string(),
  });
}

/** Creates what is missing of a path, with empty nodes. */
export async function createPath(session: Session, path: string, acl: Acl): Promise<void> {
  const segments = path.split('/').slice(1);
  for (let count = 1; count <= segments.length; count += 1) {
    try {
      await create(session, `/${segments.slice(0, count).join('/')}`, { acl });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ZOOKEEPER_NODE_EXISTS')) throw error;
    }
  }
}

export async function get(
  session: Session,
  path: string,
  watcher?: Watcher,
): Promise<{ data: Buffer; stat: Stat } | null> {
  return session.connection().request({
    opcode: opcodes.getData,
    operation: 'get',
    path,
    body: bodies.pathAndWatch(path, watcher !== undefined),
    decode: (reader) => {
      if (watcher) session.watches.add('data', path, watcher);
      return { data: reader.buffer(), stat: readStat(reader) };
    },
    answers: { [noNode]: () => null },
  });
}

/** Null if there is no such node; the watcher is then called when it is created. */
export async function exists(session: Session, path: string, watcher?: Watcher): Promise<Stat | null> {
  const answer = (stat: Stat | null): Stat | null => {
    if (watcher) session.watches.add(stat ? 'data' : 'exists', path, watcher);
    return stat;
  };
  return session.connection().request<Stat | null>({
    opcode: opcodes.exists,
    operation: 'exists',
    path,
    body: bodies.pathAndWatch(path, watcher !== undefined),
    decode: (reader) => answer(readStat(reader)),
    answers: { [noNode]: () => answer(null) },
  });
}

/** Names, in no order; null if there is no such node. */
export async function children(session: Session, path: string, watcher?: Watcher): Promise<string[] | null> {
  return session.connection().request({
    opcode: opcodes.getChildren,
    operation: 'children',
    path,
    body: bodies.pathAndWatch(path, watcher !== undefined),
    decode: (reader) => {
      if (watcher) session.watches.add('children', path, watcher);
      return reader.vector((r) => r.string());
    },
    answers: { [noNode]: () => null },
  });
}

export async function set(session: Session, path: string, data: Buffer, version = -1): Promise<Stat> {
  return session.connection().request({
    opcode: opcodes.setData,
    operation: 'set',
    path,
    body: bodies.setData(path, data, version),
    decode: readStat,
  });
}

/** False if there was no such node. */
export async function remove(session: Session, path: string, version = -1): Promise<boolean> {
  return session.connection().request({
    opcode: opcodes.delete,
    operation: 'delete',
    path,
    body: bodies.pathAndVersion(path, version),
    decode: () => true,
    answers: { [noNode]: () => false },
  });
}

/** All or nothing: rejects with the error of the operation that was refused. */
export async function multi(session: Session, operations: readonly MultiOperation[]): Promise<void> {
  const results = await session.connection().request({
    opcode: opcodes.multi,
    operation: 'multi',
    body: bodies.multi(operations),
    decode: readMultiResponse,
  });
  const refused = results.findIndex((code) => code !== 0 && code !== runtimeInconsistency);
  if (refused >= 0)
    throw serverError(results[refused] ?? 0, operations[refused]?.op ?? 'multi', operations[refused]?.path);
}

/** What the bystanders of a refused operation carry. */
const runtimeInconsistency = -2;

/** Resolves when the server has caught up with everything that was committed when it was asked. */
export async function sync(session: Session, path: string): Promise<void> {
  await session.connection().request({
    opcode: opcodes.sync,
    operation: 'sync',
    path,
    body: bodies.path(path),
    decode: (reader) => void reader.string(),
  });
}
