/**
 * The part of ZooKeeper's client protocol that a lease needs: opcodes, requests and answers as bytes. Pure functions.
 * Sources: zookeeper.jute (records), ZooDefs.java (opcodes, permissions), ClientCnxn.java (the reserved xids),
 * CreateMode.java (flags), Watcher.java (event types).
 */
import { JuteReader, JuteWriter } from './jute.ts';

export const opcodes = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  auth: 100,
  setWatches: 101,
  closeSession: -11,
  error: -1,
} as const;

export const xids = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

export const createModes = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
} as const;
export type CreateMode = keyof typeof createModes;

/** Who may do what with a node: anyone everything, or only the identity that this session has authenticated as. */
export const acls = {
  open: { permissions: 31, scheme: 'world', id: 'anyone' },
  creator: { permissions: 31, scheme: 'auth', id: '' },
} as const;
export type Acl = keyof typeof acls;

export interface Stat {
  czxid: bigint;
  mzxid: bigint;
  /** ms since epoch, by the server's clock */
  ctime: number;
  mtime: number;
  version: number;
  cversion: number;
  aversion: number;
  /** Session id of an ephemeral node's owner, 0n otherwise. */
  ephemeralOwner: bigint;
  dataLength: number;
  numChildren: number;
  pzxid: bigint;
}

export interface SessionCredentials {
  /** 0n asks for a new session. */
  id: bigint;
  password: Buffer;
  timeoutMs: number;
  /** The newest transaction seen: a server that is behind it refuses the session. */
  lastZxid: bigint;
}

export const watchEventTypes = { 1: 'created', 2: 'deleted', 3: 'changed', 4: 'children' } as const;
export type WatchEventType = (typeof watchEventTypes)[keyof typeof watchEventTypes];
export interface WatchEvent {
  type: WatchEventType;
  path: string;
}

export type MultiOperation =
  | { op: 'create'; path: string; data: Buffer; mode: CreateMode; acl: Acl }
  | { op: 'delete'; path: string; version?: number }
  | { op: 'set'; path: string; data: Buffer; version?: number }
  | { op: 'check'; path: string; version: number };

export function connectRequest(session: SessionCredentials): Buffer {
  return new JuteWriter()
    .int(0)
    .long(session.lastZxid)
    .int(session.timeoutMs)
    .long(session.id)
    .buffer(session.password.length === 16 ? session.password : Buffer.alloc(16))
    .boolean(false) // readOnly: a lease needs a quorum
    .bytes();
}

/** A `timeoutMs` of 0 or less says that the session is no more. */
export function readConnectResponse(body: Buffer): Omit<SessionCredentials, 'lastZxid'> {
  const reader = new JuteReader(body);
  reader.int();
  const timeoutMs = reader.int();
  return { timeoutMs, id: reader.long(), password: reader.buffer() };
}

export interface ReplyHeader {
  xid: number;
  zxid: bigint;
  /** 0, or one of errors.ts. */
  error: number;
}

export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.long(), error: reader.int() };
}

/** Null for a kind of event that nobody asks for here. */
export function readWatchEvent(reader: JuteReader): WatchEvent | null {
  const type = watchEventTypes[reader.int() as keyof typeof watchEventTypes];
  reader.int();
  const path = reader.string();
  return type === undefined ? null : { type, path };
}

export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.long(),
    mzxid: reader.long(),
    ctime: Number(reader.long()),
    mtime: Number(reader.long()),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  };
}

export function request(xid: number, opcode: number, body?: Buffer): Buffer {
  const header = new JuteWriter().int(xid).int(opcode).bytes();
  return body ? Buffer.concat([header, body]) : header;
}

export const bodies = {
  create: (path: string, data: Buffer, mode: CreateMode, acl: Acl): Buffer =>
    new JuteWriter()
      .string(path)
      .buffer(data)
      .vector([acls[acl]], (writer, entry) =>
        writer.int(entry.permissions).string(entry.scheme).string(entry.id),
      )
      .int(createModes[mode])
      .bytes(),
  path: (path: string): Buffer => new JuteWriter().string(path).bytes(),
  pathAndWatch: (path: string, watch: boolean): Buffer =>
    new JuteWriter().string(path).boolean(watch).bytes(),
  /** Version -1 means any. Also the body of a check. */
  pathAndVersion: (path: string, version: number): Buffer =>
    new JuteWriter().string(path).int(version).bytes(),
  setData: (path: string, data: Buffer, version: number): Buffer =>
    new JuteWriter().string(path).buffer(data).int(version).bytes(),
  auth: (scheme: string, auth: Buffer): Buffer => new JuteWriter().int(0).string(scheme).buffer(auth).bytes(),
  setWatches: (lastZxid: bigint, paths: { data: string[]; exists: string[]; children: string[] }): Buffer =>
    [paths.data, paths.exists, paths.children]
      .reduce(
        (writer, list) => writer.vector(list, (w, path) => w.string(path)),
        new JuteWriter().long(lastZxid),
      )
      .bytes(),
  multi: (operations: readonly MultiOperation[]): Buffer =>
    Buffer.concat([...operations.flatMap((operation) => encodeOperation(operation)), multiHeader(-1, true)]),
};

/**
 * One error code per operation, 0 = done. When one fails, none is done: the others carry -2 (what follows the culprit) or
 * 0 (what precedes it). Source: MultiResponse.java.
 */
export function readMultiResponse(reader: JuteReader): number[] {
  const results: number[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.boolean();
    reader.int();
    if (done) return results;
    results.push(readOperationResult(reader, type));
  }
}

function readOperationResult(reader: JuteReader, type: number): number {
  if (type === opcodes.error) return reader.int();
  if (type === opcodes.create) reader.string();
  if (type === opcodes.setData) readStat(reader);
  return 0;
}

function encodeOperation(operation: MultiOperation): Buffer[] {
  switch (operation.op) {
    case 'create':
      return [
        multiHeader(opcodes.create, false),
        bodies.create(operation.path, operation.data, operation.mode, operation.acl),
      ];
    case 'delete':
      return [
        multiHeader(opcodes.delete, false),
        bodies.pathAndVersion(operation.path, operation.version ?? -1),
      ];
    case 'set':
      return [
        multiHeader(opcodes.setData, false),
        bodies.setData(operation.path, operation.data, operation.version ?? -1),
      ];
    case 'check':
      return [multiHeader(opcodes.check, false), bodies.pathAndVersion(operation.path, operation.version)];
  }
}

function multiHeader(type: number, done: boolean): Buffer {
  return new JuteWriter().int(type).boolean(done).int(-1).bytes();
}
