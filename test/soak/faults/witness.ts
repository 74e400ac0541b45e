/**
 * Asks the servers of a stage, past the proxies and past Caboose, so that what is judged does not lean on what is harmed. Kafka is
 * asked through its proxies: brokers tell no other addresses.
 */
import type { Admin, Kafka } from 'kafkajs';
import { silentLogger } from '../../../src/core/logger.ts';
import { createClient } from '../../../src/transport/kafka/client.ts';
import { elasticCount, elasticMessages } from '../../scenario/elastic-documents.ts';
import type { FaultServers } from './servers.ts';

export class Witness {
  readonly #servers: FaultServers;
  readonly #id: string;
  /** Paths that are left out of `indexed` and `messages`: whoever wrote them judges them. */
  readonly apart: string[] = [];
  #indexed = 0;

  /** `id`: the prefix of the stage's topics and indices. */
  constructor(servers: FaultServers, id: string) {
    this.#servers = servers;
    this.#id = id;
  }

  /**
   * Events that a search finds, seen past the proxies; as many as before while an index is being made. It may be asked often: the index
   * is not made to refresh for it.
   */
  async indexed(): Promise<number> {
    try {
      this.#indexed = await elasticCount(this.#servers.elasticsearch, this.logs, {
        leftOut: this.apart,
        refresh: false,
      });
    } catch (error) {
      if (!String(error).includes('no_shard_available')) throw error;
    }
    return this.#indexed;
  }

  /** What the index holds, in no order. */
  async messages(): Promise<string[]> {
    return await elasticMessages(this.#servers.elasticsearch, this.logs, this.apart);
  }

  /** Events of one path in the index. */
  async countOf(path: string): Promise<number> {
    await this.askIndex('POST', `/${this.logs}/_refresh`);
    const query = { term: { 'log.file.path': path } };
    return ((await this.askIndex('POST', `/${this.logs}/_count`, { query })) as { count: number }).count;
  }

  /** What the index holds of one path, in the order of the file. */
  async messagesOf(path: string): Promise<string[]> {
    await this.askIndex('POST', `/${this.logs}/_refresh`);
    const { hits } = (await this.askIndex('POST', `/${this.logs}/_search`, {
      size: 1_000,
      query: { term: { 'log.file.path': path } },
      sort: [{ 'log.offset': 'asc' }, { 'caboose.part': { order: 'asc', unmapped_type: 'long' } }],
      _source: ['message'],
    })) as { hits: { hits: { _source: { message: string } }[] } };
    return hits.hits.map(({ _source: { message } }) => message);
  }

  /** Asks the brokers something, through their proxies. */
  async askKafka<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Tells each record of a topic, from its beginning on, until the returned function is called. */
  async followTopic(name: string, tell: (value: string) => void): Promise<() => Promise<void>> {
    const consumer = this.#kafka.consumer({ groupId: `${this.#id}-soak` });
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic(name), fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => await Promise.resolve(tell(message.value?.toString() ?? '')),
    });
    return async () => await consumer.disconnect();
  }

  /** Asks Elasticsearch, past the proxies. */
  async askIndex(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(new URL(path, this.#servers.elasticsearch), {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  topic(name: string): string {
    return `${this.#id}.${name}`;
  }

  /** The indices of events. */
  get logs(): string {
    return `${this.#id}-logs-*`;
  }

  get #kafka(): Kafka {
    return createClient({ brokers: this.#servers.kafka, clientId: 'soak', logger: silentLogger }, new Map());
  }
}
