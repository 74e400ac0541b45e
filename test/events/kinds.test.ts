/** What becomes one event, with its kind, level, time and rank: literal output of loggers and launchers. */
import { describe, expect, test } from 'vitest';
import { stripAnsi } from '../../src/events/frame.ts';
import { eventsOf, fixture } from './helpers.ts';

const messages = (text: string) => eventsOf(text).map((event) => event.message);
const traceback = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no';

describe('lines', () => {
  test('rows of numbers that a table gets as the run goes on are events of their own', () => {
    // DeePMD-kit's lcurve.out.
    const rows = [
      '#  step      rmse_val    rmse_trn    rmse_f_val  rmse_f_trn         lr',
      '      0      1.93e+01    1.89e+01      6.11e-01    5.98e-01    1.0e-03',
      '    100      1.62e+01         nan      5.14e-01    5.01e-01    1.0e-03',
    ];
    expect(messages(`${rows.join('\n')}\n`)).toEqual(rows);
    const message = 'a matrix:\n  1  2  3  4\n  2  0.5  0.25  0.1';
    expect(messages(`${message}\n`)).toEqual([message]);
  });

  test('blank lines make no event; line ends and ANSI codes are taken off', () => {
    expect(messages('a\r\n\n \t\n\u001B[31mred\u001B[0m text\nb')).toEqual(['a', 'red text', 'b']);
  });

  test('an indented line goes with the one before it, a closing bracket too', () => {
    const text = 'config {\n    "a": 1,\n}\nnext';
    expect(messages(text)).toEqual(['config {\n    "a": 1,\n}', 'next']);
  });

  test.each([
    '[transformers] ',
    '[INFO|trainer.py:2] 2026-11-23 10:26:25,084 >> ',
    '2026-11-23 10:26:25 - INFO - a - ',
  ])('the message of a record begins behind a line end: %s', (head) => {
    const evaluation = `${head}\n***** Running Evaluation *****`;
    expect(messages(`${evaluation}\n***** more\n${head}\n{'loss': 1.5}\n`)).toEqual([
      evaluation,
      '***** more',
      head,
      "{'loss': 1.5}",
    ]);
  });

  test('in a log whose records all have a time, a line without one goes on with the message', () => {
    const records = Array.from(
      { length: 9 },
      (_, i) => `2026-11-23 10:25:40.30${i} | INFO     | m:f:1 - n ${i}`,
    );
    expect(messages([...records, 'to ckpt/step_50', records[0]].join('\n'))).toHaveLength(10);
    expect(
      messages(['2026/11/23 10:09:58 INFO mlflow: x', 'iter 5: loss 4.2', 'iter 6: loss 4.1'].join('\n')),
    ).toHaveLength(3);
  });

  test("rich's handler leaves a time blank that is that of the record before: it is another record, with a level of its own", () => {
    const blank = ' '.repeat(20);
    const more = `${blank}${' '.repeat(9)}which is long`;
    const text = `[11/23/26 10:26:25] INFO     step 1, a line\n${more}\n${blank}WARNING  slow\n${blank}ERROR    no\n${blank}  INFO  is none`;
    expect(eventsOf(text).map(({ level, message }) => [level, message])).toEqual([
      ['info', `[11/23/26 10:26:25] INFO     step 1, a line\n${more}`],
      ['warn', `${blank}WARNING  slow`],
      ['error', `${blank}ERROR    no\n${blank}  INFO  is none`],
    ]);
  });
});

test("a table's title, which rich fills on both sides, is no part of the record before it; what is indented alone is", () => {
  const record = '2026-11-27 01:00:00,123 - INFO - starting up';
  expect(messages(`${record}\n    Training progress     \n┏━━━━━━━┳━━━━━━━━┓\n`)).toEqual([
    record,
    '    Training progress     ',
    '┏━━━━━━━┳━━━━━━━━┓',
  ]);
  for (const more of ['    the rest', '    the rest ', '    name    value   '])
    expect(messages(`${record}\n${more}\n`)).toHaveLength(1);
});

const bars = {
  rich: 'train ━━━━━━━━╸━━━━━━━━━  20% 0:00:01',
  'rich, not begun': 'train ━━━━━━━━━━━━━━━━━━   0% -:--:--',
  'rich with a count': '⠹ train ━━━━━━━━╺━━━━━━━━━ 8/40 0:00:01 0:00:04',
  'rich with a size': 'get ━━━━━━━━━━━━╸━━━━━━ 12.5/20.0 MB • 3.1 MB/s • 0:00:04',
  'tqdm.rich': 'train  18% ━━━━━━━━╸━━━━━━━━━ 7/40  [ 0:00:00 < 0:00:02 , 32 it/s ]',
  Ultralytics: '   1/3   0G   4.19   2.712   8   64: 75% ━━━━━━━━━─── 3/4 5.6it/s 0.3s<0.2s',
  'Ultralytics, not begun': '   1/3   0G   4.976   3.1   8   64: 0% ──────────── 0/4  0.2s',
  'tqdm.rich, grouped': ' 10% ━━━━━━━━╸━━━━━━━━━ 256/2,500  [ 0:00:00 < 0:00:02 , 902 it/s ]',
  click: 'train  [#######-------------]  10/40',
  'click, a share': 'train  [#######-------------]   25%  00:00:12',
  progressbar2: ' 38% (15 of 40) |#######        | Elapsed Time: 0:00:00 ETA:  0:00:12',
  'alive-progress': 'train |██████      | ▂▄▆ 23/40 [57%] in 1s (~1s, 31.1/s)',
  'tqdm without a clock': 'epoch:  33%|███▎      | 1/3 [ETA 00:04]',
};

describe('bars of other libraries', () => {
  const record = '2026-11-23 10:25:40,301 INFO app: saved';
  test.each(Object.entries(bars))(
    '%s, each frame a line as without a terminal, and lines between',
    (_, bar) => {
      expect(eventsOf(`${record}\n${bar}\n${bar}\nx\n`).map(({ kind, message }) => [kind, message])).toEqual([
        ['line', record],
        ['progress', bar],
        ['progress', bar],
        ['line', 'x'],
      ]);
    },
  );

  test.each(Object.entries(bars))('%s, a record glued to it', (_, bar) => {
    for (const ends of ['', '\u001B[0m'])
      expect(
        eventsOf(`\r${bar}\r${bar}${ends}${record}\n\r${bar}\n`).map(({ kind, message }) => [kind, message]),
      ).toEqual([
        ['progress', bar],
        ['line', record],
        ['progress', bar],
      ]);
  });

  test('words that are glued behind a time, a share or a bracket', () => {
    for (const bar of [bars.rich, bars['rich, not begun'], bars['alive-progress'], bars['tqdm.rich']])
      expect(eventsOf(`\r${bar}saved it\n`).map(({ message }) => message)).toEqual([bar, 'saved it']);
  });

  test("columns of a program's own are the bar's, up to a date", () => {
    const bar = `${bars['rich with a count']} v_num: 0.000 train_loss: 2.316`;
    expect(messages(`\r${bar}\n`)).toEqual([bar]);
    expect(messages(`\r${bar}${record}\n`)).toEqual([bar, record]);
  });

  test.each([
    '━━━━━━━━━━━━ 1/3 ━━━━━━━━━━━━',
    '┏━━━━━━━━┳━━━━━━━┓',
    'done 10%|20%|30%| of it',
    'a [----]  b',
    'share 38% (15 of 40) of it',
  ])('none: %s', (text) => {
    expect(eventsOf(`${text}\n`)).toMatchObject([{ kind: 'line', message: text }]);
  });

  test('the last row of a table without a line end, and the record that is glued to it', () => {
    const table = '│ 0     │ 3.7  │\n└───────┴──────┘';
    expect(messages(`${table}${record}\n`)).toEqual([...table.split('\n'), record]);
  });
});

describe('progress', () => {
  test('the last frame counts', () => {
    const events = eventsOf('\r  0%|   | 0/9 [00:00<?, ?it/s]\r 90%|█  | 8/9 [00:01<00:00, 8.1it/s]\n');
    expect(events).toMatchObject([{ kind: 'progress', message: ' 90%|█  | 8/9 [00:01<00:00, 8.1it/s]' }]);
  });

  test('text glued to a bar is an event of its own', () => {
    const bar = ' 50%|█████     | 30/60 [00:00<00:00, 139.44it/s]';
    const events = eventsOf(`\r${bar}${traceback}\n\r${bar} `);
    expect(events.map(({ kind, message }) => [kind, message])).toEqual([
      ['progress', bar],
      ['traceback', traceback],
      ['progress', bar],
    ]);
  });

  test.each([
    ' 6/32 [====>.........................] - ETA: 0s - loss: 4.1580 - accuracy: 0.0104',
    '32/32 [==============================] - 1s 18ms/step - loss: nan - mae: 1.0400e-05',
    '\u001B[1m 6/32\u001B[0m \u001B[32m━━━\u001B[0m\u001B[37m━━━━━━━━━━━━━━━━━\u001B[0m \u001B[1m10s\u001B[0m 350ms/step - loss: 4.1519',
    '      7/Unknown \u001B[1m1:05\u001B[0m 3ms/step - loss: 4.1519',
    '10/10 [==============================] - 0s 1ms/step',
  ])('text glued to a bar of Keras, which has no end of its own: %s', (bar) => {
    const shown = stripAnsi(bar);
    for (const glued of [traceback, 'Epoch 1 is over', '7 is over', '\u001B[31mWARNING: slow\u001B[0m']) {
      const events = eventsOf(`\r${bar}   ${glued}\n${'\b'.repeat(90)}\r${bar}\n`);
      expect(events.map(({ kind, message }) => [kind, message])).toEqual([
        ['progress', shown],
        [glued === traceback ? 'traceback' : 'line', stripAnsi(glued)],
        ['progress', shown],
      ]);
    }
    expect(eventsOf(`\r${bar} - loss: high, and more of it\n`)).toHaveLength(1);
  });

  test('text glued to a bar that the terminal was too narrow for is an event of its own', () => {
    const whole = 'Epoch 0:   0%|         | 0/20 [00:00<?, ?it/s]';
    const cut = 'Epoch 0:  50%|▌| 10/20 [00:00<00:00, 110.3it/s';
    const codes = (bar: string) => bar.replace('▌', '\u001B[32m▌\u001B[0m');
    for (const glued of [traceback, 'step 10 is done', '[step 10] is done']) {
      const text = `\r${whole}\r${codes(cut)}${glued}\n\r${cut} \n\r${cut}${glued}\n`;
      const kind = glued === traceback ? 'traceback' : 'line';
      expect(eventsOf(text).map((event) => [event.kind, event.message.trimEnd()])).toEqual([
        ['progress', cut],
        [kind, glued],
        ['progress', cut],
        ['progress', cut],
        [kind, glued],
      ]);
    }
    const lines = eventsOf(fixture('tqdm-narrow-pty.log')).filter(({ kind }) => kind === 'line');
    expect(lines.map(({ message }) => message)).toEqual([
      'step 0 hello from the step',
      'step 7 hello from the step',
      'Metric val_loss improved. New best score: 1.043',
      "Epoch 0, global step 10: 'val_loss' reached 1.04306 (best 1.04306), saving model to 'checkpoints/epoch=0-step=10.ckpt' as top 1",
      'step 14 hello from the step',
      'Metric val_loss improved by 0.047 >= min_delta = 0.0. New best score: 0.996',
      "Epoch 0, global step 20: 'val_loss' reached 0.99617 (best 0.99617), saving model to 'checkpoints/epoch=0-step=20.ckpt' as top 1",
      'epoch 0 is over',
    ]);
    // Above a bar that is drawn below it.
    const below = `\r${whole}\n\r${whole}\u001B[A\r${cut}done\n\r${cut}\n\r${whole}\u001B[A\r${cut}\n`;
    expect(eventsOf(below).map((event) => event.message)).toContain('done');
  });

  test('a dict printed over a bar is exactly the dict, and knows the bar behind it', () => {
    const events = eventsOf("\r 0/4 [00:00<?, ?it/s]\r      \r{'loss': '6.2'}\n\r 2/4 [00:01<00:01, 2it/s]");
    expect(events).toMatchObject([
      { kind: 'progress' },
      { kind: 'line', message: "{'loss': '6.2'}", barAfter: ' 2/4 [00:01<00:01, 2it/s]' },
      { kind: 'progress' },
    ]);
  });

  test('backspaces take characters back', () => {
    expect(messages('ab\b\bxy\b\b\b\b\n')).toEqual(['xy']);
  });
});

describe('tracebacks', () => {
  test('a chained one is one event', () => {
    const chained = `${traceback}\n\nDuring handling of the above exception, another exception occurred:\n\n${traceback}`;
    expect(eventsOf(`${chained}\nnext\n`)).toMatchObject([
      { kind: 'traceback', level: 'error', message: chained },
      {},
    ]);
  });

  test('the error line that announces it belongs to it; an uncaught one after an info line does not', () => {
    const events = eventsOf(
      `2026-11-23 10:00:00,1 ERROR boom\n${traceback}\n2026-11-23 10:00:00,2 INFO on\n${traceback}\n`,
    );
    expect(events.map(({ kind, level }) => [kind, level])).toEqual([
      ['traceback', 'error'],
      ['line', 'info'],
      ['traceback', 'error'],
    ]);
  });

  test('what C++ has logged announces none', () => {
    const warning = '[rank1]:[W1126 18:11:21.049341279 reducer.cpp:1545] Warning: x (function operator())';
    const raised = traceback.replaceAll(/^/gm, '[rank1]: ');
    expect(messages(`${warning}\n${raised}\n`)).toEqual([warning, raised]);
  });

  test('an exception group is one event', () => {
    const group =
      '  + Exception Group Traceback (most recent call last):\n  |   File "a.py", line 1\n  | ExceptionGroup: x (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | ValueError: y\n    +------------------------------------';
    expect(eventsOf(`${group}\nnext`)).toMatchObject([
      { kind: 'traceback', message: group },
      { message: 'next' },
    ]);
  });

  test('prefixed by a launcher, with blank lines that are a bare prefix', () => {
    const found = eventsOf(fixture('torchrun-rank1-raises.log')).filter(
      (event) => event.kind === 'traceback',
    );
    expect(found.map((event) => event.rank)).toEqual([1, 2, 0, null]);
    expect(found[0]?.message).toContain("KeyError: 'shard_00009'");
    expect(found[0]?.message).toMatch(/RuntimeError: failed to load shard 9 on rank 1$/);
  });

  test('Spark: the stack belongs to the record that announces it', () => {
    const text =
      '24/06/01 12:00:02 ERROR Executor: Exception in task 1.0\norg.apache.spark.SparkException: a\n\tat a.B.c(B.scala:1)\nCaused by: java.io.IOException: b\n\t... 1 more\n24/06/01 12:00:03 INFO DAGScheduler: on\n';
    expect(eventsOf(text)).toMatchObject([{ kind: 'traceback', level: 'error' }, { level: 'info' }]);
  });

  test('Java: causes and suppressed exceptions', () => {
    const text =
      '2026-11-23 10:16:30,422 - WARN  [main:A@1] - x\njava.io.IOException: a\n\tat a.B.c(B.java:1)\nCaused by: java.lang.Error: b\n\t... 1 more\n';
    expect(eventsOf(text)).toMatchObject([{ kind: 'traceback', level: 'warn' }]);
  });
});

describe('heads', () => {
  const at = Date.UTC(2026, 10, 23, 10, 26, 25, 84);
  test.each([
    ['2026-11-23 10:26:25,084 - INFO - train - x', 'info'],
    ['2026-11-23 10:26:25.084 | WARNING  | __main__:<module>:33 - x', 'warn'],
    ['[2026-11-23 10:26:25,084][train][INFO] - x', 'info'],
    ['[2026-11-23 10:26:25,084] [ERROR] [config.py:1:print] x', 'error'],
    ['I1123 10:26:25.084000 20112 a.cc:1] x', 'info'],
    ['[rank1]:[E1123 10:26:25.084000 ProcessGroupNCCL.cpp:607] x', 'error'],
    ['2026-11-23 10:26:25,084,INFO,[dist_train.py:12] x', 'info'],
    ['2026-11-23T11:26:25.084+01:00 DEBUG x', 'debug'],
    ['26/11/23 10:26:25.084 INFO SparkContext: x', 'info'],
    ['11/23/2026 10:26:25.084 - WARNING - __main__ - x', 'warn'],
    ['[11/23/26 10:26:25.084] INFO     x', 'info'],
    ['[11/23 10:26:25.084 d2.utils.events]: x', null],
    ['11/23 10:26:25.084 - mmengine - ERROR - x', 'error'],
    ['2026-11-23 10:26:25,084 [myid:] - FATAL [main:A@42] - x', 'fatal'],
    ['2026-11-23 10:26:25.084000: W tensorflow/core/util/port.cc:110] x', 'warn'],
    ['[WARNING|trainer.py:2134] 2026-11-23 10:26:25,084 >> x', 'warn'],
    ['[INFO|2026-11-23 10:26:25.084] llamafactory.hparams.parser:423 >> x', 'info'],
    ['{"asctime": "2026-11-23 10:26:25,084", "levelname": "WARNING", "x": NaN}', 'warn'],
    ['{"time": 1795429585084, "level": 50, "msg": "x"}', 'error'],
    ['{"ts": 1795429585.084, "severity": "INFO"}', 'info'],
    [
      '{"text": "x", "record": {"level": {"name": "CRITICAL"}, "time": {"timestamp": 1795429585.084}}}',
      'fatal',
    ],
  ])('%s', (text, level) => {
    const [event] = eventsOf(text, { observed: Date.UTC(2026, 10, 24) });
    expect(event).toMatchObject({ level, timeSource: 'event', message: text });
    expect(event?.time).toBeCloseTo(at, 2);
  });

  test.each([
    ['WARNING:torch.distributed.elastic:Sending', 'warn'],
    ['/a/b.py:411: FutureWarning: This is old', 'warn'],
    ['[INFO|trainer.py:2134] >> x', 'info'],
    ['a line with ERROR in it', null],
    ['Saved to x', null],
  ])('%s', (text, level) => {
    expect(eventsOf(text)).toMatchObject([{ level, timeSource: 'observed' }]);
  });
});

describe('records', () => {
  test('NaN and the infinities in JSON are numbers; text in quotes is left alone', () => {
    const [event] = eventsOf('{"loss": NaN, "max": -Infinity, "why": "NaN \\" Infinity"}\n');
    expect(event?.fields).toEqual({ loss: NaN, max: -Infinity, why: 'NaN " Infinity' });
  });

  test('what is no whole object is a line; depth is bounded', () => {
    expect(eventsOf('{"a": 1\n{oops}\n').map((event) => event.kind)).toEqual(['line', 'line']);
    expect(eventsOf(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`)[0]?.kind).toBe('line');
  });

  test('CSV rows by the header, quotes and line ends in quotes included', () => {
    const events = eventsOf('step,loss,note\r\n1,2.5,"a, ""b""\nc"\r\n2,,nan\r\n', {
      path: '/x/metrics.csv',
    });
    expect(events.map((event) => event.fields)).toEqual([
      undefined,
      { step: 1, loss: 2.5, note: 'a, "b"\nc' },
      { step: 2, note: NaN },
    ]);
  });

  test('lone bytes that are no UTF-8 are U+FFFD in the text only', () => {
    const [event] = eventsOf(Buffer.from([0x61, 0xff, 0x62, 0x0a]));
    expect(event).toMatchObject({ message: 'a\uFFFDb', start: 0, end: 3 });
  });
});
