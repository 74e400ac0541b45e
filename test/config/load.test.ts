import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, requireSections } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';
import type { RawConfig, SectionName } from '../../src/config/schema.ts';

let dir: string;
let serial = 0;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'caboose-config-'))));
afterAll(async () => await rm(dir, { recursive: true }));

interface Extra {
  env?: Record<string, string>;
  overrides?: RawConfig;
  needs?: SectionName[];
}

async function load(text: string | Buffer, { env = {}, ...extra }: Extra = {}) {
  const file = join(dir, `${(serial += 1)}.yaml`);
  await writeFile(file, text);
  return await loadConfig({ file, cwd: '/work', env: { HOSTNAME: 'box', ...env }, ...extra });
}

/** `line:column path message` of every problem. */
async function problems(text: string | Buffer, extra?: Extra): Promise<string[]> {
  try {
    await load(text, extra);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.line ?? '-'}:${p.column ?? '-'} ${p.path} ${p.message}`);
  }
  return [];
}

describe('a valid config', () => {
  it('gets all defaults, and absolute paths', async () => {
    const config = await load(
      'source: { include: ["logs/**"] }\ntransport: { local: {} }\nindex: { local: {} }\n',
    );
    expect(config).toMatchObject({
      source: {
        id: 'box',
        include: ['/work/logs/**'],
        timeZone: 'UTC',
        redact: 'source',
        redactPatterns: [],
      },
      transport: {
        local: { dir: '/work/caboose-data/transport', retention: { days: 30, bytesHardMax: null } },
      },
      index: { local: { dir: '/work/caboose-data/index', bytesMax: null } },
      state: { dir: '/work/caboose-state' },
      agent: { cpuMax: 0.25, bytesPerSecondMax: null, pollIntervalMs: 500, fileSystemEvents: true },
      indexer: { mode: 'shared', provisionalAfterMs: 1000 },
      telemetry: { trainSeriesMax: 10_000 },
      logLevel: 'info',
    });
    expect(config.lease).toBeUndefined();
  });

  it('never follows its own directories', async () => {
    const config = await load(
      'source: { include: ["/x/**"], exclude: ["*.tmp", "old/*"] }\nstate: { dir: "/x/[s]" }\ntransport: { local: {} }',
    );
    expect(config.source?.exclude).toEqual([
      '**/*.tmp',
      '/work/old/*',
      '/x/\\[s\\]/**',
      '/work/caboose-data/transport/**',
    ]);
  });

  it('is made of the local defaults without a file', async () => {
    const config = await loadConfig({
      file: null,
      cwd: '/w',
      env: { HOSTNAME: 'h' },
      overrides: { source: { include: ['a'] } },
      needs: ['source', 'transport', 'index', 'lease'],
    });
    expect(config).toMatchObject({
      source: { id: 'h', include: ['/w/a'] },
      transport: { local: {} },
      lease: { inProcess: {} },
    });
  });

  it('takes empty sections as people write them', async () => {
    const config = await load('lease:\n  inProcess:\nhttp:\nagent:\n  bytesPerSecondMax: null\n');
    expect(config.lease).toEqual({ inProcess: {} });
    expect(config.http).toEqual({});
  });

  it('lets the command line win', async () => {
    const config = await load('state: { dir: /a }\nhttp: { listen: "127.0.0.1:1" }', {
      overrides: { state: { dir: '/b' }, logLevel: 'debug' },
    });
    expect(config).toMatchObject({
      state: { dir: '/b' },
      http: { listen: '127.0.0.1:1' },
      logLevel: 'debug',
    });
  });
});

describe('variables', () => {
  it('expand in values, with defaults, one inside another', async () => {
    const config = await load(
      'source: { id: "${A}-${B:-b}", run: "${C:-${A}}", labels: { plain: "$${A}" } }',
      { env: { A: 'a' } },
    );
    expect(config.source).toMatchObject({ id: 'a-b', run: 'a', labels: { plain: '${A}' } });
  });

  it('fill numbers and booleans where the schema wants them, and stay text elsewhere', async () => {
    const text = 'source:\n  run: ${N}\n  rank: ${N}\nagent: { cpuMax: "${F}", fileSystemEvents: "${T}" }\n';
    const config = await load(text, { env: { N: '007', F: '0.5', T: 'false' } });
    expect(config).toMatchObject({
      source: { run: '007', rank: 7 },
      agent: { cpuMax: 0.5, fileSystemEvents: false },
    });
  });

  it('cannot change the structure', async () => {
    const config = await load('source:\n  run: ${X}\n', { env: { X: 'a, rank: 5 }\nagent: {}' } });
    expect(config.source?.run).toBe('a, rank: 5 }\nagent: {}');
  });

  it('that are unset are told once, with the place', async () => {
    expect(await problems('source:\n  attempt: ${NOPE}\n')).toEqual([
      '2:12 source.attempt the environment variable NOPE is not set; set it, or write ${NOPE:-default}',
    ]);
    expect(await problems('source: { run: ${A} }')).toEqual([expect.stringMatching(/must be quoted$/)]);
    expect(await problems('source: { id: "${" }')).toEqual([
      expect.stringMatching(/^1:15 source.id "\$\{" is no variable/),
    ]);
  });
});

describe('errors', () => {
  it('come all at once, each with its line, the unknown with the nearest known', async () => {
    const text = [
      'source:',
      '  includ: ["/logs"]',
      '  redact: everything',
      'transport:',
      '  kafka: { brokers: ["http://localhost:9092"], brokes: 1 }',
      '  local: {}',
      'index:',
      '  elasticsearch: { node: "localhost:9200" }',
      'agent:',
      '  cpuMax: fast',
      '  inFlightBytesMax: 3',
    ].join('\n');
    expect(await problems(text, { needs: ['source', 'lease'] })).toEqual([
      '1:1 source.include is empty, so that nothing would be followed; name files, globs or directories',
      '1:1 lease is missing, and this command needs it; write e.g. lease: { zookeeper: { servers: ["127.0.0.1:2181"] } }, or lease: { inProcess: {} }',
      '2:3 source.includ unknown key; did you mean "include"?',
      '3:3 source.redact must be "source" or "index" or "off"',
      '4:1 transport must hold exactly one of kafka, local; it holds kafka and local',
      '5:22 transport.kafka.brokers[0] must be HOST:PORT, e.g. "127.0.0.1:9092" (no scheme)',
      '5:48 transport.kafka.brokes unknown key; did you mean "brokers"?',
      '8:20 index.elasticsearch.node must be a URL such as "http://127.0.0.1:9200"',
      '10:3 agent.cpuMax must be a number',
      expect.stringMatching(/^11:3 agent.inFlightBytesMax must be at least/),
      expect.stringMatching(/^11:3 agent.inFlightBytesMax must hold two segments/),
    ]);
  });

  it.each([
    ['transport: {}', 'transport must hold exactly one of kafka, local; it holds none'],
    ['lease: { inProcess: {} }\nindexer: { mode: active-standby }', 'active-standby needs lease.zookeeper'],
    ['index: { elasticsearch: { node: "http://a", auth: { username: a } } }', 'must hold one of apiKey'],
    ['index: { elasticsearch: { node: "http://a", tls: {} } }', 'has no effect on an http:// node'],
    [
      'transport: { kafka: { brokers: ["a:1"], tls: { certFile: x } } }',
      'certFile and keyFile belong together',
    ],
    ['state: { dir: ./d }\nindex: { local: { dir: d/ } }', 'is the directory of state.dir, too'],
    ['transport: { local: { retention: { bytesHardMax: 20000000 } } }', 'must not be below bytesMax'],
    ['source: { pathPatterns: ["{node}/x"] }', '{node} is no placeholder'],
    ['source: { timeZone: Mars/Olympus }', 'must be UTC or an IANA zone'],
    [
      'source: { redactPatterns: ["EMP[0-9]+", "(a"] }',
      '1:41 source.redactPatterns[1] is no pattern that can be used: missing closing ), at character 1',
    ],
    ['source: { redactPatterns: ["(?=a)b"] }', 'invalid or unsupported Perl syntax, at character 1'],
    ['source: { redactPatterns: ["a*"] }', 'it matches even an empty line'],
    [
      'source: { redact: off, redactPatterns: [a] }',
      'source.redactPatterns masks nothing while source.redact is "off"',
    ],
    ['transport: { kafka: { brokers: ["a:99999"] } }', 'at most 65535'],
    ['transport: { kafka: { brokers: [] } }', 'must name at least 1'],
    ['transport: { kafka: { } }', 'is missing; it must be a list'],
    ['http: { token: short }', 'at least 16 characters'],
    ['source: { run: 5 }', 'must be a text (quote it)'],
    ['logLevel: loud', 'must be "debug" or "info"'],
    ['state: [a]', 'must be a section with keys'],
    ['a: 1\na: 2', 'not valid YAML: Map keys must be unique'],
    ['a: [', 'not valid YAML'],
    ['a: *nobody', 'not valid YAML'],
    ['- a', 'must be a map of sections'],
    ['# only a comment', 'the file is empty'],
    ['', 'the file is empty'],
  ])('%j: %s', async (text, expected) => {
    expect((await problems(text)).join('\n')).toContain(expected);
  });

  it.each([
    ['{ when: {}, topicPrefix: x }', 'routes[0].when must name a path, labels, or both'],
    ['{ when: { path: "*" } }', 'routes[0] leads nowhere; name a topicPrefix, an indexPrefix, or both'],
    ['{ when: { path: "*" }, topicPrefix: "a b" }', 'routes[0].topicPrefix may hold letters, digits'],
    ['{ when: { path: "*" }, indexPrefix: Upper }', 'routes[0].indexPrefix may hold lower-case letters'],
    [
      '{ when: { path: "*" }, indexPrefix: caboose-logs }',
      'could not be told from those of the prefix caboose',
    ],
    [
      '{ whenever: 1, indexPrefix: x }',
      'routes[0].whenever unknown key; known here: when, topicPrefix, indexPrefix',
    ],
  ])('a route that is none: %s', async (route, expected) => {
    expect((await problems(`routes: [${route}]`)).join('\n')).toContain(expected);
  });

  it('a second cluster that is the first is told', async () => {
    const same = 'brokers: ["a:1", "b:1"], second: { brokers: ["c:1", "b:1"] }';
    expect(await problems(`transport: { kafka: { ${same} } }`)).toEqual([
      expect.stringContaining(
        'transport.kafka.second.brokers names b:1, which transport.kafka.brokers names',
      ),
    ]);
  });

  it('a route has no effect on what is embedded', async () => {
    const embedded = 'transport: { local: {} }\nindex: { local: {} }';
    expect(
      await problems(`${embedded}\nroutes: [{ when: { path: "*" }, topicPrefix: x, indexPrefix: y }]`),
    ).toEqual([
      expect.stringContaining('routes[0].topicPrefix has no effect with transport.local'),
      expect.stringContaining('routes[0].indexPrefix has no effect with index.local'),
    ]);
  });

  it('more prefixes than an indexer should have consumers are told', async () => {
    const many = Array.from({ length: 17 }, (_, i) => `{ when: { path: "${i}" }, topicPrefix: t${i} }`);
    expect((await problems(`routes: [${many.join(', ')}]`)).join('\n')).toContain(
      'routes names 17 of topicPrefix; at most 16',
    );
  });

  it('of a value from the command line have no line', async () => {
    expect(
      await problems('http: { listen: "127.0.0.1:1" }', { overrides: { http: { listen: 'x' } } }),
    ).toEqual([expect.stringMatching(/^-:- http.listen must be HOST:PORT/)]);
  });

  it.each([
    ['a missing file', async () => '/does/not/exist.yaml', 'there is no such file'],
    ['a directory', async () => dir, 'it is a directory'],
  ])('%s is told', async (_, path, expected) => {
    const loading = loadConfig({ file: await path(), cwd: '/', env: {} });
    await expect(loading).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining(expected),
    });
  });

  it('a binary file is told', async () => {
    await expect(load(Buffer.from([0x1f, 0x8b, 0, 1]))).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });
});

it('requireSections tells what a command lacks', async () => {
  const config = await load('source: { include: [] }\ntransport: { local: {} }');
  expect(requireSections(config, ['transport'])).toEqual([]);
  expect(requireSections(config, ['source', 'index']).map((p) => p.path)).toEqual([
    'source.include',
    'index',
  ]);
});
