/**
 * `node test/servers/main.ts [kafka] [zookeeper] [elasticsearch]`: starts the servers named (default: all three), prints
 * their addresses as lines for a shell, and runs until interrupted. With these lines in the environment, test runs use
 * these servers instead of starting their own.
 */
import { addressVariables, SharedServers, serverNames, type ServerName } from './shared.ts';

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !serverNames.some((known) => known === name));
if (unknown.length > 0) {
  console.error(`unknown server ${unknown.join(', ')}; known are ${serverNames.join(', ')}`);
  process.exit(2);
}

const servers = new SharedServers();
const selected = serverNames.filter((name) => wanted.length === 0 || wanted.includes(name));
const interrupted = new Promise<void>((resolve) => {
  const alive = setInterval(() => {}, 60_000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      clearInterval(alive);
      resolve();
    });
  }
});

try {
  await Promise.all(selected.map((name) => start(name)));
  console.error('Running; interrupt to stop.');
  await interrupted;
} finally {
  await servers.stop();
}

async function start(name: ServerName): Promise<void> {
  const found = await servers.get(name);
  if (found.available) console.log(`export ${addressVariables[name]}=${found.address}`);
  else {
    console.error(`${name} is not available: ${found.reason}`);
    process.exitCode = 1;
  }
}
