/**
 * `npm run soak -- [KIND] [OPTIONS]`: runs that take long, each kind in a file of its own, which says what its options are. Without KIND:
 * the simulation.
 */
interface Kind {
  usage: string;
  /** The work, which gives the exit code. Throws an Error that says what is wrong with the arguments. */
  parse: (args: readonly string[]) => () => Promise<number>;
}

const kinds: Readonly<Record<string, () => Promise<Kind>>> = {
  simulation: async () => await import('../simulation/soak.ts'),
  faults: async () => await import('./faults.ts'),
};

// Servers and processes that were started end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const given = process.argv.slice(2);
const [kind = '', ...args] = given[0]?.startsWith('--') ? ['simulation', ...given] : given;
process.exitCode = await start(kind, args);

async function start(name: string, rest: readonly string[]): Promise<number> {
  const load = kinds[name];
  if (!load) {
    console.error(`usage: npm run soak -- [${Object.keys(kinds).join(' | ')}] [OPTIONS]`);
    return 2;
  }
  const { parse, usage } = await load();
  if (rest.includes('--help')) {
    console.log(usage);
    return 0;
  }
  let work: () => Promise<number>;
  try {
    work = parse(rest);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  return await work();
}
