/**
 * `npm run soak -- [KIND] [OPTIONS]`: runs that take long, each kind in a file of its own, which says what its options are. Without KIND:
 * the simulation.
 */
const kinds: Readonly<Record<string, () => Promise<{ run: (args: readonly string[]) => Promise<number> }>>> =
  {
    simulation: async () => await import('../simulation/soak.ts'),
    faults: async () => await import('./faults.ts'),
  };

// Servers and processes that were started end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const given = process.argv.slice(2);
const [kind = '', ...args] = given[0]?.startsWith('--') ? ['simulation', ...given] : given;
const load = kinds[kind];
if (load) {
  process.exitCode = await (await load()).run(args);
} else {
  console.error(`usage: npm run soak -- [${Object.keys(kinds).join(' | ')}] [OPTIONS]`);
  process.exitCode = 2;
}
