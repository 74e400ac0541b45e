/**
 * The index templates. They must be there before the first write, else the first bulk would map its fields dynamically.
 * Nothing in them grows with the data: unknown fields of records are `flattened`, metrics are mapped up to a limit.
 * Field names follow the Elastic Common Schema where it has one: https://www.elastic.co/guide/en/ecs/current/
 */
import { errors } from '@elastic/elasticsearch';
import type { Logger } from '../../core/logger.ts';
import type { ElasticsearchClient } from './client.ts';

/** Raise it with every change of a mapping or setting below: older templates are replaced, newer ones are left. */
export const templateVersion = 6;

/** What one process maps; further names go to `metric_overflow`. The index itself stops at `fieldsMax`. */
export const mappedMetricsMax = 1_000;
const fieldsMax = 2_000;
/** Elasticsearch's own refresh interval. */
const serversOwnMs = 1_000;

/** Lucene refuses a term over 32,766 bytes; a UTF-16 unit takes at most 3. */
const keyword = { type: 'keyword', ignore_above: 8_191 } as const;
const flattened = { type: 'flattened', ignore_above: 8_191, depth_limit: 20 } as const;
const stored = { type: 'object', enabled: false } as const;
/**
 * For sorting and for narrowing down what other clauses (a run, a time, a word) have found: an index of a number is what a document costs most
 * for. Asked for alone, every document is looked at.
 */
const sortable = { type: 'long', index: false } as const;
const sortableDate = { type: 'date', index: false } as const;

const common = {
  '@timestamp': { type: 'date_nanos' },
  run: { properties: { id: keyword, attempt: { type: 'long' } } },
  rank: { type: 'long' },
  host: { properties: { name: keyword } },
  agent: { properties: { id: keyword } },
};

export const templateNames = ['logs', 'metrics', 'incidents', 'streams'] as const;
/** Of indices that routes may lead to. */
export const datedTemplates = ['logs', 'metrics'] as const satisfies readonly TemplateName[];
export type TemplateName = (typeof templateNames)[number];

function mappingsOf(name: TemplateName, messageType: 'match_only_text' | 'text'): Record<string, unknown> {
  switch (name) {
    case 'logs':
      return {
        properties: {
          ...common,
          run: { properties: { id: keyword, attempt: sortable } },
          rank: sortable,
          message: messageType === 'text' ? { type: 'text', norms: false } : { type: messageType },
          log: {
            properties: {
              level: keyword,
              logger: keyword,
              iostream: keyword,
              offset: sortable,
              file: { properties: { path: keyword } },
            },
          },
          // The hash is for `audit` to read.
          event: {
            properties: {
              created: sortableDate,
              hash: { type: 'keyword', index: false, doc_values: false },
            },
          },
          labels: flattened,
          fields: flattened,
          caboose: {
            properties: {
              stream: keyword,
              kind: keyword,
              end: sortable,
              part: sortable,
              open: { type: 'boolean' },
              time_source: keyword,
            },
          },
        },
      };
    case 'metrics':
      return {
        dynamic_templates: [
          { metrics: { path_match: 'metric.*', match_mapping_type: '*', mapping: { type: 'double' } } },
        ],
        properties: {
          ...common,
          step: { type: 'double' },
          // Names have dots: `loss` and `loss.mean` are two fields, not a number and an object.
          metric: { type: 'object', dynamic: true, subobjects: false },
          metric_text: flattened,
          metric_overflow: flattened,
          metric_names: keyword,
          device: keyword,
          point: {
            properties: {
              source: keyword,
              digits: { type: 'long' },
              restart: { type: 'long' },
              weight: { type: 'long' },
            },
          },
          log: { properties: { offset: sortable, file: { properties: { path: keyword } } } },
          event: { properties: { created: sortableDate } },
          caboose: { properties: { stream: keyword, event: keyword, end: sortable, kind: keyword } },
          points: stored,
        },
      };
    case 'incidents':
      return {
        properties: {
          ...common,
          message: { type: 'text', norms: false },
          incident: {
            properties: {
              class: keyword,
              role: keyword,
              opened: { type: 'date' },
              resolved: { type: 'date' },
              resolution: keyword,
              token: { type: 'long' },
            },
          },
          document: stored,
        },
      };
    case 'streams':
      return {
        properties: {
          ...common,
          log: { properties: { file: { properties: { path: keyword } } } },
          caboose: {
            properties: {
              stream: keyword,
              end: { type: 'long' },
              events: { type: 'long' },
              final: { type: 'boolean' },
              open: { type: 'boolean' },
              gaps: { type: 'long' },
            },
          },
          document: stored,
        },
      };
  }
}

export interface TemplateOptions {
  indexPrefix: string;
  refreshIntervalMs: number;
  logger: Logger;
}

/**
 * Installs what is absent or older, and makes the two indices that are not dated, if they are among the names. Throws the client's
 * errors.
 */
export async function installTemplates(
  client: ElasticsearchClient,
  options: TemplateOptions,
  names: readonly TemplateName[],
  signal?: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const template = `${options.indexPrefix}-${name}`;
    const held = await heldVersion(client, template, signal);
    if (held < templateVersion) await putTemplate(client, template, name, options, signal);
    if (name === 'logs' || name === 'metrics') continue;
    const made = await createIndex(client, template, signal);
    if (!made && held < templateVersion) await updateIndex(client, template, name, options, signal);
  }
}

/** Makes the index by its template; false if it is there already. */
export async function createIndex(
  client: ElasticsearchClient,
  index: string,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await client.indices.create({ index }, requestOptions(signal));
    return true;
  } catch (error) {
    if (errorType(error) === 'resource_already_exists_exception') return false;
    throw error;
  }
}

/** 0 if there is none. */
async function heldVersion(client: ElasticsearchClient, name: string, signal?: AbortSignal): Promise<number> {
  try {
    const { index_templates: templates } = await client.indices.getIndexTemplate(
      { name },
      requestOptions(signal),
    );
    return templates[0]?.index_template.version ?? 0;
  } catch (error) {
    if (isAbsent(error)) return 0;
    throw error;
  }
}

async function putTemplate(
  client: ElasticsearchClient,
  template: string,
  name: TemplateName,
  options: TemplateOptions,
  signal?: AbortSignal,
): Promise<void> {
  const put = async (messageType: 'match_only_text' | 'text') => {
    await client.indices.putIndexTemplate(
      {
        name: template,
        index_patterns: [name === 'logs' || name === 'metrics' ? `${template}-*` : template],
        priority: 500,
        version: templateVersion,
        _meta: { caboose: templateVersion },
        template: { settings: settingsOf(name, options), mappings: mappings(name, messageType) },
      },
      requestOptions(signal),
    );
  };
  try {
    await put('match_only_text');
  } catch (error) {
    if (name !== 'logs' || !/match_only_text/.test(errorReason(error))) throw error;
    options.logger.info(
      { field: 'message' },
      'The index has no match_only_text; text is used, which takes more disk.',
    );
    await put('text');
  }
}

function settingsOf(name: TemplateName, { refreshIntervalMs }: TemplateOptions): Record<string, unknown> {
  return {
    number_of_shards: 1,
    auto_expand_replicas: '0-1',
    // The others are shown as Elasticsearch does by itself: each second while somebody searches, else when a search comes, which waits for
    // it; unless they are wanted sooner. Of 10,000 lines a second, refreshes that nobody looked at took a tenth of a core.
    ...((name === 'logs' || refreshIntervalMs < serversOwnMs) && {
      refresh_interval: `${refreshIntervalMs}ms`,
    }),
    // What deleteRun has deleted must not refuse its re-writing, which the memory of a delete's version would.
    gc_deletes: '0s',
    ...(name === 'metrics' && {
      'mapping.total_fields.limit': fieldsMax,
      'mapping.total_fields.ignore_dynamic_beyond_limit': true,
    }),
  };
}

function mappings(name: TemplateName, messageType: 'match_only_text' | 'text'): Record<string, unknown> {
  return { dynamic: false, _meta: { caboose: templateVersion }, ...mappingsOf(name, messageType) };
}

/** An index that is not dated has what an older template gave it. */
async function updateIndex(
  client: ElasticsearchClient,
  index: string,
  name: TemplateName,
  options: TemplateOptions,
  signal?: AbortSignal,
) {
  await client.indices.putMapping({ index, ...mappings(name, 'text') }, requestOptions(signal));
  const settings = { 'index.refresh_interval': settingsOf(name, options)['refresh_interval'] ?? null };
  await client.indices.putSettings({ index, settings }, requestOptions(signal));
}

function requestOptions(signal: AbortSignal | undefined) {
  return signal ? { signal } : {};
}

/** A 404 of Elasticsearch, not one of a web server that stands at its address. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof errors.ResponseError &&
    error.statusCode === 404 &&
    error.headers?.['x-elastic-product'] === 'Elasticsearch'
  );
}

function errorType(error: unknown): string | undefined {
  if (!(error instanceof errors.ResponseError)) return undefined;
  const body: unknown = error.body;
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const detail = body.error;
  return typeof detail === 'object' && detail !== null && 'type' in detail ? String(detail.type) : undefined;
}

function errorReason(error: unknown): string {
  return error instanceof errors.ResponseError ? JSON.stringify(error.body ?? '') : '';
}
