import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { keyPathsOf, undocumented } from './documented.ts';
import { deadFiles, importBreaches, processBreaches, deadExports } from './rules.ts';
import { sourceFile } from './source-files.ts';

describe('the import rule', () => {
  it.each([
    ['src/tail/a.ts', "import { x } from '../transport/b.ts';", 'tail may not know transport'],
    ['src/tail/a.ts', "import type { X } from '../transport/b.ts';", 'tail may not know transport'],
    ['src/tail/a.ts', "import {\n  x,\n  y,\n} from '../transport/b.ts';", 'tail may not know transport'],
    ['src/tail/a.ts', "const b = await import('../transport/b.ts');", 'tail may not know transport'],
    ['src/tail/a.ts', "type B = import('../transport/b.ts').B;", 'tail may not know transport'],
    ['src/tail/a.ts', "import '../transport/b.ts';", 'tail may not know transport'],
    ['src/tail/a.ts', "export * from '../transport/b.ts';", 'tail may not know transport'],
    ['src/tail/a.ts', "export { x } from '../transport/b.ts';", 'tail may not know transport'],
    ['src/transport/kafka/a.ts', "import { x } from '../../sinks/b.ts';", 'transport may not know sinks'],
    ['src/core/a.ts', "import { x } from '../segment/b.ts';", 'core may not know segment'],
    ['src/segment/a.ts', "import { x } from '../telemetry/b.ts';", 'segment may not know telemetry'],
    ['src/config/a.ts', "import { x } from '../telemetry/b.ts';", 'config may not know telemetry'],
    ['src/tail/a.ts', "import { x } from '../commands/b.ts';", 'only main.ts imports commands'],
    ['src/commands/a.ts', "import { x } from '../main.ts';", 'imports main.ts'],
    ['src/tail/a.ts', "import { x } from '../../test/b.ts';", 'outside of src'],
  ])('finds the breach in %s: %s', (path, text, breach) => {
    expect(importBreaches([sourceFile(path, text)])).toEqual([expect.stringContaining(breach)]);
  });

  it.each([
    ['src/main.ts', "await import('./commands/up.ts');"],
    ['src/commands/up.ts', "import { x } from '../tail/b.ts';"],
    ['src/commands/wiring/a.ts', "import { x } from '../../sinks/b.ts';"],
    ['src/tail/a.ts', "import { x } from './b.ts';\nimport { y } from '../core/c.ts';"],
    ['src/transport/kafka/a.ts', "import { x } from '../local/b.ts';"],
    [
      'src/sinks/a.ts',
      "import { x } from '../segment/b.ts';\nimport type { M } from '../telemetry/metrics.ts';",
    ],
    ['src/config/a.ts', "import type { M } from '../telemetry/b.ts';"],
    ['src/tail/a.ts', "import { x } from 'zod';\nimport { y } from 'node:fs';"],
    ['src/tail/a.ts', "// import { x } from '../transport/b.ts';\n/* import '../sinks/c.ts'; */"],
  ])('allows %s: %s', (path, text) => {
    expect(importBreaches([sourceFile(path, text)])).toEqual([]);
  });
});

describe('the process rule', () => {
  it.each([
    'process.exit(1);',
    "const home = process.env['HOME'];",
    'const { env } = process;',
    "import { argv } from 'node:process';",
    'process\n  .exit(1);',
    'process.exitCode = 1;',
  ])('finds %s', (text) => {
    expect(processBreaches([sourceFile('src/tail/a.ts', text)])).toHaveLength(1);
    expect(processBreaches([sourceFile('src/main.ts', text)])).toEqual([]);
  });

  it.each([
    'process.kill(1, 0);',
    'const { user } = process.cpuUsage();',
    "const name = 'process';",
    '// process.exit',
  ])('allows %s', (text) => {
    expect(processBreaches([sourceFile('src/tail/a.ts', text)])).toEqual([]);
  });
});

describe('dead files', () => {
  it('are those that no chain of imports reaches, even if they import each other', () => {
    const files = [
      sourceFile('src/main.ts', "await import('./commands/up.ts');"),
      sourceFile('src/commands/up.ts', "import type { T } from '../core/t.ts';"),
      sourceFile('src/core/t.ts', ''),
      sourceFile('src/core/dead.ts', "import './dead-too.ts';"),
      sourceFile('src/core/dead-too.ts', "import './dead.ts';"),
      sourceFile('src/web/index.html', '<link href="style.css">'),
      sourceFile('src/web/style.css', ''),
    ];
    expect(deadFiles(files, 'src/main.ts')).toEqual([
      'src/core/dead.ts',
      'src/core/dead-too.ts',
      'src/web/index.html',
    ]);
  });
});

describe('dead exports', () => {
  it('are those whose name stands nowhere else', () => {
    const files = [
      sourceFile(
        'src/core/a.ts',
        'export const used = 1;\nexport const here = 2;\nexport function dead() { return here; }\nexport interface Any {}',
      ),
      sourceFile('src/core/b.ts', "import { used } from './a.ts'; // dead"),
    ];
    expect(deadExports(files, files)).toEqual(['src/core/a.ts exports dead']);
  });
});

describe('documented names', () => {
  const schema = z.strictObject({
    source: z
      .strictObject({ id: z.string().default('x'), labels: z.record(z.string(), z.string()) })
      .prefault({ labels: {} }),
    sinks: z.array(z.strictObject({ kind: z.string().transform((kind) => kind.trim()) })).optional(),
    lease: z.union([z.strictObject({ a: z.number() }), z.strictObject({ b: z.number().nullable() })]),
  });

  it('are every path of a schema, through arrays, unions and defaults', () => {
    expect(keyPathsOf(schema)).toEqual([
      'source',
      'source.id',
      'source.labels',
      'sinks',
      'sinks.kind',
      'lease',
      'lease.a',
      'lease.b',
    ]);
  });

  it('are looked for as a whole', () => {
    expect(undocumented(['source', 'source.id', 'lease'], '`source.idle` and `lease`.')).toEqual([
      'source',
      'source.id',
    ]);
  });
});
