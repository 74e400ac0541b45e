import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

const folder = new URL('../fixtures/logs/', import.meta.url);
const second = (i: number) => String(i % 60).padStart(2, '0');

type PassOn = (line: string, i: number) => string;

/** What the lines of a process look like when others have passed them on. */
const ways: Readonly<Record<string, PassOn>> = {
  'kubectl logs --prefix': (line) => `[pod/train-0/main] ${line}`,
  'kubectl logs --timestamps': (line, i) => `2026-01-01T00:00:${second(i)}.123456789Z ${line}`,
  'docker compose logs': (line) => `trainer-1  | ${line}`,
  'docker compose logs -t': (line, i) => `trainer-1  | 2026-01-01T00:00:${second(i)}.123456789Z ${line}`,
  journald: (line, i) => `Jan 01 00:00:${second(i)} node-7 train.sh[4711]: ${line}`,
  'journalctl -o short-iso': (line, i) => `2026-01-01T00:00:${second(i)}+0100 node-7 python3[4711]: ${line}`,
  ts: (line, i) => `Jan  1 00:00:${second(i)} ${line}`,
  'srun --label': (line) => `0: ${line}`,
};

/** Points and observations of a log, with their ranks; `srun --label` gives those of none a rank. */
function factsOf(text: string, hasRanks: boolean): string[] {
  let memory: Record<string, unknown> = {};
  return eventsOf(Buffer.from(text), { path: '/logs/train.log' }).flatMap((event) => {
    const { facts, context } = readFacts(event, memory);
    memory = context;
    return facts.flatMap((fact) => {
      const rank = hasRanks ? fact.rank : fact.rank || null;
      if (fact.kind === 'point') return [`${fact.step} ${fact.name} ${fact.value} ${rank}`];
      // Evidence is told once for a rank, and by times, which most of these have and the log has not.
      if (fact.kind !== 'observation' || fact.role === 'evidence') return [];
      return [`${fact.class} ${fact.role} ${rank}`];
    });
  });
}

/** Most of these say nothing of it: but for a terminal's, which are passed on in pieces of a line. */
const logs = readdirSync(folder)
  .filter((name) => name.endsWith('.log'))
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }))
  .filter(({ text }) => !text.includes('\r') && !text.includes(String.fromCharCode(27)));

/** Every line of a text. */
function passed(text: string, passOn: PassOn): string {
  return text
    .split('\n')
    .slice(0, text.endsWith('\n') ? -1 : undefined)
    .map((line, i) => `${passOn(line, i)}\n`)
    .join('');
}

describe.each(Object.entries(ways))('lines that were passed on by %s', (way, passOn) => {
  it.each(logs)('say what they said: $name', ({ text }) => {
    const hasRanks = way !== 'srun --label';
    expect(factsOf(passed(text, passOn), hasRanks).sort()).toEqual(factsOf(text, hasRanks).sort());
  });
});

/** A label is known by what stands behind it, or behind labels before. */
const known = Object.entries(ways).filter(([way]) => way !== 'srun --label');

describe.each(known)('lines that were passed on by %s', (_, passOn) => {
  it('are one event where they were one', () => {
    const text = [
      'INFO starting',
      'ERROR could not load',
      'Traceback (most recent call last):',
      '  File "train.py", line 7, in main',
      '    load()',
      'KeyError: 7',
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      'Traceback (most recent call last):',
      '  File "train.py", line 9, in main',
      'ValueError: no data',
      'step 1 loss 0.5',
    ];
    const kinds = eventsOf(Buffer.from(passed(`${text.join('\n')}\n`, passOn))).map(({ kind }) => kind);
    expect(kinds).toEqual(['line', 'traceback', 'line']);
  });
});

describe('a time that a logger writes', () => {
  it('makes no line another', () => {
    const lines = [
      '2026-01-01T00:00:00.000001Z [info     ] step                           loss=2.5 step=1',
      '2026-01-01T00:00:01.000001Z [error    ] failed',
      'Traceback (most recent call last):',
      '  File "train.py", line 7, in main',
      'KeyError: 7',
      '2026-01-01T00:00:02.000001Z  WARN trainer: slow',
    ];
    const events = eventsOf(Buffer.from(`${lines.join('\n')}\n`));
    expect(events.map(({ kind, level }) => [kind, level])).toEqual([
      ['line', 'info'],
      ['traceback', 'error'],
      ['line', 'warn'],
    ]);
  });

  it('is that of a line which has none of its own', () => {
    const [event, record] = eventsOf(
      Buffer.from(
        'Jan 01 00:00:01 node-7 a.sh[1]: step 1\nJan 01 00:00:02 node-7 a.sh[1]: {"msg": "x", "loss": 1}\n',
      ),
    );
    expect(new Date(event?.time ?? 0).toISOString().slice(5)).toBe('01-01T00:00:01.000Z');
    expect(record).toMatchObject({ kind: 'record', fields: { msg: 'x', loss: 1 } });
    expect(new Date(record?.time ?? 0).toISOString().slice(5)).toBe('01-01T00:00:02.000Z');
  });
});

describe('what looks like a container', () => {
  it('is none in a table', () => {
    const [, row] = eventsOf(Buffer.from('model | top1\nresnet-50 | 76.1\n'));
    expect(row?.message).toBe('resnet-50 | 76.1');
  });
});

describe('numbers before dicts', () => {
  it('are no labels of tasks', () => {
    const text = [0, 1, 2, 3, 4, 5].map((epoch) => `${epoch}: {'loss': 0.${epoch}}\n`).join('');
    expect(factsOf(text, true).every((fact) => fact.endsWith(' null'))).toBe(true);
  });
});

describe('torchrun behind the label of a task', () => {
  it('names a rank of the first machine, and on others tells processes apart', () => {
    const line = (task: number, local: number, text: string) => `${task}: [default${local}]:${text}\n`;
    const text =
      line(0, 0, 'step=1 loss=0.1') + line(0, 1, 'step=1 loss=0.2') + line(1, 0, 'step=1 loss=0.3');
    expect(factsOf(text, true)).toEqual(['1 loss 0.1 0', '1 loss 0.2 1', '1 loss 0.3 null']);
  });
});

describe.each([
  ['a JSON logger', (message: string) => ({ timestamp: '2026-01-01T00:00:00Z', level: 'info', message })],
  ['Fluent Bit', (line: string) => ({ date: 1767225600.5, log: `${line}\n`, stream: 'stderr' })],
  ['Google Cloud', (textPayload: string) => ({ textPayload, timestamp: '2026-01-01T00:00:00.1Z' })],
  ['journalctl -o json', (MESSAGE: string) => ({ __REALTIME_TIMESTAMP: '1767225600000000', MESSAGE })],
])('lines that were passed on as records by %s', (_, record) => {
  it('have their time, their points and their rank', () => {
    const lines = [
      '[default1]:step=1 loss=0.5',
      '[2026-01-01 00:00:00,000] [INFO] [logging.py:1:log] [Rank 0] step=10, lr=[0.001]',
    ];
    const text = lines.map((line) => `${JSON.stringify(record(line))}\n`).join('');
    expect(factsOf(text, true)).toEqual(['1 loss 0.5 1', '10 lr 0.001 0']);
    expect(eventsOf(Buffer.from(text)).map(({ time }) => Math.floor((time ?? 0) / 1000))).toEqual([
      1_767_225_600, 1_767_225_600,
    ]);
  });
});
