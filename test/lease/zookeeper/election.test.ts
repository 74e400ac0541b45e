import { expect, test } from 'vitest';
import { parseServer, checkPath } from '../../../src/lease/zookeeper/address.ts';
import { candidatesOf, tokenOf } from '../../../src/lease/zookeeper/election.ts';

const name = (sequence: string, letter = 'a'): string =>
  `_c_${letter.repeat(8)}-0000-0000-0000-000000000000-candidate-${sequence}`;

test('the lowest sequence comes first, whatever the GUID; nodes of others are left out', () => {
  const names = [name('0000000012', 'a'), 'lock-0000000001', name('0000000003', 'f'), '', 'config'];
  expect(candidatesOf(names).map(({ sequence }) => sequence)).toEqual([3, 12]);
});

test('a sequence that has run over makes no leader', () => {
  expect(() => candidatesOf([name('0000000012'), name('-2147483648')])).toThrow(/has run over/);
});

test('a token is a safe integer or an error', () => {
  expect(tokenOf(0x1_0000_0007n)).toBe(0x1_0000_0007);
  expect(tokenOf(BigInt(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => tokenOf(BigInt(Number.MAX_SAFE_INTEGER) + 1n)).toThrow(/no safe integer/);
  expect(() => tokenOf(0n)).toThrow(/no safe integer/);
});

test('servers are host and port, and nothing else', () => {
  expect(parseServer('zk-1.example')).toMatchObject({ host: 'zk-1.example', port: 2181 });
  expect(parseServer('127.0.0.1:2182')).toMatchObject({
    host: '127.0.0.1',
    port: 2182,
    text: '127.0.0.1:2182',
  });
  expect(parseServer('[::1]:2182')).toMatchObject({ host: '::1', port: 2182, text: '[::1]:2182' });
  for (const wrong of ['', 'http://zk:2181', 'zk:2181/chroot', 'zk:', 'zk:0', 'zk:70000', 'a b', '::1']) {
    expect(() => parseServer(wrong)).toThrow(/not a ZooKeeper server/);
  }
});

test('paths are absolute and clean', () => {
  expect(checkPath('/caboose/a')).toBe('/caboose/a');
  for (const wrong of ['', '/', 'caboose', '/a/', '/a//b', '/a/../b', '/a/.', '/a\u0000']) {
    expect(() => checkPath(wrong)).toThrow(/not a ZooKeeper path/);
  }
});
