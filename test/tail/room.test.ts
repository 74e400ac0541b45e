import { describe, expect, it } from 'vitest';
import { Room } from '../../src/tail/room.ts';

describe('Room', () => {
  it('keeps a quarter for each lane, which the other may not fill', () => {
    const room = new Room(80);
    expect({ fast: room.left('fast'), bulk: room.left('bulk') }).toEqual({ fast: 60, bulk: 60 });
    room.take('bulk', 60);
    expect({ fast: room.left('fast'), bulk: room.left('bulk') }).toEqual({ fast: 20, bulk: 0 });
    room.take('fast', 20);
    expect({ fast: room.left('fast'), bulk: room.left('bulk'), taken: room.taken }).toEqual({
      fast: 0,
      bulk: 0,
      taken: 80,
    });
    room.giveBack('bulk', 50);
    expect({ fast: room.left('fast'), bulk: room.left('bulk') }).toEqual({ fast: 40, bulk: 50 });
  });

  it('is never less than none: a segment may go over the edge', () => {
    const room = new Room(80);
    room.take('bulk', 200);
    expect(room.left('bulk')).toBe(0);
    room.giveBack('bulk', 150);
    expect(room.left('bulk')).toBe(10);
  });

  it('is ample again when a lane has half of what it may have', () => {
    const room = new Room(80);
    room.take('bulk', 31);
    expect([room.isAmple('bulk'), room.isAmple('fast'), room.isAmpleForAll]).toEqual([false, true, false]);
    room.giveBack('bulk', 1);
    expect(room.isAmpleForAll).toBe(true);
  });

  it('can be planned with', () => {
    const room = new Room(80);
    room.take('bulk', 10);
    const plan = room.copy();
    plan.take('bulk', 50);
    expect([plan.left('bulk'), room.left('bulk')]).toEqual([0, 50]);
  });

  it('is not ample for a lane that the other one has left nothing', () => {
    const room = new Room(1000);
    // What an earlier process had under way is sent again, whatever its size.
    room.take('bulk', 1200);
    expect(room.left('fast')).toBe(0);
    expect(room.isAmple('fast')).toBe(false);
  });
});
