/** `npm run soak -- KIND [OPTIONS]`: runs that take long, each kind in a file of its own, which says what its options are. */
const kinds: Readonly<Record<string, () => Promise<{ run: (args: readonly string[]) => Promise<number> }>>> =
  {
    faults: async () => await import('./faults.ts'),
  };

// Servers and processes that were started end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const [kind = '', ...args] = process.argv.slice(2);
const load = kinds[kind];
if (load) {
  process.exitCode = await (await load()).run(args);
} else {
  console.error(`usage: npm run soak -- ${Object.keys(kinds).join(' | ')} [OPTIONS]`);
  process.exitCode = 2;
}
