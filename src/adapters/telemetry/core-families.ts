// The core's counters and histograms under their public names. Every member of `Metrics` has its row here: a new one
// without a name does not compile.

import type { Histogram } from '../../base/histogram.ts';
import { CLAIM_REASONS, DELTA_REASONS, type Metrics } from '../../model/metrics.ts';
import { counter, type Family, gauge, histogram, histograms } from './family.ts';

type Names<T> = {
  [Name in keyof Metrics]: Metrics[Name] extends T ? Name : never;
}[keyof Metrics];

type Labelled =
  | 'conflictsLww'
  | 'deltaBytes'
  | 'snapshotBytes'
  | 'treeMendedBytes'
  | 'treeResyncs'
  | 'treeRoundsEqual'
  | 'treeRoundsDifferent'
  | 'treeRoundsUnknown';
type CounterName = Exclude<Names<number>, Labelled | 'tombstones'>;
type HistogramName = Exclude<Names<Histogram>, 'quorumWaitWrite' | 'quorumWaitRead'>;
type Row = readonly [name: string, help: string];

const COUNTERS: { readonly [Name in CounterName]: Row } = {
  writes: ['conit_writes_total', 'Mutations written here first.'],
  entriesReceived: ['conit_entries_received_total', 'Log entries of other origins stored.'],
  writesIndeterminate: ['conit_writes_indeterminate_total', 'Writes answered as unknown.'],
  writesSuperseded: [
    'conit_writes_superseded_total',
    'Writes answered with a newer version that a replica shows in their place.',
  ],
  deletesRepeated: [
    'conit_deletes_repeated_total',
    'Deletes written once more above a value whose stamp was ahead of theirs.',
  ],
  idempotentReplays: ['conit_idempotent_replays_total', 'Writes answered from memory.'],
  readRepairs: ['conit_read_repairs_total', 'Records sent to a replica that a read found behind.'],
  readsForwarded: [
    'conit_reads_forwarded_total',
    'Reads that others answered because this replica was too far behind.',
  ],
  repliesBroken: [
    'conit_replies_broken_total',
    'Answers that ended with their connection because of a bug, which the log names.',
  ],
  readHedges: [
    'conit_read_hedges_total',
    'Reads that asked one more replica because one was slow.',
  ],
  readWriteBacks: [
    'conit_read_write_backs_total',
    'Reads that waited until more replicas held the newest version, so that no later read goes back.',
  ],
  cacheHits: ['conit_cache_hits_total', 'Records found in memory.'],
  cacheMisses: ['conit_cache_misses_total', 'Records read from storage.'],
  recordsDamaged: ['conit_records_damaged_total', 'Stored records whose checksum did not hold.'],
  entriesRefused: ['conit_entries_refused_total', 'Entries of peers that were not acceptable.'],
  entriesWithoutRoom: [
    'conit_entries_without_room_total',
    'Entries of peers that the disk had no room for; they are asked for again.',
  ],
  clockRefusals: ['conit_clock_refusals_total', 'Stamps of peers beyond the drift bound.'],
  streamDuplicates: ['conit_stream_duplicates_total', 'Entries of peers that were here already.'],
  streamGaps: ['conit_stream_gaps_total', 'Runs of entries that did not follow the last one.'],
  logEntriesTruncated: ['conit_log_entries_truncated_total', 'Log entries that all replicas had.'],
  scrubEntries: ['conit_scrub_entries_total', 'Records and log entries that the scrub verified.'],
  scrubRounds: ['conit_scrub_rounds_total', 'Complete rounds of the scrub.'],
  snapshotChunksSent: ['conit_snapshot_chunks_sent_total', 'Parts of snapshots given to peers.'],
  snapshotChunksReceived: ['conit_snapshot_chunks_received_total', 'Parts of snapshots taken.'],
  snapshotRecordsReceived: ['conit_snapshot_records_received_total', 'Records in those parts.'],
  snapshotsReceived: ['conit_snapshots_received_total', 'Whole snapshots taken over from peers.'],
  snapshotsPostponed: [
    'conit_snapshots_postponed_total',
    'Times that a snapshot had to wait for the budget of an hour.',
  ],
  treeLeavesMended: [
    'conit_tree_leaves_mended_total',
    'Leaves of the hash tree whose records storage had lost or changed in silence.',
  ],
  treeRebuilds: [
    'conit_tree_rebuilds_total',
    'Hash trees counted anew because they were in doubt.',
  ],
  treeRecordsMended: [
    'conit_tree_records_mended_total',
    'Records lost in silence that came back from a peer.',
  ],
  treeBytes: ['conit_antientropy_bytes_total', 'Bytes moved by comparing with peers, about.'],
  tombstonesDropped: ['conit_tombstones_dropped_total', 'Tombstones that every replica had.'],
  expirationsDeleted: [
    'conit_expirations_deleted_total',
    'Expired values deleted by their origin.',
  ],
  snapshotRecordsAbsent: [
    'conit_snapshot_records_absent_total',
    'Records dropped because a snapshot that covers them lacks them.',
  ],
  resurrectionsRefused: [
    'conit_resurrections_refused_total',
    'Records of peers that had been deleted here.',
  ],
};

const HISTOGRAMS: { readonly [Name in HistogramName]: Row } = {
  peerFrameEntries: ['conit_peer_frame_entries', 'Log entries in one message to a peer.'],
  batchEntries: ['conit_wal_batch_entries', 'Log entries in one synced batch.'],
};

export function coreFamilies(metrics: Metrics): readonly Family[] {
  const names = Object.keys(COUNTERS) as CounterName[];
  const histogramNames = Object.keys(HISTOGRAMS) as HistogramName[];
  return [
    ...names.map((name) => counter(...COUNTERS[name], () => metrics[name])),
    ...histogramNames.map((name) => histogram(...HISTOGRAMS[name], metrics[name])),
    gauge('conit_tombstones', 'Deleted keys that are still remembered.', () => metrics.tombstones),
    conflicts(metrics),
    claims(metrics),
    resyncs(metrics),
    resyncBytes(metrics),
    rounds(metrics),
    quorumWait(metrics),
  ];
}

function conflicts(metrics: Metrics): Family {
  return {
    name: 'conit_conflicts_total',
    help: 'Concurrent versions of a key, by how they were resolved.',
    type: 'counter',
    samples: () => [{ labels: { resolution: 'lww' }, value: metrics.conflictsLww }],
  };
}

function claims({ claimsRefused }: Metrics): Family {
  return {
    name: 'conit_peer_claims_refused_total',
    help: 'What peers said and cannot be, by what is wrong with it.',
    type: 'counter',
    samples: () =>
      CLAIM_REASONS.map((reason) => ({ labels: { reason }, value: claimsRefused[reason] })),
  };
}

function resyncs(metrics: Metrics): Family {
  return {
    name: 'conit_resync_total',
    help: 'Times that what was missing was fetched: from logs, as a snapshot, or by comparing trees.',
    type: 'counter',
    samples: () => [
      ...DELTA_REASONS.map((reason) => ({
        labels: { kind: 'delta', reason },
        value: metrics.deltas[reason],
      })),
      { labels: { kind: 'snapshot', reason: 'truncated' }, value: metrics.snapshotsReceived },
      { labels: { kind: 'tree', reason: 'divergence' }, value: metrics.treeResyncs },
    ],
  };
}

function resyncBytes(metrics: Metrics): Family {
  return {
    name: 'conit_resync_bytes_total',
    help: 'Bytes of the entries and records that were fetched so.',
    type: 'counter',
    samples: () => [
      { labels: { kind: 'delta' }, value: metrics.deltaBytes },
      { labels: { kind: 'snapshot' }, value: metrics.snapshotBytes },
      { labels: { kind: 'tree' }, value: metrics.treeMendedBytes },
    ],
  };
}

function rounds(metrics: Metrics): Family {
  return {
    name: 'conit_antientropy_rounds_total',
    help: 'Comparisons of hash trees with peers, by what they said.',
    type: 'counter',
    samples: () => [
      { labels: { result: 'equal' }, value: metrics.treeRoundsEqual },
      { labels: { result: 'different' }, value: metrics.treeRoundsDifferent },
      { labels: { result: 'unknown' }, value: metrics.treeRoundsUnknown },
    ],
  };
}

function quorumWait({ quorumWaitWrite, quorumWaitRead }: Metrics): Family {
  return histograms('conit_quorum_wait_seconds', 'From admission to the reply.', () => [
    { labels: { op: 'write' }, histogram: quorumWaitWrite },
    { labels: { op: 'read' }, histogram: quorumWaitRead },
  ]);
}
