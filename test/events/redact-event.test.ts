import { describe, expect, it } from 'vitest';
import { rulesOf } from '../../src/core/redaction/mask.ts';
import type { LogEvent } from '../../src/core/event.ts';
import { redactEvent } from '../../src/events/redact-event.ts';
import { takeIn } from '../../src/events/take-in.ts';
import { hfToken, wandbKey } from '../core/redaction/secret-texts.ts';
import { carried, segmentOf, takeAll } from './helpers.ts';

function redact(event: Partial<LogEvent>): { event: Partial<LogEvent>; kinds: string[] } {
  const kinds: string[] = [];
  const masked = redactEvent(event as LogEvent, rulesOf([]), (kind) => kinds.push(kind));
  return { event: masked, kinds };
}

describe('an event', () => {
  it('without secrets stays the same object', () => {
    const event = { message: 'loss 2.5', fields: { loss: Number.NaN, token: 12.5 } };
    expect(redact(event).event).toBe(event);
  });

  it('that ends in what tokens begin with has none', () => {
    const event = { message: 'loading hf_cache', fields: { name: 'hf_test12' } };
    expect(redact(event).event).toBe(event);
  });

  it('is masked in its message, and in its fields by their names', () => {
    const fields = {
      password: 1234,
      loss: Number.NaN,
      config: { api_key: wandbKey, lr: 0.1, hub: { hub_token: hfToken } },
      argv: ['train.py', '--password', 'hunter2', '--lr', '1'],
      list: [{ password: 'hunter2' }, 1, 'x'],
    };
    expect(redact({ message: `password=hunter2 and ${hfToken}`, fields })).toEqual({
      event: {
        message: `password=******* and ${'*'.repeat(hfToken.length)}`,
        fields: {
          password: '****',
          loss: Number.NaN,
          config: {
            api_key: '*'.repeat(wandbKey.length),
            lr: 0.1,
            hub: { hub_token: '*'.repeat(hfToken.length) },
          },
          argv: ['train.py', '--password', '*******', '--lr', '1'],
          list: [{ password: '*******' }, 1, 'x'],
        },
      },
      kinds: ['password', 'huggingface', 'key'],
    });
  });

  it('may be as long as events are', () => {
    const text = 'x'.repeat(250_000);
    const { event } = redact({
      message: text,
      fields: { text: '\u0001'.repeat(250_000), password: 'hunter2' },
    });
    expect(event.message).toBe(text);
    expect(event.fields?.['password']).toBe('*******');
  });
});

describe('a stream whose secrets are masked in events', () => {
  const bytes = Buffer.from('password=hunter2\nstep 1\npassword=hunter3\n');

  it('is known by its segments, and remembered', () => {
    const first = segmentOf(0, bytes.subarray(0, 20), { redact: 'index:1' });
    const taken = takeAll([first, segmentOf(20, bytes.subarray(20), { redact: 'index:1', final: true })]);
    expect(taken.closed.map(({ message }) => message)).toEqual([
      'password=*******',
      'step 1',
      'password=*******',
    ]);
    // What is open is masked whenever it is looked at, and the checksum stays that of the carried bytes.
    expect(taken.opens.map(({ message }) => message).join()).not.toContain('hunter');
    const raw = takeAll([segmentOf(0, bytes, { final: true })]);
    expect(taken.closed.map(({ sum }) => sum)).toEqual(raw.closed.map(({ sum }) => sum));
  });

  it('counts what was masked, once for each secret', () => {
    const segment = segmentOf(0, bytes, { redact: 'index:1', final: true });
    expect(takeIn(null, carried, segment).secrets).toEqual(['password', 'password']);
  });

  it('is masked by the patterns of the reader', () => {
    const segment = segmentOf(0, Buffer.from('EMP123\n'), { redact: 'index:1.abc', final: true });
    const taken = takeIn(null, carried, segment, { rules: rulesOf(['EMP[0-9]+']) });
    expect(taken.closed.map(({ message }) => message)).toEqual(['******']);
  });

  it('is not one that was masked at its source, or not at all', () => {
    for (const redact of [{ redact: 'source:1' }, {}]) {
      const { closed } = takeIn(null, carried, segmentOf(0, bytes, { ...redact, final: true }));
      expect(closed[0]?.message).toBe('password=hunter2');
    }
  });
});
