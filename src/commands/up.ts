import { join, resolve } from 'node:path';
import type { RawConfig } from '../config/schema.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { StallWatch } from '../telemetry/stalls.ts';
import { parseSearch } from '../sinks/query.ts';
import { adviceFor } from '../train/incidents/advice.ts';
import { createWeb } from '../web/web.ts';
import { untilAborted } from './agent.ts';
import { exitCodes } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { neededSections } from './validate.ts';
import { includeOf } from './wiring/default-patterns.ts';
import { openHttp } from './wiring/http.ts';
import { openIndex } from './wiring/index.ts';
import { runIndexer } from './wiring/indexer.ts';
import { openLease } from './wiring/lease.ts';
import { openLogger } from './wiring/logger.ts';
import { replaySample } from './wiring/sample.ts';
import { sampleResources } from './wiring/resources.ts';
import { openTail } from './wiring/tail.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'up',
  usage: 'caboose up [PATH…] [--config FILE]',
  help:
    'Everything in one process, with no server: follows the files and directories that are named (without any, and without ' +
    'source.include, a bundled sample run that is written live), keeps their bytes and events under ./caboose-data, and shows ' +
    'them on a page. What was kept is there again at the next start.',
  options: {},
  async run(context, args) {
    const { clock, env, signal, version, stderr } = context;
    const asked = await source(context, args.positionals);
    const config = await context.loadConfig({
      needs: neededSections.up,
      overrides: asked.overrides,
    });
    const logger = openLogger(context, config);
    const metrics = createMetrics();
    const transport = await openTransport(config, { clock, logger });
    const index = await openIndex(config, { clock, logger, metrics });
    // Alone in its process, it needs no election.
    const alone = { ...config, lease: config.lease ?? { inProcess: {} } };
    const identity = `up ${process.pid}`;
    const lease = await openLease(alone, { clock, logger, identity });
    const { publisher } = transport;
    const stalls = new StallWatch({ clock, logger, metrics });
    const { tail, measure, release, stateNotReady } = await openTail(config, {
      watched: stalls.part('tail'),
      publisher,
      env,
      clock,
      logger,
      metrics,
      sharesProcess: true,
    });
    try {
      const http = await openHttp(config, {
        defaultListen: '127.0.0.1:7070',
        version,
        metrics,
        logger,
        clock,
        stalls,
        connections: [() => transport.state(), () => index.state()],
        beforeScrape: measure,
        handler: createWeb({
          index,
          parseQuery: parseSearch,
          advise: adviceFor,
          clock,
          logger,
          following: asked.following,
        }),
      });
      const { health } = http;
      health.addReadiness('tail', () => tail.notReady);
      health.addReadiness('state', stateNotReady);
      const indexing = new AbortController();
      const indexer = runIndexer(
        config,
        { transport, index, lease, identity, clock, logger, metrics, health, stalls },
        indexing.signal,
      );
      const watching = stalls.run(signal);
      await tail.start();
      void sampleResources(config, { tail, env, clock, logger, metrics }, signal);
      await stderr.write(
        `\nCaboose follows ${asked.what}\nThe page: ${http.url}/\nCtrl-C ends it; everything is kept.\n\n`,
      );
      const sample =
        asked.sampleDir === null ? null : replaySample({ targetDir: asked.sampleDir, clock, signal });
      await Promise.race([untilAborted(signal), indexer, failureOf(sample)]);
      await sample;
      await tail.drain(AbortSignal.timeout(config.agent.drainTimeoutMs));
      indexing.abort();
      await Promise.all([indexer, watching]);
      await http.close();
      return exitCodes.ok;
    } finally {
      await transport.close();
      await index.close();
      release();
    }
  },
};

/** Rejects when the work fails; does not resolve when it ends well. */
async function failureOf(work: Promise<void> | null): Promise<void> {
  await work;
  await new Promise<never>(() => undefined);
}

interface Asked {
  /** For the person at the terminal. */
  what: string;
  /** For the page, while there is no run. */
  following: readonly string[];
  overrides: RawConfig;
  /** Where the sample run is written, if that is what is followed. */
  sampleDir: string | null;
}

/** What is to be followed: the paths named, else what the config names, else the sample run. */
async function source(context: CommandContext, positionals: readonly string[]): Promise<Asked> {
  const paths = positionals.map((path) => resolve(context.cwd, path));
  if (paths.length > 0) {
    return {
      what: paths.join(', '),
      following: paths,
      overrides: { source: { include: await includeOf(paths) } },
      sampleDir: null,
    };
  }
  const { source: configured } = await context.loadConfig();
  if (configured && configured.include.length > 0) {
    const following = configured.include;
    return { what: following.join(', '), following, overrides: {}, sampleDir: null };
  }
  const time = new Date(context.clock.now()).toISOString().slice(0, 19).replaceAll(/\D/g, '');
  const run = `sample-${time}`;
  const sampleDir = join(context.cwd, 'caboose-data', 'sample', run);
  return {
    what: `a sample run, written now into ${sampleDir} (name a directory to follow yours: caboose up DIR)`,
    following: [sampleDir],
    overrides: { source: { include: [`${sampleDir}/**/*`], run } },
    sampleDir,
  };
}
