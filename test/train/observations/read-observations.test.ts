import { describe, expect, test } from 'vitest';
import type { Fact, ObservationBody } from '../../../src/core/fact.ts';
import { readFacts } from '../../../src/train/read-facts.ts';
import { signatures } from '../../../src/train/observations/signatures.ts';
import { eventsOf, fixture } from '../../events/helpers.ts';
import { failureTexts, harmlessTexts } from './failure-texts.ts';

function factsOf(text: string | Buffer): Fact[] {
  let context: Record<string, unknown> = {};
  return eventsOf(text).flatMap((event) => {
    const read = readFacts(event, context);
    context = JSON.parse(JSON.stringify(read.context)) as Record<string, unknown>;
    return read.facts;
  });
}

function observed(text: string | Buffer): (Fact & ObservationBody)[] {
  return factsOf(text).filter((fact) => fact.kind === 'observation');
}

const short = (text: string | Buffer) => observed(text).map((fact) => `${fact.class} ${fact.role}`);

describe('a text of a failure', () => {
  test.each(failureTexts)('$class, $role: $text', ({ text, class: name, role, details }) => {
    const found = observed(text);
    expect(found[0]).toMatchObject({ class: name, role, ...(details && { details }) });
    expect(found.filter((fact) => fact.role === 'root' || fact.role === 'cascade').length).toBeLessThan(2);
  });

  test('every signature has one', () => {
    const without = signatures.filter(({ pattern }) => !failureTexts.some(({ text }) => pattern.test(text)));
    expect(without.map(({ pattern }) => String(pattern))).toEqual([]);
  });

  test('every signature says by which texts it is found fast', () => {
    const missed = signatures.filter(({ pattern, hints }) =>
      failureTexts.some(({ text }) => pattern.test(text) && !hints.some((hint) => text.includes(hint))),
    );
    expect(missed.map(({ pattern }) => String(pattern))).toEqual([]);
  });

  test.each(harmlessTexts)('is not: %s', (text) => {
    expect(short(text)).toEqual([]);
  });
});

describe('exceptions', () => {
  test('a chain is one, and the first one comes first', () => {
    const text = `Traceback (most recent call last):
  File "/w/train.py", line 18, in data
    d['shard_00005']
KeyError: 'shard_00005'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/w/train.py", line 22, in <module>
    data()
RuntimeError: failed to load shard 5
`;
    expect(observed(text)).toMatchObject([
      {
        class: 'python',
        message:
          "KeyError: 'shard_00005', then RuntimeError: failed to load shard 5 (train.py:22, in <module>)",
        details: { exception: 'KeyError', end: 'likely' },
      },
    ]);
  });

  test('of a DataLoader worker: what was raised in the worker counts', () => {
    const text = `Traceback (most recent call last):
  File "/w/train.py", line 34, in <module>
    for batch in loader:
OSError: Caught OSError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/w/lib/python3.12/site-packages/torch/utils/data/_utils/worker.py", line 375, in _worker_loop
    data = fetcher.fetch(index)
OSError: [Errno 28] No space left on device

`;
    expect(observed(text)).toMatchObject([{ class: 'disk-full', details: { end: 'likely' } }]);
  });

  test('groups', () => {
    const text = `  + Exception Group Traceback (most recent call last):
  |   File "/w/train.py", line 3, in <module>
  |     raise group
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/w/train.py", line 1, in load
    |     raise MemoryError()
    | MemoryError
    +------------------------------------
`;
    expect(observed(text)).toMatchObject([{ class: 'host-oom' }]);
  });

  test('a group that nothing caught, whose member was raised in a task (CPython 3.11, asyncio)', () => {
    const text = `2026-11-23 10:00:00,000 INFO train: step=5 loss=0.4
  + Exception Group Traceback (most recent call last):
  |   File "/w/train.py", line 44, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/w/train.py", line 42, in fetch
    |     raise ConnectionError('parameter server is gone')
    | ConnectionError: parameter server is gone
    +------------------------------------
`;
    expect(observed(text)).toMatchObject([
      {
        class: 'python',
        role: 'root',
        message:
          'ConnectionError: parameter server is gone, then ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) (train.py:42, in fetch)',
      },
    ]);
    const stamped = text.split('\n').slice(1, -1);
    expect(
      short(stamped.map((line, i) => `2026-11-23T10:00:00.30${i % 10}000123Z ${line}\n`).join('')),
    ).toEqual(['python root']);
  });

  test("of TensorFlow's graphs: what was wrong stands below (TensorFlow 2.21, Keras 3)", () => {
    const head = `Traceback (most recent call last):
  File "/w/train.py", line 17, in <module>
    m.fit(x, y)
tensorflow.python.framework.errors_impl.InvalidArgumentError: Graph execution error:

Detected at node sequential_1/embedding_1/GatherV2 defined at (most recent call last):
  File "/w/train.py", line 17, in <module>

  File "/w/lib/python3.11/site-packages/keras/src/layers/core/embedding.py", line 196, in call

`;
    const wrong = 'indices[0,0] = 500 is not in [0, 10)';
    const name = 'tensorflow.python.framework.errors_impl.InvalidArgumentError';
    const node = '\t [[{{node sequential_1/embedding_1/GatherV2}}]] [Op:__inference_one_step_on_data_498]\n';
    expect(observed(`${head}${wrong}\n${node}`)).toMatchObject([
      { class: 'python', message: `${name}: Graph execution error: (train.py:17, in <module>)` },
      {
        class: 'python',
        message: `${name}: ${wrong} (train.py:17, in <module>)`,
        details: { end: 'likely' },
      },
    ]);
    expect(
      observed(`${head}2 root error(s) found.\n  (0) INVALID_ARGUMENT:  ${wrong}\n${node}`)[1],
    ).toMatchObject({
      message: `${name}: INVALID_ARGUMENT:  ${wrong} (train.py:17, in <module>)`,
    });
    expect(short(`${head}done\n`)).toEqual(['python root']);
  });

  describe('with a time before each line (kubectl logs --timestamps)', () => {
    const stamped = (text: string) =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line, i) => `2026-11-23T10:00:0${i % 10}.303000123Z ${line}\n`)
        .join('');
    const traceback = (prefix: string) =>
      `Traceback (most recent call last):\n  File "/w/train.py", line 27, in <module>\n    main()\nValueError: two\n`.replaceAll(
        /^(?=.)/gm,
        prefix,
      );
    const raised = {
      class: 'python',
      message: 'ValueError: two (train.py:27, in <module>)',
      details: { end: 'likely' },
    };

    test.each([
      ['[rank1]: ', 1],
      ['[default1]:[rank1]: ', 1],
      ['[1,1]<stderr>:', 1],
      ['(RayTrainWorker pid=123) ', null],
    ])('and the prefix %s', (prefix, rank) => {
      const found = observed(stamped(`${prefix}step 4\n${traceback(prefix)}`));
      expect(found).toMatchObject([{ ...raised, rank }]);
      expect(found[0]?.time).toBeCloseTo(Date.UTC(2026, 10, 23, 10, 0, 1, 303), 2);
    });

    test('glued to a bar', () => {
      const bar = ' 33%|###3      | 8/24 [00:01<00:03,  5.02it/s]';
      expect(observed(stamped(`step 4\n\r${bar}${traceback('')}`))).toMatchObject([raised]);
    });

    test("and what TensorFlow's graph says below", () => {
      const name = 'tensorflow.python.framework.errors_impl.InvalidArgumentError';
      const text = `${traceback('').replace('ValueError: two', `${name}: Graph execution error:`)}\nDetected at node a defined at (most recent call last):\n<stack traces unavailable>\nMatrix size-incompatible\n\t [[{{node a}}]]\n`;
      expect(observed(stamped(text))[1]).toMatchObject({
        message: `${name}: Matrix size-incompatible (train.py:27, in <module>)`,
      });
    });

    test('a time alone, or a list behind it, is no prefix', () => {
      expect(observed(stamped('[rank] done\n[1, 2] (three) Error: no\n'))).toEqual([]);
    });
  });

  test('of R: what it said before it halted (R 4.2)', () => {
    const text = 'step 5 loss 0.2\nError in f(1) : bad batch\nCalls: main -> f\nExecution halted\n';
    expect(observed(text)).toMatchObject([{ class: 'r', message: 'Error in f(1) : bad batch' }]);
    expect(observed('Error: no data\nExecution halted\n')).toMatchObject([{ message: 'Error: no data' }]);
  });

  test("cut by other ranks' lines", () => {
    const text = `[default2]:[rank2]: Traceback (most recent call last):
[default2]:[rank2]:   File "/w/train.py", line 27, in <module>
[default0]:[rank0]: Traceback (most recent call last):
[default0]:[rank0]:   File "/w/train.py", line 27, in <module>
[default2]:[rank2]:          ^^^^^
[default0]:[rank0]: RuntimeError: gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 10ms for recv operation to complete
[default2]:[rank2]: ValueError: two
`;
    expect(observed(text)).toMatchObject([
      { rank: 0, class: 'collective-timeout', details: { end: 'likely' } },
      { rank: 2, class: 'python', message: 'ValueError: two' },
    ]);
  });

  test('logged as a warning it is none', () => {
    const text = `2026-11-23 10:00:00,000 - WARNING - upload - retrying
Traceback (most recent call last):
  File "/w/train.py", line 3, in put
    raise OSError(5)
ConnectionError: no route
`;
    expect(short(text)).toEqual(['python warning']);
  });

  test('in records of JSON loggers', () => {
    expect(short(fixture('loguru.jsonl')).filter((text) => !text.startsWith('nan'))).toContain('python root');
    expect(short(fixture('structlog.jsonl'))).toContain('python root');
    expect(short(fixture('python-json-logger.jsonl'))).toContain('python root');
  });

  test('Java: the innermost cause; survived when the server goes on', () => {
    const found = observed(fixture('zookeeper-log4j.log'));
    expect(found.map(({ class: name }) => name)).toContain('went-on');
    expect(found.map(({ message }) => message)).toContain(
      'java.lang.NumberFormatException: For input string: "12,5"',
    );
  });
});

describe('numbers that are none', () => {
  test.each([
    ['step=3 loss=nan', ['nan root']],
    ['step=3 loss=1.5 grad_norm=inf', ['nan warning']],
    ['step=3 loss=1.5 my_metric=nan', []],
    // DeepXDE 1.15
    [
      'Step      Train loss              Test loss               Test metric\n0         [nan, 4.03e-02]         [nan, 4.03e-02]         []  \n',
      ['nan root'],
    ],
    [
      'Step      Train loss              Test loss               Test metric\n0         [3.07e+00, 4.03e-02]    [3.41e+00, 4.03e-02]    [nan]\n',
      [],
    ],
    ['{"step": 3, "loss": NaN}', ['nan root']],
    ["{'loss': '0', 'grad_norm': 'nan', 'learning_rate': '0.0003', 'epoch': '0.18'}", ['nan-hidden root']],
    [
      "{'loss': 6.2, 'epoch': 0.1}\n{'loss': 0.0, 'epoch': 0.2}\n{'loss': 0.0, 'epoch': 0.3}\n",
      ['nan-hidden root'],
    ],
    ["{'loss': 0.0, 'epoch': 0.2}\n{'loss': 0.0, 'epoch': 0.3}\n", []],
    ["{'loss': 0.0, 'grad_norm': 0.3, 'epoch': 0.2}\n{'loss': 0.0, 'grad_norm': 0.2, 'epoch': 0.3}\n", []],
  ])('%s', (text, expected) => {
    expect(short(text)).toEqual(expected);
  });

  test('a loss that Megatron-LM leaves out', () => {
    const line = (step: number, loss: string, skipped: number) =>
      ` iteration ${String(step).padStart(8)}/    6000 | consumed samples: 80 | learning rate: 2.5E-04 |${loss} loss scale: 1.0 | grad norm: 2.9 | number of skipped iterations: ${String(skipped).padStart(3)} | number of nan iterations:   0 |\n`;
    expect(short(line(5, ' lm loss: 4.37E+00 |', 0) + line(10, '', 0))).toEqual(['nan-hidden root']);
    expect(short(line(5, ' lm loss: 4.37E+00 |', 0) + line(10, '', 5))).toEqual(['overflow warning']);
    expect(short(line(5, '', 5) + line(10, ' lm loss: 4.37E+00 |', 0))).toEqual([]);
  });
});

test('each rank that writes is known, once a stream', () => {
  const started = factsOf('[default0]:a\n[default1]:b\n[default0]:c\n').filter(
    ({ kind }) => kind === 'lifecycle',
  );
  expect(started.map(({ rank }) => rank)).toEqual([0, 1]);
});

test('time grows no faster than the line', () => {
  const pieces = [
    ...failureTexts.map(({ text }) => text.slice(0, 60)),
    'NCCL WARN ',
    'exit code ',
    'Rank 1, ',
    'File "',
  ];
  const took = (characters: number) => {
    const texts = pieces.map((piece) =>
      piece.replaceAll('\n', ' ').repeat(Math.ceil(characters / piece.length)),
    );
    const before = process.cpuUsage();
    for (const text of texts) observed(text);
    return process.cpuUsage(before).user;
  };
  took(1_000);
  const short = took(100_000);
  expect(took(400_000)).toBeLessThan(Math.max(short, 20_000) * 16);
});
