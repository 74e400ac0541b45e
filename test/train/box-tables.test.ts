import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

const table = (title: string, rows: readonly string[]) =>
  [
    '╭──────────────╮',
    `│ ${title} │`,
    '├──────────────┤',
    ...rows.map((row) => `│ ${row} │`),
    '╰──────────────╯',
  ].join('\n');

test("the metrics of a trial's result have its iteration for a step", () => {
  const rows = ['checkpoint_dir_name', 'time_total_s      0.1', 'training_iteration   7', 'loss   0.52'];
  expect(pointsOf(table('Trial train_fn_0 result', rows))).toEqual([[7, 'loss', 0.52]]);
});

test('a name or a value that fills its cell goes on in the next line; a name that is cut is none', () => {
  const wrapped = [
    '┏━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓',
    '┃   Test metric    ┃ DataLoader 0 ┃',
    '┡━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩',
    '│ test_accuracy_of │     0.75     │',
    '│  _a_long_name    │              │',
    '│    test_loss     │ 0.6562512345 │',
    '│                  │     678      │',
    '│ test_f1_of_anot… │     0.9      │',
    '│     test_mae     │     0.25     │',
    '└──────────────────┴──────────────┘',
  ];
  expect(pointsOf(wrapped.join('\n'))).toEqual([
    [null, 'test_accuracy_of_a_long_name', 0.75],
    [null, 'test_loss', 0.6562512345678],
    [null, 'test_mae', 0.25],
  ]);
});

test('several data loaders have a column each, and the names that loggers give them', () => {
  const columns = [
    '┏━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓',
    '┃  Test metric  ┃ DataLoader 0 ┃ DataLoader 1 ┃',
    '┡━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩',
    '│   test_acc    │     0.75     │              │',
    '│   test_loss   │     0.5      │     0.25     │',
    '└───────────────┴──────────────┴──────────────┘',
    '┏━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓',
    '┃  Test metric  ┃ DataLoader 2 ┃',
    '┡━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩',
    '│   test_loss   │     nan      │',
    '└───────────────┴──────────────┘',
  ];
  expect(pointsOf(columns.join('\n'))).toEqual([
    [null, 'test_acc/dataloader_idx_0', 0.75],
    [null, 'test_loss/dataloader_idx_0', 0.5],
    [null, 'test_loss/dataloader_idx_1', 0.25],
    [null, 'test_loss/dataloader_idx_2', Number.NaN],
  ]);
  const rule = '─'.repeat(60);
  const plain = `${rule}\n     Test metric       DataLoader 0     DataLoader 1\n${rule}\n      test_loss           0.5              0.25\n${rule}\n`;
  expect(pointsOf(plain)).toEqual([
    [null, 'test_loss/dataloader_idx_0', 0.5],
    [null, 'test_loss/dataloader_idx_1', 0.25],
  ]);
});

test('the header of version 1 goes on in the next line', () => {
  const rows = [
    '┏━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓',
    '┃ Runningstage.testing ┃              ┃',
    '┃        metric        ┃ DataLoader 0 ┃',
    '┡━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩',
    '│      test_loss       │     0.5      │',
    '└──────────────────────┴──────────────┘',
  ];
  expect(pointsOf(rows.join('\n'))).toEqual([[null, 'test_loss', 0.5]]);
});

test('tables of something else state none', () => {
  expect(pointsOf(table('Name      Value', ['loss   0.5', 'training_iteration   7']))).toEqual([]);
});

const counted = (rows: readonly string[], title = 'Epoch ┃ Loss   ┃ Acc   ┃ Time') =>
  [
    '┏━━━━━━━┳━━━━━━━━┳━━━━━━━┳━━━━━━┓',
    `┃ ${title} ┃`,
    '┡━━━━━━━╇━━━━━━━━╇━━━━━━━╇━━━━━━┩',
    ...rows.map((row) => `│ ${row} │`),
    '└───────┴────────┴───────┴──────┘',
  ].join('\n');

test("rows of rich's tables (15.0) that count epochs or steps are points, if a column is a metric's", () => {
  const text = counted(['1/2   │ 2.5000 │ 10.0% │ 1.2s', '2/2   │ 1.2500 │ 0.200 │ 1.3s']);
  const points = [
    [1, 'Loss', 2.5],
    [1, 'Acc', 10],
    [2, 'Loss', 1.25],
    [2, 'Acc', 0.2],
  ];
  expect(pointsOf(text)).toEqual(points);
  expect(pointsOf(`${text}\n${text}`)).toEqual([...points, ...points]);
  expect(pointsOf(counted(['1 │ 2 │ 3 │ 4'], 'Epoch ┃ Size ┃ Rank ┃ Time'))).toEqual([]);
  expect(pointsOf(counted(['1 │ 2 │ 3 │ 4'], 'Name ┃ Loss ┃ Acc ┃ Time'))).toEqual([]);
});
