import { setTimeout as delay } from 'node:timers/promises';
import { runCaboose } from '../../scenario/caboose-process.ts';
import { compare } from '../../scenario/oracle.ts';

export interface Verdict {
  lines: number;
  missing: number;
  duplicate: number;
  wrong: number;
  /** What `caboose audit --deep` found, if it was not complete. */
  audit: readonly string[];
}

export interface Evidence {
  written: readonly string[];
  found: readonly string[];
  /** Of each agent. */
  configs: readonly string[];
  /** Lines that the index was made to refuse: a gap of the index each. */
  refused: number;
}

/** What was acknowledged last may not be committed yet, and a final marker waits 5 s. */
const auditTimeoutMs = 60_000;

export async function judge({ written, found, configs, refused }: Evidence): Promise<Verdict> {
  const verdict = compare(written, found);
  const audits = await Promise.all(configs.map(async (config) => await audit(config, refused)));
  return { lines: written.length, ...verdict, audit: audits.flat() };
}

/** What `caboose audit --deep` finds, when it has had time to come to rest; `refused`: gaps of the index that are meant to be there. */
export async function audit(config: string, refused = 0): Promise<string[]> {
  const deadline = performance.now() + auditTimeoutMs;
  for (;;) {
    const { code, stdout, stderr } = await runCaboose(['audit', '--deep', '--config', config], 600_000);
    const text = stdout.toString() + stderr;
    if (code === 0 && text.startsWith('complete: ')) return [];
    const findings = text.trim().split('\n');
    const gaps = findings.filter((line) => /^gap +index /.test(line));
    if (refused > 0 && gaps.length === findings.length - 1 && gaps.length <= 2 * refused) return [];
    if (performance.now() > deadline) return findings.slice(-10);
    await delay(1000);
  }
}
