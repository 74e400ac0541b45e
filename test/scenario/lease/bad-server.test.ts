/** Addresses and rights that an operator has to mend: an error that says how, and never a hang. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ZookeeperLeaseOptions } from '../../../src/lease/zookeeper/lease.ts';
import { create, exists, get, multi, set, remove } from '../../../src/lease/zookeeper/operations.ts';
import { stand } from '../../contract/lease.suite.ts';
import { until } from '../../fakes/clock.ts';
import { freshPath, leaseAt, sessionAt } from './harness.ts';
import { describeWith } from '../../servers/servers.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that treats each connection so, and outlives its errors. */
async function listenTcp(serve: (socket: Socket) => void): Promise<string> {
  return listen(
    createServer((socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    }),
  );
}

async function failure(addresses: string[], options: Partial<ZookeeperLeaseOptions> = {}): Promise<unknown> {
  const s = stand(leaseAt(addresses, freshPath(), options));
  const error: unknown = await s.done.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  return error;
}

await describeWith(['zookeeper'], 'an address that is no ZooKeeper', ({ zookeeper }) => {
  test('a web server', async () => {
    const address = await listen(createHttpServer());
    expect(await failure([address])).toMatchObject({
      code: 'ZOOKEEPER_NOT_SPOKEN',
      hint: expect.stringContaining('web server'),
      retriable: false,
    });
  });

  test('a server that hangs up on what it does not understand, as Kafka does', async () => {
    const address = await listenTcp((socket) => void socket.once('data', () => socket.destroy()));
    expect(await failure([address])).toMatchObject({
      code: 'ZOOKEEPER_NOT_SPOKEN',
      hint: expect.stringContaining('Kafka'),
    });
  });

  test('a server that sends an endless frame', async () => {
    const address = await listenTcp((socket) => {
      socket.write(Buffer.alloc(64, 0x7f));
    });
    expect(await failure([address])).toMatchObject({ code: 'ZOOKEEPER_NOT_SPOKEN' });
  });

  test('a port that speaks TLS', async () => {
    const address = await listen(createTlsServer({}));
    expect(await failure([address])).toMatchObject({ hint: expect.stringContaining('lease.zookeeper.tls') });
    const alert = Buffer.from('15030300020246', 'hex');
    const alerting = await listenTcp((socket) => void socket.once('data', () => socket.end(alert)));
    expect(await failure([alerting])).toMatchObject({ hint: expect.stringContaining('speaks TLS') });
  });

  test('next to a good one it is passed over', async () => {
    const address = await listen(createHttpServer());
    const s = stand(leaseAt([address, zookeeper], freshPath()));
    await until(() => s.leads(), 'it leads');
    expect(s.tenures.length).toBe(1);
    await s.leave();
  });

  test('a server that accepts and says nothing is waited for, and can be left', async () => {
    const address = await listenTcp(() => undefined);
    const lease = leaseAt([address], freshPath());
    const s = stand(lease);
    await until(() => lease.status().reason?.includes('no handshake') === true, 'the silence is told');
    await s.leave();
    expect(lease.status().role).toBe('stopped');
  });
});

await describeWith(['zookeeper'], 'rights', ({ zookeeper }) => {
  const auth = { scheme: 'digest', user: 'caboose', password: 'secret' } as const;

  test('with digest authentication another identity is refused, with a hint', async () => {
    const path = freshPath();
    const s = stand(leaseAt([zookeeper], path, { auth }));
    await until(() => s.leads(), 'it leads');
    const stranger = stand(leaseAt([zookeeper], path));
    await expect(stranger.done).rejects.toMatchObject({
      code: 'ZOOKEEPER_NO_AUTH',
      hint: expect.stringContaining('lease.zookeeper.auth'),
    });
    const friend = stand(leaseAt([zookeeper], path, { auth }));
    await s.leave();
    await until(() => friend.leads(), 'the same identity leads next');
    await friend.leave();
  });
});

await describeWith(['zookeeper'], 'operations', ({ zookeeper }) => {
  test('create, get, set, multi and delete do what they say, and refuse what they must', async () => {
    const session = await sessionAt([zookeeper]);
    const root = `/operations-${process.pid}`;
    expect(await create(session, root, { data: Buffer.from('a') })).toBe(root);
    await expect(create(session, root, {})).rejects.toMatchObject({ code: 'ZOOKEEPER_NODE_EXISTS' });
    expect((await get(session, root))?.data.toString()).toBe('a');
    expect(await get(session, `${root}/none`)).toBeNull();
    expect((await set(session, root, Buffer.from('b'), 0)).version).toBe(1);
    await expect(set(session, root, Buffer.from('c'), 0)).rejects.toMatchObject({
      code: 'ZOOKEEPER_BAD_VERSION',
    });
    const data = Buffer.from('x');
    await multi(session, [
      { op: 'check', path: root, version: 1 },
      { op: 'create', path: `${root}/one`, data, mode: 'persistent', acl: 'open' },
      { op: 'set', path: root, data },
    ]);
    expect((await get(session, root))?.data.toString()).toBe('x');
    await expect(
      multi(session, [
        { op: 'delete', path: `${root}/one` },
        { op: 'delete', path: `${root}/none` },
      ]),
    ).rejects.toMatchObject({ code: 'ZOOKEEPER_NO_NODE', message: expect.stringContaining('/none') });
    expect(await exists(session, `${root}/one`)).not.toBeNull();
    await multi(session, [
      { op: 'delete', path: `${root}/one` },
      { op: 'delete', path: root },
    ]);
    expect(await remove(session, root)).toBe(false);
    await session.close();
    await expect(get(session, root)).rejects.toMatchObject({ code: 'ZOOKEEPER_SESSION_LOST' });
  });
});

await describeWith(['zookeeper'], 'TLS', ({ zookeeper }) => {
  let directory: string;
  let [key, cert] = ['', ''];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'caboose-tls-'));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const newKey = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', ...newKey, ...names, '-keyout', keyFile, '-out', certFile], {
      stdio: 'pipe',
    });
    [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')];
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  /** Takes TLS off in front of the plain server. */
  const listenTls = async (): Promise<string> =>
    listen(
      createTlsServer({ key, cert }, (socket) => {
        const [host = '', port] = zookeeper.split(':');
        const server = connect({ host, port: Number(port) });
        for (const end of [socket, server]) end.on('error', () => undefined);
        socket.pipe(server).pipe(socket);
      }),
    );

  test('a candidate leads over TLS when the CA is known', async () => {
    const s = stand(leaseAt([await listenTls()], freshPath(), { tls: { ca: cert } }));
    await until(() => s.leads(), 'it leads');
    expect(s.lease.status()).toMatchObject({ role: 'leader', connected: true });
    await s.leave();
  });

  test('a certificate of nobody known is an error with a hint', async () => {
    expect(await failure([await listenTls()], { tls: {} })).toMatchObject({
      code: 'ZOOKEEPER_TLS',
      hint: expect.stringContaining('lease.zookeeper.tls'),
    });
  });
});
