import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/**
 * Caboose's own metrics, all of them. Rooms are given this object; none declares a metric elsewhere. No label holds a
 * path, a run or anything else without a bound. docs/METRICS.md lists them (a test compares).
 * The training's metrics are in sinks/prometheus.ts.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  // prom-client samples the event loop's delay every 10 ms, which wakes an idle process a hundred times a second. So it never
  // does here, and the metrics that come of it go; nodejs_eventloop_lag_seconds is measured at each scrape and stays.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 2 ** 31 - 1 });
  for (const kind of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'])
    registry.removeSingleMetric(`nodejs_eventloop_lag_${kind}_seconds`);
  // prom-client's gauges of these names end in _total, which promtool refuses.
  for (const kind of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  return {
    registry,

    // agent
    readBytes: new Counter({
      name: 'caboose_read_bytes_total',
      help: 'Bytes read from followed files.',
      registers,
    }),
    cutBytes: new Counter({
      name: 'caboose_cut_bytes_total',
      help: 'Bytes of cuts written to the cut log.',
      registers,
    }),
    ackedBytes: new Counter({
      name: 'caboose_acked_bytes_total',
      help: 'Bytes of segments that the transport has acknowledged.',
      labelNames: ['lane'] as const,
      registers,
    }),
    segments: new Counter({
      name: 'caboose_published_segments_total',
      help: 'Segments that the transport has acknowledged.',
      labelNames: ['lane'] as const,
      registers,
    }),
    gapBytes: new Counter({
      name: 'caboose_gap_bytes_total',
      help: 'Bytes that could not be had and were published as a gap, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    redacted: new Counter({
      name: 'caboose_redacted_total',
      help: 'Secrets that were masked, by kind: by the agent before they leave the machine, by the indexer in events.',
      labelNames: ['kind'] as const,
      registers,
    }),
    spoolBytes: new Gauge({
      name: 'caboose_spool_bytes',
      help: 'Bytes in the spool now: of files that vanished before all of them was acknowledged.',
      registers,
    }),
    spooledBytes: new Counter({
      name: 'caboose_spooled_bytes_total',
      help: 'Bytes of vanished files that were written to the spool.',
      registers,
    }),
    followedFiles: new Gauge({ name: 'caboose_followed_files', help: 'Files followed now.', registers }),
    openFiles: new Gauge({ name: 'caboose_open_files', help: 'Files held open now.', registers }),
    polledFiles: new Gauge({
      name: 'caboose_polled_files',
      help: 'Files polled now, because they changed lately; walks and file system events look after the others.',
      registers,
    }),
    lagBytes: new Gauge({
      name: 'caboose_lag_bytes',
      help: 'Bytes that are in followed files but not acknowledged by the transport.',
      registers,
    }),
    lagSeconds: new Gauge({
      name: 'caboose_lag_seconds',
      help: 'Age of the oldest byte that was seen but is not acknowledged by the transport.',
      registers,
    }),
    compressionLevel: new Gauge({
      name: 'caboose_compression_level',
      help: '1 for the level at which segments are compressed now: cheap, normal or strong.',
      labelNames: ['level'] as const,
      registers,
    }),

    // transport, indexer
    activeCluster: new Gauge({
      name: 'caboose_active_cluster',
      help: '1 for the cluster that this process sends to: first or second. Only where a second one is configured.',
      labelNames: ['cluster'] as const,
      registers,
    }),
    clusterMoves: new Counter({
      name: 'caboose_cluster_moves_total',
      help: 'Times that everything moved to the other cluster, by where to.',
      labelNames: ['to'] as const,
      registers,
    }),
    heldPartitions: new Gauge({
      name: 'caboose_held_partitions',
      help: 'Partitions with streams that wait for what the other cluster has of them.',
      registers,
    }),
    takenInBytes: new Counter({
      name: 'caboose_taken_in_bytes_total',
      help: 'Raw bytes of segments taken in by the indexer, redeliveries left out.',
      labelNames: ['lane'] as const,
      registers,
    }),
    redeliveredSegments: new Counter({
      name: 'caboose_redelivered_segments_total',
      help: 'Segments that were held already and were skipped.',
      registers,
    }),
    indexedEvents: new Counter({
      name: 'caboose_indexed_events_total',
      help: 'Closed events that the index has stored.',
      registers,
    }),
    indexedPoints: new Counter({
      name: 'caboose_indexed_points_total',
      help: 'Training points that the index has stored.',
      registers,
    }),
    dropped: new Counter({
      name: 'caboose_dropped_total',
      help: 'Things that were not taken in, by reason; each is in the dead letters or told in the log.',
      labelNames: ['reason'] as const,
      registers,
    }),
    consumerLag: new Gauge({
      name: 'caboose_consumer_lag_records',
      help: 'Records published but not committed, over the partitions of this indexer.',
      labelNames: ['lane'] as const,
      registers,
    }),
    assignedPartitions: new Gauge({
      name: 'caboose_assigned_partitions',
      help: 'Partitions that this indexer takes.',
      labelNames: ['lane'] as const,
      registers,
    }),
    planVersion: new Gauge({
      name: 'caboose_assignment_plan_version',
      help: "Version of the leader's assignment plan that this indexer knows; 0 without one.",
      registers,
    }),
    planAge: new Gauge({
      name: 'caboose_assignment_plan_age_seconds',
      help: 'Age of that plan; 0 without one.',
      registers,
    }),
    assignmentImbalance: new Gauge({
      name: 'caboose_assignment_imbalance',
      help: 'On the leader: what the busiest indexer has to work off, over what an even share would be. 1 is even.',
      registers,
    }),
    endToEnd: new Histogram({
      name: 'caboose_end_to_end_seconds',
      help: 'Time from the moment a line was observed by the agent until it can be searched.',
      buckets: [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600],
      registers,
    }),
    indexRetries: new Counter({
      name: 'caboose_index_retries_total',
      help: 'Documents sent to the index again, by the status that asked for it.',
      labelNames: ['status'] as const,
      registers,
    }),
    indexRefusing: new Gauge({
      name: 'caboose_index_refusing',
      help: 'Partitions whose batch waits because the index refuses one document after the other.',
      registers,
    }),

    // the leader
    incidentActive: new Gauge({
      name: 'caboose_incident_active',
      help: '1 for each open incident, on the leader; gone when it is resolved, which it is when the run has ended.',
      labelNames: ['run', 'attempt', 'rank', 'class', 'role'] as const,
      registers,
    }),
    incidents: new Counter({
      name: 'caboose_incidents_total',
      help: 'Incidents opened by this leader, by class.',
      labelNames: ['class'] as const,
      registers,
    }),
    watchedRuns: new Gauge({
      name: 'caboose_watched_runs',
      help: 'On the leader: runs whose facts are held, to tell what goes wrong in them.',
      registers,
    }),
    evictedRuns: new Counter({
      name: 'caboose_evicted_runs_total',
      help: 'Runs that the leader let go of because too many are under way (incidents.runsMax).',
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'caboose_webhook_deliveries_total',
      help: 'What became of what the webhook is to be told: delivered, retried, given-up, queue-full.',
      labelNames: ['result'] as const,
      registers,
    }),

    // every long-running command
    stalls: new Counter({
      name: 'caboose_stalls_total',
      help: 'Times that a part of the process made no progress though nothing held it up, by part.',
      labelNames: ['part'] as const,
      registers,
    }),
    connected: new Gauge({
      name: 'caboose_connected',
      help: '1 when the connection works.',
      labelNames: ['to'] as const,
      registers,
    }),
    leader: new Gauge({ name: 'caboose_leader', help: '1 on the indexer that leads.', registers }),
    buildInfo: new Gauge({
      name: 'caboose_build_info',
      help: 'Always 1; the version is a label.',
      labelNames: ['version'] as const,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
