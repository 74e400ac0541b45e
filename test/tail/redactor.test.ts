import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { lookBackBytes, rulesOf } from '../../src/core/redaction/mask.ts';
import { readRedaction, redactionText, RuleBook } from '../../src/core/redaction/rule-book.ts';
import { anchorBytesMax } from '../../src/tail/identity.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { redactor } from './redactors.ts';
import { cutOf, recordOf } from './stream-state.ts';

const text = Buffer.from('password=hunter2\n');
const none = Buffer.alloc(0);

function told() {
  const messages: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void messages.push(message) };
  return { messages, logger };
}

describe('Redactor', () => {
  it('masks by the rules that the cut names, and only such cuts', () => {
    const book = new RuleBook(['now'], new Map([[rulesOf(['before']).version, ['before']]]));
    const masker = redactor({ book });
    const masked = (redact: string) => {
      const cut = cutOf(0, 17, { redact });
      return masker.masked(recordOf(), cut, none, Buffer.from('before and now p\n')).toString();
    };
    expect(masked('source:1')).toBe('before and now p\n');
    expect(masked(`source:${rulesOf(['before']).version}`)).toBe('****** and now p\n');
    expect(masked(`source:${book.current.version}`)).toBe('before and *** p\n');
    expect(masked('index:1')).toBe('before and now p\n');
    expect(masker.masked(recordOf(), cutOf(0, 17), none, text)).toBe(text);
  });

  it('masks by the rules of now what was masked by rules that it does not know, and tells it once', () => {
    const { messages, logger } = told();
    const masker = redactor({ logger });
    for (let i = 0; i < 2; i += 1) {
      const cut = cutOf(0, 17, { redact: 'source:7.abc' });
      expect(masker.masked(recordOf(), cut, none, text).toString()).toBe('password=*******\n');
    }
    expect(messages.filter((message) => message.includes('not known here'))).toHaveLength(1);
  });

  it('counts every secret and tells each kind once for a file', async () => {
    const { messages, logger } = told();
    const metrics = createMetrics();
    const masker = redactor({ logger, metrics });
    for (const path of ['/a', '/a', '/b'])
      masker.masked({ ...recordOf(), path }, cutOf(0, 17, { redact: 'source:1' }), none, text);
    expect(messages).toHaveLength(2);
    expect((await metrics.redacted.get()).values).toMatchObject([{ labels: { kind: 'password' }, value: 3 }]);
  });

  it('looks back no further than is read before a cut', () => {
    expect(lookBackBytes).toBe(anchorBytesMax);
  });
});

describe('what stands in a cut', () => {
  it('is read as it was written; what is no such text masks nothing', () => {
    for (const redaction of [
      { place: 'source', version: '1' } as const,
      { place: 'index', version: '12.0f' } as const,
    ])
      expect(readRedaction(redactionText(redaction))).toEqual(redaction);
    for (const other of [undefined, '', 'source', 'source:', 'off:1', 'source:0', 'source:1.x'])
      expect(readRedaction(other)).toBeNull();
  });
});
