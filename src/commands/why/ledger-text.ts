/** Where the time of a run went, in one or two lines. */
import type { Ledger } from '../../train/incidents/goodput.ts';
import { durationText } from '../../train/incidents/words.ts';

/** Parts of the time that are smaller are left out. */
const shareMin = 0.005;

export function ledgerText(ledger: Ledger): string {
  const { totalMs, attempts, stepsLost, atRisk } = ledger;
  const parts: [number, string][] = [
    [ledger.productiveMs, 'steps'],
    [ledger.lostMs, `steps made again (${stepsLost})`],
    [ledger.restartMs, 'restarts'],
    [ledger.checkpointMs, 'checkpoints'],
    [ledger.evalMs, 'evaluation'],
    [ledger.startupMs, 'start-up'],
    [ledger.idleMs, 'unknown'],
  ];
  const shares = parts
    .filter(([ms]) => ms / totalMs >= shareMin)
    .map(([ms, name]) => `${Math.round((ms / totalMs) * 100)} % ${name}`);
  const over = attempts > 1 ? ` over ${attempts} attempts` : '';
  const time = `Time: ${durationText(totalMs)}${over}: ${shares.join(', ')}`;
  if (atRisk === null || atRisk.steps === 0) return time;
  return `${time}\n  Not in a checkpoint: ${atRisk.steps} steps (${durationText(atRisk.ms)}) since step ${atRisk.checkpointStep}`;
}
