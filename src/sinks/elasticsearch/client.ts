/** The connection to Elasticsearch, and what its errors mean for us and for the operator. */
import { Client, Transport, errors } from '@elastic/elasticsearch';
import { CabooseError, errorCode, errorText } from '../../core/errors.ts';

export interface ElasticsearchAuth {
  username?: string;
  password?: string;
  apiKey?: string;
  bearer?: string;
}

export interface ElasticsearchTls {
  /** PEM. */
  ca?: string;
  cert?: string;
  key?: string;
  rejectUnauthorized?: boolean;
}

export interface ElasticsearchAddress {
  /** `http://host:9200`, or several nodes of one cluster. */
  node: string | string[];
  auth?: ElasticsearchAuth;
  tls?: ElasticsearchTls;
}

const requestTimeoutMs = 60_000;
/** Per node. Bulks of several partitions run side by side; more would only queue in the server. */
const connectionsMax = 8;

export type ElasticsearchClient = Client;

export function createClient({ node, auth, tls }: ElasticsearchAddress): ElasticsearchClient {
  const credentials = clientAuth(auth);
  return new Client({
    ...(Array.isArray(node) ? { nodes: node } : { node }),
    ...(credentials && { auth: credentials }),
    ...(tls && { tls }),
    // Retries are ours: per item, with jitter, until told to stop.
    maxRetries: 0,
    requestTimeout: requestTimeoutMs,
    enableMetaHeader: false,
    agent: { connections: connectionsMax },
    Transport: PlainJsonTransport,
  });
}

/** Speaks plain JSON, which every version answers; the client's own media type names one version and 8.0 to 8.17 refuse it. */
class PlainJsonTransport extends Transport {
  constructor(options: ConstructorParameters<typeof Transport>[0]) {
    super({
      ...options,
      vendoredHeaders: {
        jsonContentType: 'application/json',
        ndjsonContentType: 'application/x-ndjson',
        accept: 'application/json',
      },
    });
  }
}

function clientAuth(auth: ElasticsearchAuth | undefined) {
  if (auth?.apiKey !== undefined) return { apiKey: auth.apiKey };
  if (auth?.bearer !== undefined) return { bearer: auth.bearer };
  if (auth?.username === undefined) return undefined;
  return { username: auth.username, password: auth.password ?? '' };
}

/**
 * - `outage`: wait and try again. - `refused`: rights are missing; an operator is needed, then it goes on.
 * - `wrongServer`: what answers is no Elasticsearch, or TLS fails: at start an error, later like `refused`.
 * - `tooLarge`, `invalid`: the request itself; smaller or other requests may pass.
 */
export type FailureKind = 'outage' | 'refused' | 'wrongServer' | 'tooLarge' | 'invalid';

export interface Failure {
  kind: FailureKind;
  /** The HTTP status, or `connection`: the label of a metric. */
  status: string;
  error: CabooseError;
}

/** Throws what is no error of the client: a mistake of ours is not waited out. */
export function toFailure(error: unknown, node: string): Failure {
  if (!(error instanceof errors.ElasticsearchClientError)) throw error;
  if (error instanceof errors.ResponseError) return responseFailure(error, node);
  if (error instanceof errors.ProductNotSupportedError || error instanceof errors.DeserializationError) {
    return wrongServer(node, error);
  }
  return connectionFailure(error, node);
}

/** The address as it may be shown: without a password that stands in it. */
export function nodeName(node: string | string[]): string {
  return [node]
    .flat()
    .map((address) => address.replace(/\/\/[^/@]*@/, '//'))
    .join(', ');
}

function responseFailure(error: errors.ResponseError, node: string): Failure {
  const code = error.statusCode ?? 0;
  const reason = reasonOf(error);
  const failure = statusFailure({ code, type: errorOf(error.body)?.type, reason }, node, error);
  if (failure) return failure;
  if (error.headers?.['x-elastic-product'] !== 'Elasticsearch') return wrongServer(node, error);
  const message = `${node} answers ${code} (${reason})`;
  return { kind: 'invalid', status: String(code), error: told('INDEX_INVALID', message, error) };
}

/** What the status of a response, or of one item of a bulk, says of the server; null if it speaks of what was sent. */
export function statusFailure(
  { code, type, reason }: { code: number; type: string | undefined; reason: string },
  node: string,
  cause?: unknown,
): Failure | null {
  const status = String(code);
  // A read-only index, a full disk, the cluster's limit of shards: states of the server, not faults of a document.
  if (type === 'cluster_block_exception' || /maximum (\w+ )?shards open/.test(reason)) {
    const hint = 'Free disk space or raise the limit that it names; writing goes on by itself.';
    const error = told('INDEX_BLOCKED', `${node} blocks writing (${reason})`, cause, hint, true);
    return { kind: 'outage', status, error };
  }
  if (code === 401 || code === 403) {
    const hint =
      code === 401
        ? 'Check index.elasticsearch.auth.'
        : 'The user needs to manage index templates, and to create, read, write and delete the indices of the prefix.';
    const error = told('INDEX_REFUSED', `${node} refuses us (${code} ${reason})`, cause, hint, true);
    return { kind: 'refused', status, error };
  }
  if (code === 413) {
    const error = told('INDEX_TOO_LARGE', `${node} refuses the size of a request (${reason})`, cause);
    return { kind: 'tooLarge', status, error };
  }
  if (code === 408 || code === 429 || code >= 500) {
    return { kind: 'outage', status, error: unreachable(`${node} answers ${code} (${reason})`, cause) };
  }
  return null;
}

/** An answer without what it must hold: taken for an outage. */
export function incompleteAnswer(node: string): Failure {
  return {
    kind: 'outage',
    status: 'incomplete',
    error: unreachable(`${node} gives incomplete answers`, undefined),
  };
}

const tlsCode = /^ERR_(SSL|TLS)_|CERT|SELF_SIGNED|^UNABLE_TO_|^EPROTO$/;

function connectionFailure(error: unknown, node: string): Failure {
  const status = 'connection';
  const codes = [error, causeOf(error), causeOf(causeOf(error))].map((e) => errorCode(e) ?? '');
  const text = `${errorText(error)} ${codes.join(' ')}`;
  if (
    codes.some((code) => code.startsWith('HPE_')) ||
    /HTTPParserError|Parse Error|does not match the HTTP/i.test(text)
  ) {
    return wrongServer(node, error);
  }
  if (
    codes.some((code) => tlsCode.test(code)) ||
    /self.signed|certificate|wrong version number/i.test(text)
  ) {
    const hint = 'Check http or https in index.elasticsearch.node, and index.elasticsearch.tls.ca.';
    return {
      kind: 'wrongServer',
      status,
      error: told('INDEX_TLS', `TLS with ${node} fails (${errorText(error)})`, error, hint),
    };
  }
  return {
    kind: 'outage',
    status,
    error: unreachable(`${node} cannot be reached (${errorText(error)})`, error),
  };
}

function wrongServer(node: string, cause: unknown): Failure {
  const hint = 'Point index.elasticsearch.node at the HTTP port of Elasticsearch 8 or 9 (usually 9200).';
  const error = told('INDEX_NOT_ELASTICSEARCH', `what answers at ${node} is no Elasticsearch`, cause, hint);
  return { kind: 'wrongServer', status: 'product', error };
}

function unreachable(message: string, cause: unknown): CabooseError {
  const hint = 'Is Elasticsearch running, and index.elasticsearch.node its address?';
  return told('INDEX_UNREACHABLE', message, cause, hint, true);
}

function told(code: string, message: string, cause: unknown, hint?: string, retriable = false): CabooseError {
  return new CabooseError(code, message, { cause, retriable, ...(hint !== undefined && { hint }) });
}

interface ErrorBody {
  type?: string;
  reason?: string;
}

function errorOf(body: unknown): ErrorBody | undefined {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  return typeof error === 'object' && error !== null ? error : undefined;
}

function reasonOf(error: errors.ResponseError): string {
  const reason = errorOf(error.body);
  return (reason ? `${reason.type}: ${reason.reason}` : error.message).slice(0, 500);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
