import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../../src/core/event.ts';
import { takeIn } from '../../src/events/take-in.ts';
import { eventToJson } from '../../src/transport/record-json.ts';
import { carried, segmentOf } from '../fakes/segments.ts';

function eventOf(text: string, path = '/logs/a.log'): LogEvent {
  const segment = segmentOf(text, { path, labels: { team: 'x' }, final: true });
  const [event] = takeIn(null, carried(segment), segment).closed;
  if (event === undefined) throw new Error('no event');
  return event;
}

/** A broker with Kafka's own limits takes so much, with the send's overhead. */
const recordBytesMax = 900 * 1024;

describe('an event as JSON', () => {
  it('is one line that says whose it is, where it stands, and what it says', () => {
    const event = eventOf('{"level": "error", "loss": NaN, "message": "step\\n3"}\n', '/logs/m.jsonl');
    const json = eventToJson(event);
    expect(json).not.toContain('\n');
    expect(JSON.parse(json)).toEqual({
      id: event.id,
      stream: event.stream,
      run: 'r',
      attempt: 0,
      rank: 0,
      source: 's',
      host: 'h',
      path: '/logs/m.jsonl',
      labels: { team: 'x' },
      start: 0,
      end: event.end,
      part: 0,
      time: event.time,
      timeSource: 'observed',
      observed: event.observed,
      level: 'error',
      kind: 'record',
      message: event.message,
      fields: { level: 'error', loss: 'NaN', message: 'step\n3' },
    });
  });

  it('leaves out the fields of one that is too large for a record', () => {
    const event = { ...eventOf('x\n'), message: 'a'.repeat(500_000), fields: { text: 'a'.repeat(500_000) } };
    expect(JSON.parse(eventToJson(event))).toMatchObject({ message: event.message, truncated: true });
    expect(JSON.parse(eventToJson(event))).not.toHaveProperty('fields');
  });

  it.each([
    ['of control codes', '\u0001'],
    ['of wide characters', '\u20ac'],
  ])('cuts a message %s that is too large without its fields', (_, character) => {
    const event = { ...eventOf('x\n'), message: character.repeat(400_000) };
    const json = eventToJson(event);
    expect(Buffer.byteLength(json)).toBeLessThan(recordBytesMax);
    const { message, truncated } = JSON.parse(json) as { message: string; truncated: boolean };
    expect([event.message.startsWith(message), truncated]).toEqual([true, true]);
    expect(message.length).toBeGreaterThan(100_000);
  });
});
