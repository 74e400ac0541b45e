import { brokerLinks, brokersAway, leaderKills, lostReplies } from './broker-faults.ts';
import { hugeLine, indexAway, indexErrors, indexReadOnly, indexRefuses } from './index-faults.ts';
import { leaderStopped, leaseLinks, quorumLost } from './lease-faults.ts';
import { clockJumps, kills, rebalanceStorm, stateDiskFull } from './process-faults.ts';
import type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [
  leaderKills,
  lostReplies,
  brokerLinks,
  brokersAway,
  indexErrors,
  indexAway,
  indexReadOnly,
  indexRefuses,
  hugeLine,
  rebalanceStorm,
  leaseLinks,
  leaderStopped,
  quorumLost,
  clockJumps,
  stateDiskFull,
  kills,
];
