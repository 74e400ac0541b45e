import { brokerLinks, brokersAway, leaderKills, lostReplies } from './broker-faults.ts';
import { hugeLine } from './huge-line.ts';
import { indexAway, indexErrors, indexReadOnly } from './index-faults.ts';
import { kills } from './kills.ts';
import { leaderStopped, leaseLinks, quorumLost } from './lease-faults.ts';
import { clockJumps, rebalanceStorm, stateDiskFull } from './process-faults.ts';
import { indexRefuses } from './refused-documents.ts';
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
