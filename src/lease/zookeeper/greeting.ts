/** What a connection is told before anything else is asked: who we are, and what the session watches. */
import type { Connection } from './connection.ts';
import { bodies, opcodes, xids } from './protocol.ts';
import type { Watches } from './watches.ts';

/** The password travels in the clear unless TLS is on. */
export interface DigestAuth {
  scheme: 'digest';
  user: string;
  password: string;
}

export async function greet(
  connection: Connection,
  { auth, watches, lastZxid }: { auth: DigestAuth | undefined; watches: Watches; lastZxid: bigint },
): Promise<void> {
  const requests: Promise<void>[] = [];
  if (auth) {
    const secret = Buffer.from(`${auth.user}:${auth.password}`);
    requests.push(
      connection.request({
        xid: xids.auth,
        opcode: opcodes.auth,
        operation: 'authentication',
        body: bodies.auth(auth.scheme, secret),
        decode: () => undefined,
      }),
    );
  }
  for (const paths of watches.portions()) {
    requests.push(
      connection.request({
        xid: xids.setWatches,
        opcode: opcodes.setWatches,
        operation: 'setWatches',
        body: bodies.setWatches(lastZxid, paths),
        decode: () => undefined,
      }),
    );
  }
  await Promise.all(requests);
}
