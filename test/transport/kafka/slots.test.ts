import { describe, expect, it } from 'vitest';
import { hasSlot } from '../../../src/transport/kafka/slots.ts';

const topics = ['fast', 'bulk'];
const has = (topic: string, ...out: string[]): boolean => hasSlot(topic, topics, out, 4);

describe('hasSlot', () => {
  it('lets a topic have all slots but one', () => {
    expect([has('bulk'), has('bulk', 'bulk', 'bulk')]).toEqual([true, true]);
    expect(has('bulk', 'bulk', 'bulk', 'bulk')).toBe(false);
  });

  it('has one for the other topic then, and for neither more than that', () => {
    expect(has('fast', 'bulk', 'bulk', 'bulk')).toBe(true);
    expect(has('fast', 'bulk', 'bulk', 'bulk', 'fast')).toBe(false);
    expect(has('bulk', 'fast', 'fast', 'fast')).toBe(true);
  });

  it('is no bound where none is set', () => {
    expect(
      hasSlot(
        'a',
        ['a'],
        Array.from({ length: 100 }, () => 'a'),
        Infinity,
      ),
    ).toBe(true);
  });
});
