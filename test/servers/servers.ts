/**
 * Real servers for tests. Needs Java (21 or newer for Elasticsearch, 17 for the others) and Maven, once, with a network.
 *
 *     await describeWith(['kafka', 'zookeeper'], 'the indexer', ({ kafka, zookeeper }) => { it(…) });
 *
 * gives the addresses of the servers that the whole test run shares, and that are started when first asked for. Tests
 * that kill servers start their own, with startKafka(), startZooKeeper() and startElasticsearch() of this folder, inside
 *
 *     await describeStarting(['zookeeper'], 'a lost session', () => { it(…) });
 *
 * Failure rule: what cannot be had on this machine is told once, with what to install, and its tests are skipped; with
 * CABOOSE_REQUIRE_SERVERS=1 that is an error. A server that can be had but does not start is always an error.
 */
import { describe, inject } from 'vitest';
import type { Availability, ServerName } from './shared.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the process that holds the shared servers: see global-setup.ts. */
    serversControl: string;
  }
}

/** What a skipped suite is given: nothing will connect to it. */
const nowhere = {
  kafka: 'unavailable.invalid:9092',
  zookeeper: 'unavailable.invalid:2181',
  elasticsearch: 'http://unavailable.invalid:9200',
} as const satisfies Record<ServerName, string>;

/** `describe` with the addresses of shared servers: `host:port` of Kafka and ZooKeeper, the URL of Elasticsearch. */
export async function describeWith<Name extends ServerName>(
  names: readonly Name[],
  title: string,
  suite: (addresses: Readonly<Record<Name, string>>) => void,
): Promise<void> {
  const answers = await Promise.all(names.map((name) => ask('shared', name)));
  const entries = names.map((name, i) => {
    const answer = answers[i];
    return [name, answer?.available ? answer.address : nowhere[name]];
  });
  const addresses = Object.fromEntries(entries) as Record<Name, string>;
  define(answers, title, () => suite(addresses));
}

/** `describe` for tests that start servers of these kinds themselves. */
export async function describeStarting(
  names: readonly ServerName[],
  title: string,
  suite: () => void,
): Promise<void> {
  const answers = await Promise.all(names.map((name) => ask('startable', name)));
  define(answers, title, suite);
}

function define(answers: readonly Availability[], title: string, suite: () => void): void {
  const missing = answers.filter((answer) => !answer.available);
  const reasons = [...new Set(missing.map(({ reason }) => reason))].join('; ');
  const [defineSuite, fullTitle] =
    missing.length === 0 ? [describe, title] : [describe.skip, `${title} (skipped: ${reasons})`];
  defineSuite(fullTitle, suite);
}

async function ask(question: 'shared' | 'startable', name: ServerName): Promise<Availability> {
  const response = await fetch(new URL(`${question}/${name}`, inject('serversControl')));
  if (!response.ok) throw new Error(await response.text());
  const answer = (await response.json()) as Availability;
  if (!answer.available && process.env['CABOOSE_REQUIRE_SERVERS'] === '1') {
    throw new Error(`CABOOSE_REQUIRE_SERVERS=1, but ${name} is not available: ${answer.reason}`);
  }
  return answer;
}
