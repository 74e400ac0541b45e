import { CabooseError, errorText } from '../../core/errors.ts';

/** What kafkajs's errors carry, as far as we look at it. */
interface KafkaError {
  name?: string;
  type?: string;
  code?: string | number;
  cause?: unknown;
  errors?: unknown;
}

const tlsCodes = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
];

/**
 * An error of kafkajs as one of ours. `foreign` says which addresses turned out to be no Kafka brokers. Retriable means: an outage,
 * to be waited out.
 */
export function kafkaProblem(error: unknown, foreign: ReadonlyMap<string, string>): CabooseError {
  if (error instanceof CabooseError) return error;
  for (const [address, what] of foreign) {
    return new CabooseError('KAFKA_NOT_A_BROKER', `${address} ${what}, not Kafka`, {
      hint: 'check transport.kafka.brokers',
    });
  }
  const chain = causes(error);
  const type = chain.map((cause) => cause.type).find((text) => typeof text === 'string') ?? '';
  const names = chain.map((cause) => cause.name);
  const codes = chain.map((cause) => cause.code);
  const text = errorText(error);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
    return new CabooseError('KAFKA_MESSAGE_TOO_LARGE', `the broker refuses a record as too large: ${text}`, {
      cause: error,
      hint: "set the topic's max.message.bytes to at least 1048588",
    });
  }
  if (type === 'INVALID_TIMESTAMP') {
    return new CabooseError('KAFKA_TIMESTAMP', `the broker refuses the time of a record: ${text}`, {
      cause: error,
      retriable: true,
      hint: "set this machine's clock, or the topic's message.timestamp.type to LogAppendTime",
    });
  }
  if (type.endsWith('AUTHORIZATION_FAILED')) {
    return new CabooseError('KAFKA_AUTHORIZATION', `Kafka does not allow it: ${text}`, {
      cause: error,
      hint: "grant this user the rights on the topics and the group that docs/ names; see the broker's ACLs",
    });
  }
  if (names.includes('KafkaJSSASLAuthenticationError') || type.includes('SASL')) {
    return new CabooseError('KAFKA_AUTHENTICATION', `Kafka refuses the login: ${text}`, {
      cause: error,
      hint: 'check mechanism, username and password in transport.kafka.sasl',
    });
  }
  if (codes.some((code) => tlsCodes.includes(String(code))) || tlsCodes.some((code) => text.includes(code))) {
    return new CabooseError('KAFKA_TLS', `the broker's certificate is not accepted: ${text}`, {
      cause: error,
      hint: 'set transport.kafka.tls.caFile to the authority that signed it, or serverName to its name',
    });
  }
  if (/wrong version number|packet length too long/i.test(text)) {
    return new CabooseError('KAFKA_TLS', `the broker does not speak TLS: ${text}`, {
      cause: error,
      hint: 'remove transport.kafka.tls, or use the port of its TLS listener',
    });
  }
  return new CabooseError('KAFKA_UNAVAILABLE', text, { cause: error, retriable: true });
}

/** The protocol's name of an error, wherever it is in the chain: `REBALANCE_IN_PROGRESS`, `UNKNOWN_TOPIC_OR_PARTITION` … */
export function errorType(error: unknown): string | undefined {
  return causes(error)
    .map((cause) => cause.type)
    .find((type) => typeof type === 'string');
}

/** A request was sent and nothing came back: the link may be dead without a reset, and kafkajs does not close it. */
export function isUnanswered(error: unknown): boolean {
  return causes(error).some(({ name }) => name === 'KafkaJSRequestTimeoutError');
}

/** About one request, whatever the connection's state: waiting does not help. */
export function isAboutRequest(problem: CabooseError): boolean {
  return [
    'KAFKA_MESSAGE_TOO_LARGE',
    'KAFKA_AUTHORIZATION',
    'KAFKA_TOPICS_MISSING',
    'KAFKA_PARTITION_MISSING',
  ].includes(problem.code);
}

function causes(error: unknown): KafkaError[] {
  const found: KafkaError[] = [];
  for (let e: unknown = error; typeof e === 'object' && e !== null && found.length < 8;) {
    const cause: KafkaError = e;
    found.push(cause);
    e = cause.cause ?? (Array.isArray(cause.errors) ? cause.errors[0] : undefined);
  }
  return found;
}
