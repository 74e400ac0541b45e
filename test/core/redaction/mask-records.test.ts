import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wholeRecordsLength } from '../../../src/core/records/framing.ts';
import { recordFramingOf } from '../../../src/core/records/record-files.ts';
import { maskFile } from '../../../src/core/redaction/mask-records.ts';
import { lookBackBytes, rulesOf } from '../../../src/core/redaction/mask.ts';
import type { Rules } from '../../../src/core/redaction/mask.ts';
import { eventsOf } from '../../events/helpers.ts';
import {
  configRecord,
  field,
  hyperparametersEvent,
  message,
  outputRecord,
  textEvent,
  tfRecord,
  wandbLog,
} from '../records/record-bytes.ts';
import { body, hex, hfToken, secretTexts } from './secret-texts.ts';

const rules = rulesOf([]);
const events = '/logs/events.out.tfevents.1.host';
const log = '/logs/run-a1b2c3d4.wandb';
const stars = (text: string) => '*'.repeat(text.length);

function masked(path: string, bytes: Buffer, by: Rules = rules) {
  return maskFile(path, { window: bytes, from: 0, offset: 0 }, by);
}

/** Cut at these ends, each with what is looked at before it. */
function maskCuts(path: string, bytes: Buffer, ends: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    const offset = Math.max(0, start - lookBackBytes);
    const cut = { window: bytes.subarray(offset, end), from: start - offset, offset };
    parts.push(maskFile(path, cut, rules).bytes);
    start = end;
  }
  return Buffer.concat(parts);
}

/** As the events say it, whose checksums are looked at. */
function readBack(path: string, bytes: Buffer): string {
  const read = eventsOf(bytes, { path });
  expect(read.filter(({ message }) => message.startsWith('unreadable'))).toEqual([]);
  return JSON.stringify(read.map(({ message, fields }) => ({ message, fields })));
}

describe('secrets in an event file', () => {
  const bytes = Buffer.concat(
    [
      textEvent(1, 'args/text_summary', `lr: 0.1\nhub_token: ${hfToken}\n`),
      textEvent(2, 'healthy', 'num_tokens: 4096'),
      hyperparametersEvent({ lr: '0.1', db_password: 'hunter2', api_key: hex(32), tokenizer: 'gpt2' }),
    ].map(tfRecord),
  );

  it('are masked where they stand, and each record stays one', () => {
    const got = masked(events, bytes);
    expect(got.bytes.length).toBe(bytes.length);
    expect(got.secrets.map(({ kind, start, end }) => [kind, bytes.toString('latin1', start, end)])).toEqual([
      ['huggingface', hfToken],
      ['password', 'hunter2'],
      ['key', hex(32)],
    ]);
    expect(readBack(events, got.bytes)).toBe(
      readBack(events, bytes)
        .replace(hfToken, stars(hfToken))
        .replace('hunter2', '*******')
        .replace(hex(32), stars(hex(32))),
    );
  });

  it('are masked the same wherever it is cut between records', () => {
    const framing = recordFramingOf(events);
    const first = framing?.next(bytes, 0, 0, 'record')?.length ?? 0;
    const second = first + (framing?.next(bytes, first, first, 'record')?.length ?? 0);
    expect(maskCuts(events, bytes, [first, second])).toEqual(masked(events, bytes).bytes);
  });

  it('are masked in what is no whole record, too', () => {
    const whole = masked(events, bytes).bytes;
    const check = (place: number) => {
      const at = place % bytes.length;
      const got = maskCuts(events, bytes, [at]).toString('latin1');
      const [start, end] = [bytes.indexOf(hfToken), bytes.indexOf(hfToken) + hfToken.length];
      // What is cut through is masked as far as it can be told, and by its form only.
      const isCutThrough = at > start && at < end;
      expect(isCutThrough || got.slice(start, end) === stars(hfToken)).toBe(true);
      expect(got.length).toBe(whole.length);
    };
    expect(() => fc.assert(fc.property(fc.nat(), check), { numRuns: 300 })).not.toThrow();
  });

  it('leave a record damaged that was it before', () => {
    const damaged = Buffer.from(bytes);
    const at = bytes.indexOf('lr: ');
    damaged[at] = 0x4c;
    const got = masked(events, damaged);
    expect(got.bytes.includes(hfToken)).toBe(false);
    const [first] = eventsOf(got.bytes, { path: events });
    expect(first?.message).toContain('wrong checksum of the data');
  });

  it('are found by the patterns of the user', () => {
    const got = masked(events, tfRecord(textEvent(1, 'note', 'by EMP123456')), rulesOf(['EMP[0-9]{6}']));
    expect(readBack(events, got.bytes)).toContain('by *********');
  });
});

describe("secrets in a W&B run's log", () => {
  it('are masked by the names that stand beside them, however the value is nested', () => {
    const nested = message(field(2, 'hub'), field(2, 'password'), field(16, '"hunter2"'));
    const record = message(field(1, 7), field(5, message(field(1, nested))));
    const bytes = wandbLog([
      configRecord({ api_key: hex(40), lr: 0.1, args: { token: hfToken, password: 'x"y' } }),
      record,
      outputRecord(`login with ${hfToken}\n`),
    ]);
    const got = masked(log, bytes);
    for (const secret of [hex(40), hfToken, 'hunter2', 'x\\"y']) {
      expect(bytes.includes(secret)).toBe(true);
      expect(got.bytes.includes(secret), secret).toBe(false);
    }
    expect(readBack(log, got.bytes)).toContain('"hub":{"password":"*******"}');
  });

  it('are masked where a record goes on in the next block, and over its bound', () => {
    for (let before = 32_600; before < 32_780; before += 1) {
      const logOf = (token: string) =>
        wandbLog([outputRecord(`${' '.repeat(before)}${token} ok\n`), configRecord({ lr: 1 })]);
      const got = masked(log, logOf(hfToken));
      expect(got.secrets.map(({ kind }) => kind)).toEqual(['huggingface']);
      expect(got.bytes.equals(logOf(stars(hfToken))), String(before)).toBe(true);
    }
  });

  it('are masked behind a length that looks like a letter', () => {
    for (let length = 48; length < 123; length += 1) {
      const token = `wandb_v1_${body(length - 9)}`;
      const got = masked(log, wandbLog([message(field(1, 1), field(9, message(field(1, token))))]));
      expect(got.bytes.includes(stars(token)), String(length)).toBe(true);
    }
  });
});

describe('secrets in records', () => {
  it.each(secretTexts)('are masked in %j as in text', (marked, ...kinds) => {
    const text = marked.replaceAll(/[«»]/g, '');
    const wanted = marked.replaceAll(/«([^»]*)»/g, (_, secret: string) => stars(secret));
    const got = masked(log, wandbLog([outputRecord(text)]));
    expect(got.bytes.includes(wanted)).toBe(true);
    expect(got.secrets.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('are not seen in what writers have written, which costs no copy', () => {
    const folder = new URL('../../fixtures/records/', import.meta.url);
    for (const name of readdirSync(folder).filter((each) => !each.endsWith('.md'))) {
      const bytes = readFileSync(new URL(name, folder));
      const got = masked(`/logs/${name}`, bytes);
      expect(got.secrets, name).toEqual([]);
      expect(got.bytes.buffer).toBe(bytes.buffer);
    }
  });

  it('are masked as text where there are no records', () => {
    const text = Buffer.from(`token ${hfToken} ok\n`);
    for (const path of [events, log, '/logs/a.log'])
      expect(masked(path, text).bytes.toString()).toBe(`token ${stars(hfToken)} ok\n`);
  });

  it('may be any bytes', () => {
    const check = (data: Uint8Array, tail: Uint8Array) => {
      const bytes = Buffer.concat([tfRecord(Buffer.from(data)), Buffer.from(tail)]);
      expect(masked(events, bytes).bytes.length).toBe(bytes.length);
      const inLog = Buffer.concat([wandbLog([Buffer.from(data)]), Buffer.from(tail)]);
      expect(masked(log, inLog).bytes.length).toBe(inLog.length);
    };
    const some = fc.uint8Array({ maxLength: 80 });
    expect(() => fc.assert(fc.property(some, some, check), { numRuns: 500 })).not.toThrow();
  });
});

describe('wholeRecordsLength', () => {
  const framing = recordFramingOf(events);
  const length = (bytes: Buffer) => (framing ? wholeRecordsLength(framing, bytes, 0) : null);
  const record = tfRecord(textEvent(1, 'a', 'b'));

  it('is that of the records that are whole', () => {
    expect(length(Buffer.concat([record, record]))).toBe(2 * record.length);
    expect(length(Buffer.concat([record, record.subarray(0, -1)]))).toBe(record.length);
    expect(length(record.subarray(0, -1))).toBe(0);
    expect(length(record.subarray(0, 6))).toBe(0);
  });

  it('goes over what is none, up to where one begins', () => {
    const rest = record.subarray(5);
    expect(length(Buffer.concat([rest, record]))).toBe(rest.length + record.length);
    expect(length(Buffer.concat([rest, record.subarray(0, -1)]))).toBe(rest.length);
    expect(length(rest)).toBe(null);
    expect(length(Buffer.from('converted 12 files\n'))).toBe(null);
  });

  it('takes a record that is too large as it comes, and alone', () => {
    const large = tfRecord(Buffer.alloc(2 << 20)).subarray(0, 100_000);
    expect(length(large)).toBeGreaterThanOrEqual(large.length);
    expect(length(Buffer.concat([record, large]))).toBe(record.length);
  });
});
