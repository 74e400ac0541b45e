import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Turnstile } from '../../src/core/turnstile.ts';

const pieceBytes = 64;

describe('Turnstile', () => {
  it('lets one piece through per turn of the event loop', async () => {
    const turnstile = new Turnstile(pieceBytes);
    const passed: number[] = [];
    let most = 0;
    const all = Array.from({ length: 5 }, async (_, i) => {
      await turnstile.pass('bulk', pieceBytes);
      passed.push(i);
    });
    for (let turns = 0; passed.length < 5 && turns < 100; turns += 1) {
      const before = passed.length;
      await nextTurn();
      most = Math.max(most, passed.length - before);
    }
    await Promise.all(all);
    expect(most).toBe(1);
  });

  it('lets the fast lane go before bulk that has waited longer, and bulk keep a quarter', async () => {
    const turnstile = new Turnstile(pieceBytes);
    const order: string[] = [];
    const pass = async (lane: 'fast' | 'bulk') => {
      await turnstile.pass(lane, pieceBytes);
      order.push(lane);
    };
    const all = [
      ...Array.from({ length: 20 }, () => pass('bulk')),
      ...Array.from({ length: 20 }, () => pass('fast')),
    ];
    await Promise.all(all);
    expect(order.slice(0, 3)).toEqual(['fast', 'fast', 'fast']);
    expect(order.slice(0, 16).filter((lane) => lane === 'bulk')).toHaveLength(4);
  });

  it('works again after it stood still', async () => {
    const turnstile = new Turnstile(pieceBytes);
    await turnstile.pass('bulk', 1);
    await nextTurn();
    await expect(turnstile.pass('fast', 1)).resolves.toBeUndefined();
  });
});
