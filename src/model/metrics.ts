// The counters and histograms of the core: one row each, with its public name, its help and its
// labels. A new metric needs only a row: the counter here and the family that Prometheus reads both
// follow from it.
//
// A counter is a plain number that the hot path increments; adapters/telemetry/core-families.ts
// reads it at a scrape.

import { unreachable } from '../base/assert.ts';
import { createHistogram, type Histogram } from '../base/histogram.ts';

/** Why entries of a log had to be fetched (entropy/exchange.ts). */
const DELTA_REASONS = ['reconnect', 'away', 'stalled', 'refused', 'awaited'] as const;
export type DeltaReason = (typeof DELTA_REASONS)[number];

/** Why a claim of a peer was refused (peers/peer-check.ts names each). */
const CLAIM_REASONS = [
  'life',
  'stamp',
  'deadline',
  'number',
  'stranger',
  'lives',
  'ack',
  'identity',
  'membership',
] as const;
export type ClaimReason = (typeof CLAIM_REASONS)[number];

/** Prometheus's family: rows of one family differ in their labels. */
export interface FamilyText {
  /** With its unit, and `_total` for a counter. */
  readonly name: string;
  readonly help: string;
}

type Labels = { readonly [name: string]: string };

/** The family and labels under which a number is shown. */
interface Place {
  readonly family: FamilyText;
  readonly labels: Labels;
}

/** A number that only grows. */
interface CounterRow extends Place {
  readonly kind: 'counter';
  /** A second family that counts the same number among others. */
  readonly also?: Place;
}

/** A number that may also fall. */
interface GaugeRow {
  readonly kind: 'gauge';
  readonly family: FamilyText;
  readonly labels: Labels;
}

/** One number for each value of `label`. */
interface CountersRow<Value extends string> {
  readonly kind: 'counters';
  readonly family: FamilyText;
  readonly labels: Labels;
  readonly label: string;
  readonly values: readonly Value[];
}

interface HistogramRow {
  readonly kind: 'histogram';
  readonly family: FamilyText;
  readonly labels: Labels;
  readonly bounds: readonly number[];
}

export type MetricRow = CounterRow | GaugeRow | CountersRow<string> | HistogramRow;

const COUNT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
export const SECONDS_BUCKETS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

const CONFLICTS = family(
  'conit_conflicts_total',
  'Concurrent writes: mutations that lost to, or replaced, a version that their writer had not seen, by how that was resolved.',
);
const RESYNCS = family(
  'conit_resync_total',
  'How often missing data was fetched: from logs, as a snapshot, or after a comparison of hash trees.',
);
const RESYNC_BYTES = family(
  'conit_resync_bytes_total',
  'Bytes of the entries and records fetched by resynchronisation.',
);
const TREE_ROUNDS = family(
  'conit_antientropy_rounds_total',
  'Finished comparisons of hash trees with peers, by result.',
);
const QUORUM_WAIT = family(
  'conit_quorum_wait_seconds',
  'Time from the admission of a request to its reply.',
);

export const METRICS = {
  writes: counter('conit_writes_total', 'Mutations first written at this replica.'),
  entriesReceived: counter(
    'conit_entries_received_total',
    'Log entries of other origins made durable at this replica.',
  ),
  conflictsLww: another(CONFLICTS, { resolution: 'lww' }),
  writesIndeterminate: counter(
    'conit_writes_indeterminate_total',
    'Writes that were answered with an unknown outcome.',
  ),
  writesSuperseded: counter(
    'conit_writes_superseded_total',
    'Writes whose reply names a newer version that a replica shows in their place.',
  ),
  deletesRepeated: counter(
    'conit_deletes_repeated_total',
    'Deletes that were written again with a later stamp, because the value had a stamp ahead of theirs.',
  ),
  idempotentReplays: counter(
    'conit_idempotent_replays_total',
    'Writes whose idempotency key was known, answered with the first reply.',
  ),
  readRepairs: counter(
    'conit_read_repairs_total',
    'Replicas that a read found behind: it sent them the record, or waited for the stream.',
  ),
  readsForwarded: counter(
    'conit_reads_forwarded_total',
    'Reads that another replica answered because this one was too far behind.',
  ),
  repliesBroken: counter(
    'conit_replies_broken_total',
    'Answers that a bug cut off; the log has the reason.',
  ),
  readQuestions: counter(
    'conit_read_questions_total',
    'Questions of reads and lists to peers, without hedges.',
  ),
  readHedges: counter(
    'conit_read_hedges_total',
    'Reads and lists that asked one more replica because one was slow: at most one for 20 questions, and 2 a second.',
  ),
  readWriteBacks: counter(
    'conit_read_write_backs_total',
    'Reads that waited until more replicas held the newest version, so that no later read goes back.',
  ),
  cacheHits: counter('conit_cache_hits_total', 'Reads of records that were in memory.'),
  cacheMisses: counter(
    'conit_cache_misses_total',
    'Reads of records that were not in memory, and came from storage.',
  ),
  recordsDamaged: counter(
    'conit_records_damaged_total',
    'Stored records whose checksum was wrong.',
  ),
  entriesRefused: counter(
    'conit_entries_refused_total',
    'Log entries of peers that were refused as invalid.',
  ),
  entriesWithoutRoom: counter(
    'conit_entries_without_room_total',
    'Log entries of peers for which the disk had no room; they are asked for again.',
  ),
  clockRefusals: counter(
    'conit_clock_refusals_total',
    'Stamps of peers that were further ahead than the drift bound.',
  ),
  claimsRefused: counters(
    family(
      'conit_peer_claims_refused_total',
      'Claims of peers that cannot be true, by what is wrong with them.',
    ),
    'reason',
    CLAIM_REASONS,
  ),
  streamDuplicates: counter(
    'conit_stream_duplicates_total',
    'Log entries of peers that this replica had already.',
  ),
  peerMessagesDropped: counter(
    'conit_peer_messages_dropped_total',
    'Messages of peers dropped because too many waited for a turn; they are sent or asked for again.',
  ),
  streamGaps: counter(
    'conit_stream_gaps_total',
    'Runs of log entries that did not follow the last entry.',
  ),
  logEntriesTruncated: counter(
    'conit_log_entries_truncated_total',
    'Log entries removed because every replica had them.',
  ),
  scrubEntries: counter(
    'conit_scrub_entries_total',
    'Records and log entries that the scrub verified.',
  ),
  scrubRounds: counter('conit_scrub_rounds_total', 'Complete rounds of the scrub.'),
  snapshotChunksSent: counter(
    'conit_snapshot_chunks_sent_total',
    'Parts of snapshots sent to peers.',
  ),
  snapshotChunksReceived: counter(
    'conit_snapshot_chunks_received_total',
    'Parts of snapshots received.',
  ),
  snapshotRecordsReceived: counter(
    'conit_snapshot_records_received_total',
    'Records in the parts of snapshots received.',
  ),
  /** A snapshot is fetched for one reason: no log of a connected peer reaches back far enough. */
  snapshotsReceived: {
    ...counter('conit_snapshots_received_total', 'Whole snapshots received from peers.'),
    also: { family: RESYNCS, labels: { kind: 'snapshot', reason: 'truncated' } },
  },
  snapshotsPostponed: counter(
    'conit_snapshots_postponed_total',
    'How often a snapshot had to wait because too many had begun within an hour.',
  ),
  deltas: counters(RESYNCS, 'reason', DELTA_REASONS, { kind: 'delta' }),
  treeResyncs: another(RESYNCS, { kind: 'tree', reason: 'divergence' }),
  deltaBytes: another(RESYNC_BYTES, { kind: 'delta' }),
  snapshotBytes: another(RESYNC_BYTES, { kind: 'snapshot' }),
  treeMendedBytes: another(RESYNC_BYTES, { kind: 'tree' }),
  treeLeavesMended: counter(
    'conit_tree_leaves_mended_total',
    'Leaves of the hash tree whose records the storage had lost or changed without an error.',
  ),
  treeRebuilds: counter(
    'conit_tree_rebuilds_total',
    'How often the hash tree was computed again because it was in doubt.',
  ),
  treeRoundsEqual: another(TREE_ROUNDS, { result: 'equal' }),
  treeRoundsDifferent: another(TREE_ROUNDS, { result: 'different' }),
  treeRoundsUnknown: another(TREE_ROUNDS, { result: 'unknown' }),
  treeRecordsMended: counter(
    'conit_tree_records_mended_total',
    'Records that the storage had lost without an error, and that were fetched from a peer.',
  ),
  treeBytes: counter(
    'conit_antientropy_bytes_total',
    'Approximate bytes exchanged by comparisons of hash trees.',
  ),
  tombstonesDropped: counter(
    'conit_tombstones_dropped_total',
    'Tombstones removed because every replica had them.',
  ),
  expirationsDeleted: counter(
    'conit_expirations_deleted_total',
    'Expired values that this replica turned into deletes.',
  ),
  snapshotRecordsAbsent: counter(
    'conit_snapshot_records_absent_total',
    'Records that were dropped because a snapshot covers them and does not have them.',
  ),
  entriesDeferred: counter(
    'conit_delivery_deferred_total',
    'Log entries of causal namespaces that had to wait for what they depend on.',
  ),
  dependenciesLost: counter(
    'conit_dependencies_lost_total',
    'Dependencies that no replica holds any more; what waited for them is shown without them.',
  ),
  resurrectionsRefused: counter(
    'conit_resurrections_refused_total',
    'Records of peers refused because they had been deleted at this replica.',
  ),
  listsHeldBytes: gauge(
    'conit_lists_held_bytes',
    'Memory held by lists in preparation, of this replica and for peers.',
  ),
  tombstones: gauge('conit_tombstones', 'Tombstones stored.'),
  peerFrameEntries: histogram(
    'conit_peer_frame_entries',
    'Log entries in one message to a peer.',
    COUNT_BUCKETS,
  ),
  batchEntries: histogram(
    'conit_wal_batch_entries',
    'Log entries in one synced batch.',
    COUNT_BUCKETS,
  ),
  checkpoints: counter('conit_checkpoints_total', 'Checkpoints that have ended.'),
  checkpointSeconds: seconds(
    family('conit_checkpoint_seconds', 'Time from the begin of a checkpoint to its mark.'),
    {},
  ),
  checkpointBytes: counter(
    'conit_checkpoint_bytes_total',
    'Bytes of the records that checkpoints have written.',
  ),
  checkpointPieces: gauge(
    'conit_checkpoint_pieces',
    'Pieces that the current checkpoint has written; 0 while none is in progress.',
  ),
  checkpointAgeSeconds: gauge(
    'conit_checkpoint_age_seconds',
    'How long ago the last finished checkpoint began; 0 while nothing is left to write.',
  ),
  dirtyRecords: gauge(
    'conit_dirty_records',
    'Records that only memory and the logs have: the table on disk does not have them yet.',
  ),
  dirtyBytes: gauge(
    'conit_dirty_bytes',
    'Bytes of the records that only memory and the logs have.',
  ),
  entriesBehindMark: gauge(
    'conit_log_entries_behind_checkpoint',
    'Log entries that a start would replay now.',
  ),
  entriesReplayed: counter(
    'conit_log_entries_replayed_total',
    'Log entries behind the last checkpoint that the start replayed.',
  ),
  replaySeconds: gauge(
    'conit_replay_seconds',
    'How long the start took to verify the logs and to replay them.',
  ),
  quorumWaitWrite: seconds(QUORUM_WAIT, { op: 'write' }),
  quorumWaitRead: seconds(QUORUM_WAIT, { op: 'read' }),
} satisfies { readonly [name: string]: MetricRow };

type ValueOf<Row extends MetricRow> =
  Row extends CountersRow<infer Value>
    ? { [Name in Value]: number }
    : Row extends HistogramRow
      ? Histogram
      : number;

export type Metrics = { -readonly [Name in keyof typeof METRICS]: ValueOf<(typeof METRICS)[Name]> };

export function createMetrics(): Metrics {
  const values = Object.entries<MetricRow>(METRICS).map(([name, row]) => [name, startOf(row)]);
  // Each value has the type of its row, which the type system cannot follow through the list.
  return Object.fromEntries(values) as Metrics;
}

function startOf(row: MetricRow): ValueOf<MetricRow> {
  switch (row.kind) {
    case 'counter':
    case 'gauge':
      return 0;
    case 'counters':
      return Object.fromEntries(row.values.map((value) => [value, 0]));
    case 'histogram':
      return createHistogram(row.bounds);
    default:
      return unreachable(row);
  }
}

function family(name: string, help: string): FamilyText {
  return { name, help };
}

function counter(name: string, help: string): CounterRow {
  return another(family(name, help), {});
}

/** One counter of a family that has several. */
function another(text: FamilyText, labels: Labels): CounterRow {
  return { kind: 'counter', family: text, labels };
}

function counters<const Value extends string>(
  text: FamilyText,
  label: string,
  values: readonly Value[],
  labels: Labels = {},
): CountersRow<Value> {
  return { kind: 'counters', family: text, labels, label, values };
}

function gauge(name: string, help: string): GaugeRow {
  return { kind: 'gauge', family: family(name, help), labels: {} };
}

function histogram(name: string, help: string, bounds: readonly number[]): HistogramRow {
  return { kind: 'histogram', family: family(name, help), labels: {}, bounds };
}

function seconds(text: FamilyText, labels: Labels): HistogramRow {
  return { kind: 'histogram', family: text, labels, bounds: SECONDS_BUCKETS };
}
