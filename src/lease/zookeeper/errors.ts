import { CabooseError } from '../../core/errors.ts';

/** The errors that a server gives. Source: KeeperException.Code. */
const errorNames: Readonly<Record<number, string>> = {
  [-2]: 'RUNTIME_INCONSISTENCY',
  [-4]: 'CONNECTION_LOST',
  [-5]: 'MARSHALLING_ERROR',
  [-6]: 'UNIMPLEMENTED',
  [-7]: 'OPERATION_TIMEOUT',
  [-8]: 'BAD_ARGUMENTS',
  [-101]: 'NO_NODE',
  [-102]: 'NO_AUTH',
  [-103]: 'BAD_VERSION',
  [-108]: 'NO_CHILDREN_FOR_EPHEMERALS',
  [-110]: 'NODE_EXISTS',
  [-111]: 'NOT_EMPTY',
  [-112]: 'SESSION_LOST',
  [-114]: 'INVALID_ACL',
  [-115]: 'AUTH_FAILED',
  [-118]: 'SESSION_MOVED',
  [-119]: 'NOT_READ_ONLY',
  [-122]: 'REQUEST_TIMEOUT',
  [-124]: 'SASL_REQUIRED',
};

const hints: Readonly<Record<string, string>> = {
  NO_AUTH:
    'the node belongs to another identity: check lease.zookeeper.auth, or let an operator change its ACL',
  INVALID_ACL: 'the server refuses the node’s ACL: check lease.zookeeper.auth',
  AUTH_FAILED: 'check lease.zookeeper.auth: scheme, user and password',
  SASL_REQUIRED: 'the server wants SASL, which is not supported: allow digest authentication for this client',
  NO_CHILDREN_FOR_EPHEMERALS: 'lease.zookeeper.path names an ephemeral node: choose a path of its own',
};

const retriableNames = new Set([
  'CONNECTION_LOST',
  'OPERATION_TIMEOUT',
  'SESSION_LOST',
  'SESSION_MOVED',
  'REQUEST_TIMEOUT',
]);

/** `ZOOKEEPER_<NAME>` for an error code of a reply. */
export function serverError(code: number, operation: string, path?: string): CabooseError {
  const name = errorNames[code] ?? `ERROR_${-code}`;
  const hint = hints[name];
  return new CabooseError(
    `ZOOKEEPER_${name}`,
    `ZooKeeper refused ${operation}${path === undefined ? '' : ` ${path}`}: ${name.toLowerCase().replaceAll('_', ' ')}`,
    { retriable: retriableNames.has(name), ...(hint === undefined ? {} : { hint }) },
  );
}

export function connectionLost(server: string, reason: string, cause?: unknown): CabooseError {
  return new CabooseError('ZOOKEEPER_CONNECTION_LOST', `ZooKeeper ${server}: ${reason}`, {
    retriable: true,
    cause,
  });
}

/** The server took the connection and broke it off at the handshake. */
export function hungUp(server: string): CabooseError {
  return new CabooseError('ZOOKEEPER_HUNG_UP', `ZooKeeper ${server}: hung up instead of granting a session`, {
    hint: 'it has no quorum, is starting, or is behind what this process has seen (were its data wiped?)',
    retriable: true,
  });
}

export function sessionLost(reason: string): CabooseError {
  return new CabooseError('ZOOKEEPER_SESSION_LOST', `the ZooKeeper session has ended: ${reason}`, {
    retriable: true,
  });
}

export function notZookeeper(server: string, reason: string, hint: string, cause?: unknown): CabooseError {
  return new CabooseError(
    'ZOOKEEPER_NOT_SPOKEN',
    `${server} does not answer as a ZooKeeper server: ${reason}`,
    {
      hint,
      cause,
    },
  );
}
