/** Displays on several rows: recorded output of rich, tqdm, enlighten and docker, and what may stand between their frames. */
import { describe, expect, test } from 'vitest';
import { eventsOf, fixture } from './helpers.ts';

const escape = '\u001B';
const up = (rows: number) => `${escape}[${rows}A`;
const shownIn = (text: string | Buffer) => eventsOf(text).map(({ kind, message }) => [kind, message]);

/** As rich's Live draws: erases what it drew last, from the bottom to the top, and draws anew. */
function live(frames: (string[] | { above: string; frame: string[] })[]): string {
  let text = `${escape}[?25l`;
  let height = 0;
  for (const each of frames) {
    const { above, frame } = Array.isArray(each) ? { above: '', frame: each } : each;
    if (height > 0) text += `\r${escape}[2K${`${up(1)}${escape}[2K`.repeat(height - 1)}`;
    text += above + frame.join('\r\n');
    height = frame.length;
  }
  return `${text}\r\n${escape}[?25h`;
}

describe('redrawn frames collapse to their last state', () => {
  test('rich: a table whose rows grow in number, with a line logged above, and a traceback at the end', () => {
    const events = eventsOf(fixture('rich-live-table-pty.log'));
    expect(events.map((event) => event.kind)).toEqual([
      'progress',
      'progress',
      'line',
      'progress',
      'traceback',
    ]);
    expect(events[1]?.message.split('\n')).toEqual([
      '┏━━━━━━━┳━━━━━━┳━━━━━┓',
      '┃ epoch ┃ loss ┃ acc ┃',
      '┡━━━━━━━╇━━━━━━╇━━━━━┩',
      '│ 0     │ 3.7  │ 0.0 │',
      '│ 1     │ 3.2  │ 0.1 │',
      '│ 2     │ 2.7  │ 0.2 │',
      '└───────┴──────┴─────┘',
    ]);
    expect(events[2]?.message).toContain('checkpoint written');
    expect(events[3]?.message.split('\n')).toHaveLength(8);
  });

  test('rich: two bars, with lines printed above them', () => {
    const events = eventsOf(fixture('rich-progress-pty.log'));
    expect(events.filter(({ kind }) => kind === 'line').map(({ message }) => message)).toEqual([
      'step 9 loss 1.9 saved',
      'step 19 loss 1.19 saved',
      'step 29 loss 1.29 saved',
      'step 39 loss 1.39 saved',
      'done',
    ]);
    const last = events.at(-2)?.message.split('\n');
    expect(last?.map((row) => row.replace(/━+/, '━'))).toEqual([
      'train ━ 100% 0:00:00',
      'valid ━ 100% 0:00:00',
    ]);
    expect(events).toHaveLength(11);
  });

  test('rich, with records that are written to stderr past it: each is exactly itself', () => {
    const events = eventsOf(fixture('rich-progress-stderr-pty.log'));
    const lines = events.filter(({ kind }) => kind === 'line');
    expect(lines.map(({ message, level }) => [message.replace(/^[\d-]+ [\d:,]+ /, ''), level])).toEqual([
      ['INFO app: saved checkpoint number 1', 'info'],
      ['INFO app: saved checkpoint number 4', 'info'],
      ['INFO app: finished', 'info'],
    ]);
    const [train, valid] = events.at(-2)?.message.split('\n') ?? [];
    expect(train).toMatch(/^train ━+ 100% 0:00:00$/);
    expect(valid).toMatch(/^valid ━+ 100% 0:00:00$/);
  });

  test('tqdm: an inner bar below an outer one; a dict that is written between is exactly the dict, and knows the bar behind it', () => {
    const events = eventsOf(fixture('tqdm-nested-pty.log'));
    const dicts = events.filter(({ message }) => message.startsWith('{'));
    expect(dicts.map(({ message }) => message)).toEqual([
      "{'loss': 4.5, 'epoch': 0}",
      "{'loss': 3.5, 'epoch': 1}",
      "{'loss': 2.5, 'epoch': 2}",
    ]);
    expect(dicts.map(({ barAfter }) => /\d\/3/.exec(barAfter ?? '')?.[0])).toEqual(['0/3', '1/3', '2/3']);
    const states = events.filter(({ kind }) => kind === 'progress').map(({ message }) => message);
    expect(states).toHaveLength(13);
    expect(states[4]?.split('\n').map((row) => /^\w+: +\d+%/.exec(row)?.[0])).toEqual([
      'epoch:  67%',
      'batch: 100%',
    ]);
    expect(shownIn(fixture('tqdm-nested-pty.log'))).toContainEqual(['line', 'print in the loop']);
    expect(events.at(-1)).toMatchObject({ kind: 'traceback', level: 'error' });
  });

  test('enlighten: bars below a scroll region', () => {
    const events = eventsOf(fixture('enlighten-pty.log'));
    expect(
      events.map(({ kind, message }) => (kind === 'line' ? message : message.split('\n').length)),
    ).toEqual([2, 'saved 5', 2, 'saved 11', 2, 'saved 17', 2, 'end']);
  });

  test('docker: one row at a time is drawn again', () => {
    const states = eventsOf(fixture('docker-pull-pty.log')).filter(({ kind }) => kind === 'progress');
    expect(states.map(({ message }) => message.split('\n').length)).toEqual([1, 2, 3, 3, 3]);
  });

  test('the alternate screen shows its last state; what follows it is a line', () => {
    expect(
      shownIn(fixture('rich-screen-pty.log')).map(([kind, message]) => [kind, message?.split('\n').length]),
    ).toEqual([
      ['progress', 5],
      ['line', 1],
    ]);
  });

  test('a thousand frames are one event of their last state, with all of their bytes', () => {
    const frames = Array.from({ length: 1000 }, (_, i) => [`train ${i}% of it`, `loss ${1000 - i}`]);
    const text = live(frames);
    expect(eventsOf(text)).toMatchObject([
      { kind: 'progress', start: 0, end: text.length - 8, message: 'train 999% of it\nloss 1' },
    ]);
  });
});

describe('lines between frames are events of their own', () => {
  const frame = ['a ━━━ 10%', 'b ━━━ 20%'];

  test.each([
    ['a line', 'saved\r\n', ['saved']],
    ['several, of which one is like a row', 'x\r\na ━━━ 5%\r\ny\r\n', ['x', 'a ━━━ 5%', 'y']],
    ['a record', '{"step": 1}\r\n', ['{"step": 1}']],
    ['a line with a time', '2026-11-23 10:00:00,1 INFO x\r\n', ['2026-11-23 10:00:00,1 INFO x']],
  ])('%s', (_, above, expected) => {
    const shown = eventsOf(live([frame, frame, { above, frame }, frame])).map(({ message }) => message);
    expect(shown).toEqual([frame.join('\n'), ...expected, frame.join('\n')]);
  });

  test('more lines than a display has rows', () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${'abcdefghij'[i % 10]}${i}`);
    const shown = eventsOf(live([frame, frame, { above: `${lines.join('\r\n')}\r\n`, frame }, frame])).map(
      ({ message }) => message,
    );
    expect(shown).toEqual([frame.join('\n'), ...lines, ...frame, frame.join('\n')]);
  });

  test('a traceback that is glued to a bar', () => {
    const bar = 'inner:  50%|█████     | 3/6 [00:00<00:00, 9.44it/s]';
    const traceback =
      'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no';
    const shown = shownIn(`\router\n\r${bar}${up(1)}\n\r${bar}${traceback}\nafter\n`);
    expect(shown.slice(-3)).toEqual([
      ['progress', bar],
      ['traceback', traceback],
      ['line', 'after'],
    ]);
  });

  test('what follows a display that nobody has ended is found line by line', () => {
    const text = `${live([frame, frame]).replace(`${escape}[?25h`, '')}${'x\n'.repeat(3)}Killed\n`;
    expect(shownIn(text).slice(1)).toEqual([
      ...Array.from({ length: 3 }, () => ['line', 'x']),
      ['line', 'Killed'],
    ]);
  });
});

describe('lines below a display that was higher than it is now', () => {
  const bar = (text: string) => `\r${text} 1/2 [00:01<00:01, 1.00it/s]\r${text} 2/2 [00:02<00:00, 1.00it/s]`;
  const nested = `${bar('Epoch 0: ')}\n${bar('Validation: ')}${up(1)}\rEpoch 0: 2/2 [00:02<00:00, 1.00it/s]\n`;

  test('a line above a bar that is drawn again is none of its rows', () => {
    const improved = `${nested.trimEnd()}Metric improved\n`;
    for (const before of [nested, improved])
      expect(shownIn(`${before}Epoch 0, global step 16: saving\n${bar('Epoch 1: ')}\n`)).toContainEqual([
        'line',
        'Epoch 0, global step 16: saving',
      ]);
  });

  test('the last rows of the stream are lines', () => {
    const table = ['one', 'two', 'three', 'four'];
    expect(shownIn(`${nested}${table.join('\n')}\n`).slice(-4)).toEqual(table.map((row) => ['line', row]));
  });
});

describe('bounds', () => {
  test('a display that is higher than any is kept to some rows, and loses no line', () => {
    const rows = Array.from({ length: 300 }, (_, i) => `row ${i}`);
    const events = eventsOf(`${rows.join('\n')}${up(299)}\r${rows.join('\n')}\nend\n`);
    expect(events.at(-1)?.message).toBe('end');
    expect(Math.max(...events.map(({ message }) => message.split('\n').length))).toBeLessThanOrEqual(48);
  });

  test('colours alone make no display: lines are known at once', () => {
    const events = eventsOf(`${escape}[31mred${escape}[0m\n${escape}[Kx\n`);
    expect(events.map(({ kind, message }) => [kind, message])).toEqual([
      ['line', 'red'],
      ['line', 'x'],
    ]);
  });

  test('questions to the terminal and character sets are taken off', () => {
    expect(shownIn(`${escape}P+q544e${escape}\\a${escape}(Bb${escape}=c\n`)).toEqual([['line', 'abc']]);
  });
});
