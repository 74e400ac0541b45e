/**
 * The shape of a config file: names, defaults, units and bounds. Units are in the names (…Ms, …Bytes…, …Days).
 * docs/CONFIG.md explains every key (a test compares). What holds between keys is in relations.ts.
 */
import { z } from 'zod';
import { errorText } from '../core/errors.ts';
import { compileSecretPattern } from '../core/redaction/patterns.ts';
import { redactionPlaces } from '../core/redaction/rule-book.ts';
import { ownLabelPrefix } from '../core/resources.ts';
import { PatternError, compilePattern } from '../core/linear-pattern.ts';
import { compilePathPattern } from './path-pattern.ts';

const text = z.string().min(1, 'must not be empty').max(4096);
const path = text;
const count = (min: number, max = Number.MAX_SAFE_INTEGER) => z.number().int().min(min).max(max);
const days = count(1, 36_500);

const hostPort = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, {
    error: 'must be HOST:PORT, e.g. "127.0.0.1:9092" (no scheme)',
    abort: true,
  })
  .refine(
    (value) => Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535,
    'the port must be at most 65535',
  );

const timeZone = z.string().refine(isTimeZone, 'must be UTC or an IANA zone such as Europe/Berlin');

const encodingName = text.refine(
  isEncoding,
  'must be a name that the WHATWG encoding standard knows, such as latin1',
);

const placeholderPattern = text.superRefine((value, context) => {
  const compiled = compilePathPattern(value);
  if (typeof compiled === 'string') context.addIssue({ code: 'custom', message: compiled });
});

/** Paths of PEM files. `tls: {}` switches TLS on with the system's authorities. */
const tls = z.strictObject({
  caFile: path.optional(),
  certFile: path.optional(),
  keyFile: path.optional(),
  serverName: text.optional(),
  insecureSkipVerify: z.boolean().default(false),
});

/** Expanded by load.ts, as if the file said it. */
export const sourceIdDefault = '${HOSTNAME}';

/** What frameworks write anew as a whole. */
export const snapshotsDefault: readonly string[] = [
  'trainer_state.json',
  '{all,train,eval,test,predict}_results.json',
  'wandb-summary.json',
  'metrics.csv',
];

const topicPrefix = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'may hold letters, digits, ".", "_" and "-"');
const indexPrefix = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'may hold lower-case letters, digits, ".", "_" and "-"');

const labelName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/);

/** Of streams that fit; the first that does counts. */
const route = z.strictObject({
  when: z
    .strictObject({ path: text.optional(), labels: z.record(labelName, z.string().max(1_024)).optional() })
    .refine(
      ({ path, labels = {} }) => path !== undefined || Object.keys(labels).length > 0,
      'must name a path, labels, or both',
    ),
  topicPrefix: topicPrefix.optional(),
  indexPrefix: indexPrefix.optional(),
});

/** In RE2's syntax, so that none can take forever. */
const redactPattern = text.max(1_000).superRefine((pattern, context) => {
  try {
    compileSecretPattern(pattern);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is no pattern that can be used: ${errorText(error)}` });
  }
});

const source = z.strictObject({
  id: text.max(255).default(sourceIdDefault),
  include: z.array(text).max(1_000).default([]),
  exclude: z.array(text).max(1_000).default([]),
  run: text.max(255).optional(),
  attempt: count(0, 1_000_000).optional(),
  rank: count(0, 10_000_000).optional(),
  pathPatterns: z.array(placeholderPattern).max(100).default([]),
  labels: z
    .record(labelName, z.string().max(1_024))
    .refine((labels) => Object.keys(labels).length <= 64, 'at most 64 labels')
    .refine(
      (labels) => !Object.keys(labels).some((name) => name.startsWith(ownLabelPrefix)),
      `names that begin with ${ownLabelPrefix} are Caboose's own`,
    )
    .default({}),
  lanes: z
    .strictObject({
      fast: z
        .array(text)
        .max(100)
        .default([
          '*.jsonl',
          '*.csv',
          '*tfevents*',
          '*.wandb',
          '*metrics*.json',
          '**/mlruns/**/metrics/**',
          'trainer_state.json',
          'stderr*',
          '*.stderr',
          '*.err',
        ]),
    })
    .prefault({}),
  encodings: z
    .array(z.strictObject({ pattern: text, encoding: encodingName }))
    .max(100)
    .default([]),
  snapshots: z
    .array(text)
    .max(100)
    .default([...snapshotsDefault]),
  timeZone: timeZone.default('UTC'),
  redact: z.enum(redactionPlaces).default('source'),
  redactPatterns: z.array(redactPattern).max(100).default([]),
});

/** The user's own line formats; see train/own-patterns.ts. */
const linePattern = z
  .strictObject({
    match: text.max(1_024),
    points: z.record(z.string().regex(/^\S(?:.{0,126}\S)?$/), text.max(128)).optional(),
  })
  .superRefine(({ match, points }, context) => {
    const groups = groupsOf(match);
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (typeof groups === 'string') return problem(['match'], groups);
    if (groups.every((name) => name === 'step'))
      return problem(
        ['match'],
        'names no number: write a group as (?P<loss>\\S+); (?P<step>\\d+) is the step',
      );
    for (const [name, group] of Object.entries(points ?? {}))
      if (!groups.includes(group))
        problem(['points', name], `there is no group ${group} in the pattern; it has ${groups.join(', ')}`);
  });

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: text,
  password: text,
});

/** A cluster of its own, with the same topics. */
const secondCluster = z.strictObject({
  brokers: z.array(hostPort).min(1).max(100),
  awayAfterMs: count(1_000, 3_600_000).default(15_000),
  /** null: the indexer waits for the other cluster without end. */
  holdMsMax: count(1_000).nullable().default(86_400_000),
  /** Absent: those of the first. */
  tls: tls.optional(),
  sasl: sasl.optional(),
});

const kafka = z.strictObject({
  brokers: z.array(hostPort).min(1).max(100),
  clientId: text.max(200).default('caboose'),
  groupId: text.max(200).default('caboose-indexer'),
  topicPrefix: topicPrefix.default('caboose'),
  partitions: count(1, 10_000).default(12),
  /** null: what the broker has as its default. */
  replicationFactor: count(1, 100).nullable().default(null),
  createTopics: z.boolean().default(true),
  eventsTopic: z.boolean().default(false),
  sessionTimeoutMs: count(6_000, 60_000).default(8_000),
  tls: tls.optional(),
  sasl: sasl.optional(),
  second: secondCluster.optional(),
});

const localTransport = z.strictObject({
  dir: path.default('./caboose-data/transport'),
  segmentFileBytesMax: count(1_048_576, 1_099_511_627_776).default(67_108_864),
  retention: z
    .strictObject({
      /** Of each of its logs; only files that every consumer has read to the end are dropped. */
      bytesMax: count(16_777_216).default(10_737_418_240),
      days: days.default(30),
      /** Above this, files go even when a consumer has not read them: data is lost, and told. null: never. */
      bytesHardMax: count(16_777_216).nullable().default(null),
    })
    .prefault({}),
});

const elasticsearch = z.strictObject({
  node: z.url({ protocol: /^https?$/, error: 'must be a URL such as "http://127.0.0.1:9200"' }),
  auth: z
    .strictObject({
      username: text.optional(),
      password: text.optional(),
      apiKey: text.optional(),
      bearer: text.optional(),
    })
    .optional(),
  tls: tls.optional(),
  indexPrefix: indexPrefix.default('caboose'),
  refreshIntervalMs: count(100, 3_600_000).default(1_000),
});

const zookeeper = z.strictObject({
  servers: z.array(hostPort).min(1).max(100),
  path: z
    .string()
    .regex(/^(\/[^/\s]+)+$/, 'must be an absolute path without "/" at its end, e.g. /caboose')
    .default('/caboose'),
  sessionTimeoutMs: count(1_000, 120_000).default(10_000),
  tls: tls.optional(),
  auth: z.strictObject({ username: text, password: text }).optional(),
});

/** Told of failures. */
const webhook = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be a URL such as "https://hooks.example.com/caboose"' }),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/),
      z.string().regex(/^[\t\x20-\x7e]{0,4096}$/, 'may hold printable ASCII'),
    )
    .default({}),
  /** Beside failures. */
  warnings: z.boolean().default(false),
  timeoutMs: count(100, 300_000).default(10_000),
  attemptsMax: count(1, 100).default(10),
});

export const configSchema = z.strictObject({
  source: source.optional(),
  transport: z.strictObject({ kafka: kafka.optional(), local: localTransport.optional() }).optional(),
  index: z
    .strictObject({
      elasticsearch: elasticsearch.optional(),
      local: z
        .strictObject({
          dir: path.default('./caboose-data/index'),
          /** When the store is larger, the oldest days go. null: no bound. */
          bytesMax: count(16_777_216).nullable().default(null),
        })
        .optional(),
    })
    .optional(),
  routes: z.array(route).max(100).default([]),
  lease: z
    .strictObject({ zookeeper: zookeeper.optional(), inProcess: z.strictObject({}).optional() })
    .optional(),
  state: z.strictObject({ dir: path.default('./caboose-state') }).prefault({}),
  http: z
    .strictObject({
      /** Unset: 127.0.0.1:7070, and 7071 in the indexer. */
      listen: hostPort.optional(),
      token: text.min(16, 'must have at least 16 characters').optional(),
      metricsToken: text.min(16, 'must have at least 16 characters').optional(),
    })
    .prefault({}),
  agent: z
    .strictObject({
      /** Cores; null: no limit. */
      cpuMax: z.number().min(0.01).max(64).nullable().default(0.25),
      /** Raw bytes; null: no limit. */
      bytesPerSecondMax: count(65_536).nullable().default(null),
      inFlightBytesMax: count(2_097_152, 1_073_741_824).default(8_388_608),
      drainTimeoutMs: count(0, 3_600_000).default(25_000),
      pollIntervalMs: count(50, 60_000).default(500),
      openFilesMax: count(4, 100_000).default(256),
      /** Three hours of deleted files at 100 kB a second, and no more than a sidecar's state volume should have to spare. */
      spoolBytesMax: count(0).default(1_073_741_824),
      fileSystemEvents: z.boolean().default(true),
      resources: z
        .strictObject({
          enabled: z.boolean().default(true),
          intervalMs: count(1_000, 3_600_000).default(15_000),
          /** Absent: the one in which it runs, or that of its pod or job. */
          cgroup: path.optional(),
          /** null: no GPUs. */
          nvidiaSmi: text.nullable().default('nvidia-smi'),
          /** Cores, of nvidia-smi's processes. */
          cpuMax: z.number().min(0.0001).max(1).default(0.001),
          bytesMax: count(8_388_608).default(33_554_432),
        })
        .prefault({}),
    })
    .prefault({}),
  indexer: z
    .strictObject({
      mode: z.enum(['shared', 'active-standby']).default('shared'),
      provisionalAfterMs: count(100, 60_000).default(1_000),
      refusedInARowMax: count(1).nullable().default(100),
      /** Next to the other indexers' of the group; 0: takes partitions only if nobody else can. */
      weight: z.number().min(0).max(1_000).default(1),
      planIntervalMs: count(10_000, 86_400_000).default(300_000),
    })
    .prefault({}),
  train: z.strictObject({ patterns: z.array(linePattern).max(100).default([]) }).prefault({}),
  retention: z.strictObject({ logsDays: days.default(30), metricsDays: days.default(365) }).prefault({}),
  incidents: z
    .strictObject({
      silentAfterMs: count(1_000, 2_592_000_000).default(600_000),
      settleMs: count(0, 3_600_000).default(10_000),
      endedAfterMs: count(60_000, 2_592_000_000).default(86_400_000),
      runsMax: count(1, 100_000).default(500),
      webhook: webhook.optional(),
    })
    .prefault({}),
  telemetry: z
    .strictObject({
      trainSeriesMax: count(0, 1_000_000).default(10_000),
      resourceSeriesMax: count(0, 1_000_000).default(10_000),
    })
    .prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

export type Config = z.output<typeof configSchema>;
/** As a file or the command line gives it: everything that has a default may be left out. */
export type RawConfig = z.input<typeof configSchema>;
export type Route = z.output<typeof route>;
export type SectionName = 'source' | 'transport' | 'index' | 'lease';
export type TlsConfig = z.output<typeof tls>;

/** What runs on one machine with no server: laid under a command that is given no config file. */
export const localDefaults = {
  source: {},
  transport: { local: {} },
  index: { local: {} },
  lease: { inProcess: {} },
} as const satisfies RawConfig;

/** The names of a pattern's groups, or what is wrong with it. */
function groupsOf(match: string): readonly string[] | string {
  try {
    return compilePattern(match).groups;
  } catch (error) {
    if (error instanceof PatternError) return `not a pattern of RE2: ${error.message}`;
    throw error;
  }
}

function isEncoding(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
