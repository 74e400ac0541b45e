import { CabooseError } from '../../core/errors.ts';

export interface ServerAddress {
  host: string;
  port: number;
  /** As it is told in logs and errors. */
  text: string;
}

const defaultPort = 2181;

/** `host`, `host:port`, `[ipv6]:port`. Throws ZOOKEEPER_ADDRESS_INVALID. */
export function parseServer(text: string): ServerAddress {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.%]+)\]|(?<host>[^\s:/[\]]+))(?::(?<port>\d{1,5}))?$/.exec(
    text.trim(),
  );
  const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port'] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new CabooseError('ZOOKEEPER_ADDRESS_INVALID', `not a ZooKeeper server: ${JSON.stringify(text)}`, {
      hint: 'write host:port, one entry per server, without a scheme or a path (the path goes to lease.zookeeper.path)',
    });
  }
  return { host, port, text: `${host.includes(':') ? `[${host}]` : host}:${port}` };
}

export function parseServers(texts: readonly string[]): ServerAddress[] {
  if (texts.length === 0) {
    throw new CabooseError('ZOOKEEPER_ADDRESS_INVALID', 'no ZooKeeper server is named', {
      hint: 'list at least one host:port in lease.zookeeper.servers',
    });
  }
  return texts.map((text) => parseServer(text));
}

/** Refuses a path that ZooKeeper would refuse. Source: PathUtils.validatePath. */
export function checkPath(path: string): string {
  const segments = path.split('/').slice(1);
  const wrong = segments.some((segment) => segment === '' || segment === '.' || segment === '..');
  // oxlint-disable-next-line no-control-regex
  if (path.startsWith('/') && !wrong && !/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path))
    return path;
  throw new CabooseError('ZOOKEEPER_PATH_INVALID', `not a ZooKeeper path: ${JSON.stringify(path)}`, {
    hint: 'write an absolute path such as /caboose, without a slash at the end',
  });
}
