import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { ReceivedRecord } from '../../segment/wire-format.ts';

/** A Kafka message with its headers as texts; a header that came several times stays several. */
export function receivedRecord(message: KafkaMessage): ReceivedRecord {
  return {
    key: message.key?.toString() ?? null,
    value: message.value,
    headers: texts(message.headers ?? {}),
  };
}

function texts(headers: IHeaders): Record<string, string | string[]> {
  const found: [string, string | string[]][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || value === null) continue;
    found.push([name, Array.isArray(value) ? value.map(String) : value.toString()]);
  }
  return Object.fromEntries(found);
}
