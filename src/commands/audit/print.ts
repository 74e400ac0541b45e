import type { Output } from '../command.ts';
import { isFault } from './findings.ts';
import type { Account, Finding } from './findings.ts';

/** Streams with the same to say beyond this many are counted, for a person; --json lists all. */
const similarMax = 100;

export async function print(stdout: Output, account: Account, json: boolean): Promise<void> {
  const faults = account.findings.filter(isFault);
  const others = account.findings.filter((finding) => !isFault(finding));
  if (json) {
    for (const finding of account.findings) await stdout.write(`${JSON.stringify(finding)}\n`);
    await stdout.write(`${JSON.stringify(summary(account))}\n`);
    return;
  }
  for (const finding of faults) await stdout.write(`${line(finding)}\n`);
  for (const [kind, similar] of Map.groupBy(others, (finding) => finding.kind)) {
    for (const finding of similar.slice(0, similarMax)) await stdout.write(`${line(finding)}\n`);
    if (similar.length > similarMax)
      await stdout.write(
        `${kind.padEnd(10)} … and ${similar.length - similarMax} more (--json lists them)\n`,
      );
  }
  await stdout.write(`${verdict(account)}\n`);
}

function summary({ findings, streams, foreignStreams, bytes, events }: Account) {
  const count = (kind: Finding['kind']) => findings.filter((finding) => finding.kind === kind).length;
  const faults = findings.filter(isFault).length;
  const pending = count('pending');
  return {
    kind: 'summary',
    complete: faults === 0 && pending === 0,
    streams,
    foreignStreams,
    bytes,
    events,
    faults,
    pending,
    expired: count('expired'),
  };
}

function line({ kind, where, path, stream, start, end, detail }: Finding): string {
  return `${kind.padEnd(10)} ${where.padEnd(9)} ${path} [${start}, ${end}) ${detail}${stream === '' ? '' : ` (stream ${stream})`}`;
}

function verdict({ findings, streams, foreignStreams, bytes, events }: Account): string {
  const foreign =
    foreignStreams === 0 ? '' : ` (${foreignStreams} of other sources, whose files are not here)`;
  const held = `${streams} streams${foreign}, ${bytes} bytes, ${events} events`;
  const faults = findings.filter(isFault).length;
  if (faults > 0) return `not complete: ${faults} faults in ${held}`;
  const waiting = findings.filter(({ kind }) => kind === 'pending');
  if (waiting.length === 0) return `complete: ${held}`;
  const bytesWaiting = waiting.reduce((sum, { start, end }) => sum + end - start, 0);
  return bytesWaiting > 0
    ? `no fault in ${held}; ${bytesWaiting} bytes are on their way`
    : `complete: ${held}`;
}
