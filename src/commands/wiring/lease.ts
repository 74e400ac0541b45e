import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Lease } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import { readTls } from './tls.ts';

/** The lease that the config names. `identity` tells operators who holds it: host and pid. */
export async function openLease(
  config: Config,
  { clock, logger, identity }: { clock: Clock; logger: Logger; identity: string },
): Promise<Lease> {
  const { zookeeper, inProcess } = config.lease ?? {};
  if (zookeeper) {
    const { zookeeperLease } = await import('../../lease/zookeeper/lease.ts');
    const { servers, path, sessionTimeoutMs, auth } = zookeeper;
    return zookeeperLease({
      servers,
      path,
      sessionTimeoutMs,
      tls: await readTls(zookeeper.tls, 'lease.zookeeper'),
      auth: auth && { scheme: 'digest', user: auth.username, password: auth.password },
      clock,
      logger,
      identity,
    });
  }
  if (inProcess) {
    const { inProcessLease } = await import('../../lease/in-process.ts');
    return inProcessLease({ clock });
  }
  throw new CabooseError('CONFIG_INVALID', 'the config has no lease', {
    hint: 'add lease: { zookeeper: … } or { inProcess: {} }',
  });
}
