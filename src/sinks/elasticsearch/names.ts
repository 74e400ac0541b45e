/** The names of the indices: those of streams and incidents, and the dated ones of events and points under every prefix that is known. */
export class IndexNames {
  /** Of stream documents and incidents. */
  readonly prefix: string;
  /** All that are known: its own, those of the config, and those that stream documents have named. */
  readonly prefixes: Set<string>;

  constructor(prefix: string, routedPrefixes: readonly string[]) {
    this.prefix = prefix;
    this.prefixes = new Set([prefix, ...routedPrefixes]);
  }

  of(name: 'streams' | 'incidents'): string {
    return `${this.prefix}-${name}`;
  }

  /** Those of all prefixes. */
  dated(name: 'logs' | 'metrics'): string[] {
    return [...this.prefixes].map((prefix) => `${prefix}-${name}-*`);
  }

  /** A stream keeps its prefix when the config names it no more. */
  know(prefix: string | undefined): void {
    if (prefix !== undefined) this.prefixes.add(prefix);
  }
}
