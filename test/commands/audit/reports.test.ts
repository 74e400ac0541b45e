import { describe, expect, it } from 'vitest';
import { CarriedStream, expiredRange, isBehind } from '../../../src/commands/audit/carried.ts';
import { reportsOf } from '../../../src/commands/audit/subjects.ts';
import type { PartitionReport } from '../../../src/core/transport.ts';
import type { StreamSummary } from '../../../src/core/stream-document.ts';

const report = (over: Partial<PartitionReport>): PartitionReport => ({
  topicPrefix: 'own',
  lane: 'bulk',
  partition: 1,
  first: 0,
  end: 10,
  committed: 10,
  ...over,
});
const reports = [
  report({}),
  report({ partition: 2 }),
  report({ topicPrefix: 'eval', committed: 4 }),
  report({ cluster: 'second', first: 3, committed: 5 }),
];
const place = { lane: 'bulk', partition: 1 } as const;

describe('the reports of a partition', () => {
  it('are those of its topic in every cluster', () => {
    expect(reportsOf(reports, { ...place, topicPrefix: 'own' })).toEqual([reports[0], reports[3]]);
    expect(reportsOf(reports, { ...place, topicPrefix: 'eval' })).toEqual([reports[2]]);
    expect(reportsOf(reports, { ...place, topicPrefix: 'former' })).toEqual([]);
  });

  it('of a stream from before there were several topics are those of the first', () => {
    expect(reportsOf(reports, place)).toEqual([reports[0], reports[3]]);
    expect(
      reportsOf([{ lane: 'bulk', partition: 1, first: 0, end: 1, committed: null }], place),
    ).toHaveLength(1);
  });

  it('say by topic and cluster whether the consumers have come to a record', () => {
    const behind = (position: number, over: object) =>
      isBehind(reports, { ...place, position, topicPrefix: 'own', ...over });
    expect(behind(6, {})).toBe(false);
    expect(behind(6, { cluster: 'second' })).toBe(true);
    expect(behind(6, { topicPrefix: 'eval' })).toBe(true);
  });

  it('tell what a retention has dropped in either cluster', () => {
    const document = { ...place, topicPrefix: 'own', end: 100 } as StreamSummary;
    const subject = {
      stream: 's',
      source: 's',
      run: 'r',
      path: '/p',
      state: null,
      document,
      file: null,
      consumed: null,
    };
    const carried = new CarriedStream(subject);
    carried.firstStart = 40;
    expect(expiredRange(carried, reports)).toMatchObject({ kind: 'expired', start: 0, end: 40 });
    expect(expiredRange(carried, reports.slice(0, 3))).toBe(null);
  });
});
