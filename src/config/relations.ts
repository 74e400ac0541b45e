/** What must hold between keys. Looks at unchecked data, so that these errors come together with those of the schema. */
import { segmentBytesMax } from '../core/segment.ts';
import { pathText } from './problems.ts';
import type { SectionName } from './schema.ts';

export interface RelationProblem {
  path: readonly PropertyKey[];
  message: string;
}

/** Sections of which each holds exactly one of these. */
const choices = {
  transport: ['kafka', 'local'],
  index: ['elasticsearch', 'local'],
  lease: ['zookeeper', 'inProcess'],
} as const;

export function relationProblems(data: unknown): RelationProblem[] {
  return [
    ...Object.entries(choices).flatMap(([section, options]) => choiceProblems(data, section, options)),
    ...redactProblems(data),
    ...authProblems(data),
    ...tlsProblems(data),
    ...agentProblems(data),
    ...retentionProblems(data),
    ...indexerProblems(data),
    ...routeProblems(data),
    ...secondClusterProblems(data),
    ...directoryProblems(data),
  ];
}

/** Sections that a command needs and the config lacks, or has without what makes them useful. */
export function sectionProblems(data: unknown, needs: readonly SectionName[]): RelationProblem[] {
  const examples = {
    source: 'source: { include: ["/logs/**/*.log"] }',
    transport: 'transport: { kafka: { brokers: ["127.0.0.1:9092"] } }, or transport: { local: {} }',
    index: 'index: { elasticsearch: { node: "http://127.0.0.1:9200" } }, or index: { local: {} }',
    lease: 'lease: { zookeeper: { servers: ["127.0.0.1:2181"] } }, or lease: { inProcess: {} }',
  } as const;
  return needs.flatMap((section) => {
    if (at(data, section) === undefined) {
      return [
        {
          path: [section],
          message: `is missing, and this command needs it; write e.g. ${examples[section]}`,
        },
      ];
    }
    const include = at(data, 'source', 'include');
    if (section !== 'source' || (include !== undefined && !(Array.isArray(include) && include.length === 0)))
      return [];
    return [
      {
        path: ['source', 'include'],
        message: 'is empty, so that nothing would be followed; name files, globs or directories',
      },
    ];
  });
}

function choiceProblems(data: unknown, section: string, options: readonly string[]): RelationProblem[] {
  const value = at(data, section);
  if (!isObject(value)) return [];
  const chosen = options.filter((option) => value[option] !== undefined);
  if (chosen.length === 1) return [];
  const message =
    chosen.length === 0
      ? `must hold exactly one of ${options.join(', ')}; it holds none`
      : `must hold exactly one of ${options.join(', ')}; it holds ${chosen.join(' and ')}`;
  return [{ path: [section], message }];
}

function redactProblems(data: unknown): RelationProblem[] {
  const patterns = at(data, 'source', 'redactPatterns');
  const isOff = at(data, 'source', 'redact') === 'off';
  if (!isOff || !Array.isArray(patterns) || patterns.length === 0) return [];
  const message =
    'masks nothing while source.redact is "off"; set that to "source" or "index", or leave the patterns out';
  return [{ path: ['source', 'redactPatterns'], message }];
}

function authProblems(data: unknown): RelationProblem[] {
  const auth = at(data, 'index', 'elasticsearch', 'auth');
  if (!isObject(auth)) return [];
  const isGiven = (key: string) => auth[key] !== undefined;
  const ways = [isGiven('apiKey'), isGiven('bearer'), isGiven('username') || isGiven('password')];
  const isOne = ways.filter(Boolean).length === 1 && isGiven('username') === isGiven('password');
  if (isOne) return [];
  const message = 'must hold one of apiKey, bearer, or username and password';
  return [{ path: ['index', 'elasticsearch', 'auth'], message }];
}

function tlsProblems(data: unknown): RelationProblem[] {
  const owners = [
    ['transport', 'kafka'],
    ['transport', 'kafka', 'second'],
    ['index', 'elasticsearch'],
    ['lease', 'zookeeper'],
  ];
  const problems = owners.flatMap((owner) => {
    const tls = at(data, ...owner, 'tls');
    if (!isObject(tls) || (tls['certFile'] === undefined) === (tls['keyFile'] === undefined)) return [];
    return [
      { path: [...owner, 'tls'], message: 'certFile and keyFile belong together; one of them is missing' },
    ];
  });
  const node = at(data, 'index', 'elasticsearch', 'node');
  if (
    at(data, 'index', 'elasticsearch', 'tls') !== undefined &&
    typeof node === 'string' &&
    /^http:/i.test(node)
  ) {
    problems.push({
      path: ['index', 'elasticsearch', 'tls'],
      message: 'has no effect on an http:// node; write https://',
    });
  }
  return problems;
}

function agentProblems(data: unknown): RelationProblem[] {
  const inFlight = at(data, 'agent', 'inFlightBytesMax');
  if (typeof inFlight !== 'number' || inFlight >= 2 * segmentBytesMax) return [];
  return [
    {
      path: ['agent', 'inFlightBytesMax'],
      message: `must hold two segments, so at least ${2 * segmentBytesMax}`,
    },
  ];
}

function retentionProblems(data: unknown): RelationProblem[] {
  const path = ['transport', 'local', 'retention', 'bytesHardMax'];
  const soft = at(data, 'transport', 'local', 'retention', 'bytesMax');
  const hard = at(data, ...path);
  if (typeof soft !== 'number' || typeof hard !== 'number' || hard >= soft) return [];
  return [{ path, message: `must not be below bytesMax (${soft})` }];
}

function indexerProblems(data: unknown): RelationProblem[] {
  if (at(data, 'indexer', 'mode') !== 'active-standby' || at(data, 'lease', 'inProcess') === undefined)
    return [];
  return [
    {
      path: ['indexer', 'mode'],
      message: 'active-standby needs lease.zookeeper; with lease.inProcess two indexers would both be active',
    },
  ];
}

function secondClusterProblems(data: unknown): RelationProblem[] {
  const path = ['transport', 'kafka', 'second', 'brokers'];
  const [first, second] = [at(data, 'transport', 'kafka', 'brokers'), at(data, ...path)];
  if (!Array.isArray(first) || !Array.isArray(second)) return [];
  const shared = second.find((broker: unknown) => first.includes(broker)) as unknown;
  if (typeof shared !== 'string') return [];
  const message = `names ${shared}, which transport.kafka.brokers names, too; the second must be a cluster of its own`;
  return [{ path, message }];
}

/** Each prefix costs a consumer in every indexer, and two templates. */
const routePrefixesMax = 16;

function routeProblems(data: unknown): RelationProblem[] {
  const routes = at(data, 'routes');
  if (!Array.isArray(routes)) return [];
  const problems = routes.flatMap((route: unknown, i) => {
    if (!isObject(route) || !isObject(route['when'])) return [];
    if (route['topicPrefix'] === undefined && route['indexPrefix'] === undefined)
      return [{ path: ['routes', i], message: 'leads nowhere; name a topicPrefix, an indexPrefix, or both' }];
    return [
      ...onlyWith(data, i, route, 'topicPrefix', ['transport', 'local']),
      ...onlyWith(data, i, route, 'indexPrefix', ['index', 'local']),
      ...mixedUp(data, i, route['indexPrefix']),
    ];
  });
  for (const key of ['topicPrefix', 'indexPrefix']) {
    const named = new Set(
      routes.map((route: unknown) => at(route, key)).filter((each) => each !== undefined),
    );
    if (named.size > routePrefixesMax)
      problems.push({
        path: ['routes'],
        message: `names ${named.size} of ${key}; at most ${routePrefixesMax}`,
      });
  }
  return problems;
}

function onlyWith(
  data: unknown,
  i: number,
  route: Record<string, unknown>,
  key: string,
  embedded: [string, string],
): RelationProblem[] {
  if (route[key] === undefined || at(data, ...embedded) === undefined) return [];
  return [
    { path: ['routes', i, key], message: `has no effect with ${embedded.join('.')}, which is one for all` },
  ];
}

/** `caboose-logs-*` must not find what `caboose-logs` has as a prefix. */
function mixedUp(data: unknown, i: number, prefix: unknown): RelationProblem[] {
  const own = at(data, 'index', 'elasticsearch', 'indexPrefix') ?? 'caboose';
  const others = [own, ...(at(data, 'routes') as unknown[]).map((route) => at(route, 'indexPrefix'))];
  const isWithin = (inner: unknown, outer: unknown) =>
    typeof inner === 'string' &&
    typeof outer === 'string' &&
    ['logs', 'metrics'].some((kind) => `${inner}-`.startsWith(`${outer}-${kind}-`));
  const other = others.find((each): each is string => isWithin(prefix, each) || isWithin(each, prefix));
  if (other === undefined) return [];
  const message = `its indices could not be told from those of the prefix ${other}; choose another`;
  return [{ path: ['routes', i, 'indexPrefix'], message }];
}

/** Each directory has one owner and one lock. */
function directoryProblems(data: unknown): RelationProblem[] {
  const paths = [
    ['state', 'dir'],
    ['transport', 'local', 'dir'],
    ['index', 'local', 'dir'],
  ];
  const seen = new Map<string, string>();
  return paths.flatMap((path) => {
    const dir = at(data, ...path);
    if (typeof dir !== 'string') return [];
    const bare = dir.replace(/^\.\//, '').replace(/\/+$/, '');
    const other = seen.get(bare);
    seen.set(bare, pathText(path));
    return other === undefined
      ? []
      : [{ path, message: `is the directory of ${other}, too; each needs one of its own` }];
  });
}

function at(data: unknown, ...path: string[]): unknown {
  let value = data;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  // `transport:` with nothing behind it reads as null: a section which is not there.
  return value ?? undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
