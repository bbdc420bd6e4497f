// Counters of the core: plain numbers that the hot path adds to. Whoever exports them reads them when asked
// (adapters/telemetry/telemetry.ts), so counting costs an addition.

import { createHistogram, type Histogram } from '../base/histogram.ts';

/** Why entries of a log had to be fetched (entropy/exchange.ts). */
export const DELTA_REASONS = ['reconnect', 'away', 'stalled', 'refused', 'awaited'] as const;
export type DeltaReason = (typeof DELTA_REASONS)[number];

/** Why something that a peer said was not believed (replica/peer-check.ts). */
export const CLAIM_REASONS = [
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

export interface Metrics {
  /** Mutations minted here. */
  writes: number;
  /** Mutations of other origins made durable here. */
  entriesReceived: number;
  /** Mutations that arrived and lost, or replaced, a version that its writer had not seen. */
  conflictsLww: number;
  writesIndeterminate: number;
  /** Writes whose reply named a newer version, and deletes that were written once more above one. */
  writesSuperseded: number;
  deletesRepeated: number;
  idempotentReplays: number;
  readRepairs: number;
  /** Reads that others answered because this replica was not fit to. */
  readsForwarded: number;
  /** Answers that a bug broke off. */
  repliesBroken: number;
  readHedges: number;
  /** Versions that a read saw and had to be given to more replicas before it was answered. */
  readWriteBacks: number;
  cacheHits: number;
  cacheMisses: number;
  recordsDamaged: number;
  entriesRefused: number;
  /** Stamps from peers beyond the drift bound. */
  clockRefusals: number;
  /** What peers said and cannot be. */
  readonly claimsRefused: Record<ClaimReason, number>;
  /** Entries of peers that the disk had no room for. */
  entriesWithoutRoom: number;
  streamDuplicates: number;
  streamGaps: number;
  logEntriesTruncated: number;
  /** Records and log entries that the scrub verified, and its complete rounds. */
  scrubEntries: number;
  scrubRounds: number;
  /** Parts of snapshots given to peers and taken from them, their records, and whole snapshots taken over. */
  snapshotChunksSent: number;
  snapshotChunksReceived: number;
  snapshotRecordsReceived: number;
  snapshotsReceived: number;
  /** Times that a copy had to wait because too many had begun within an hour. */
  snapshotsPostponed: number;
  /** Log entries fetched because they were missing: how often, by reason, and their bytes. */
  readonly deltas: Record<DeltaReason, number>;
  deltaBytes: number;
  /** Of the records of snapshots, and of those that comparing trees brought back. */
  snapshotBytes: number;
  treeMendedBytes: number;
  /** Leaves of the hash tree whose records storage had lost or changed in silence, and trees counted anew from doubt. */
  treeLeavesMended: number;
  treeRebuilds: number;
  /** Comparisons with a peer that came to an end: equal, different, or impossible to say. */
  treeRoundsEqual: number;
  treeRoundsDifferent: number;
  treeRoundsUnknown: number;
  /** Confirmed differences: rounds that brought records from a peer, those records, and bytes that comparing moved. */
  treeResyncs: number;
  treeRecordsMended: number;
  treeBytes: number;
  /** Tombstones kept. */
  tombstones: number;
  /** Tombstones dropped, and expired values that this replica turned into deletes. */
  tombstonesDropped: number;
  expirationsDeleted: number;
  /** Records that a snapshot lacks and that were dropped for it, and records of peers that had been deleted here. */
  snapshotRecordsAbsent: number;
  resurrectionsRefused: number;
  /** Log entries in one entries message sent to a peer. */
  readonly peerFrameEntries: Histogram;
  /** Log entries in one synced batch. */
  readonly batchEntries: Histogram;
  /** Seconds from admission to the reply. */
  readonly quorumWaitWrite: Histogram;
  readonly quorumWaitRead: Histogram;
}

const COUNT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
export const SECONDS_BUCKETS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export function createMetrics(): Metrics {
  return {
    writes: 0,
    entriesReceived: 0,
    conflictsLww: 0,
    writesIndeterminate: 0,
    writesSuperseded: 0,
    deletesRepeated: 0,
    idempotentReplays: 0,
    readRepairs: 0,
    readsForwarded: 0,
    repliesBroken: 0,
    readHedges: 0,
    readWriteBacks: 0,
    cacheHits: 0,
    cacheMisses: 0,
    recordsDamaged: 0,
    entriesRefused: 0,
    clockRefusals: 0,
    claimsRefused: {
      life: 0,
      stamp: 0,
      deadline: 0,
      number: 0,
      stranger: 0,
      lives: 0,
      ack: 0,
      identity: 0,
      membership: 0,
    },
    entriesWithoutRoom: 0,
    streamDuplicates: 0,
    streamGaps: 0,
    logEntriesTruncated: 0,
    scrubEntries: 0,
    scrubRounds: 0,
    snapshotChunksSent: 0,
    snapshotChunksReceived: 0,
    snapshotRecordsReceived: 0,
    snapshotsReceived: 0,
    snapshotsPostponed: 0,
    deltas: { reconnect: 0, away: 0, stalled: 0, refused: 0, awaited: 0 },
    deltaBytes: 0,
    snapshotBytes: 0,
    treeMendedBytes: 0,
    treeLeavesMended: 0,
    treeRebuilds: 0,
    treeRoundsEqual: 0,
    treeRoundsDifferent: 0,
    treeRoundsUnknown: 0,
    treeResyncs: 0,
    treeRecordsMended: 0,
    treeBytes: 0,
    tombstones: 0,
    tombstonesDropped: 0,
    expirationsDeleted: 0,
    snapshotRecordsAbsent: 0,
    resurrectionsRefused: 0,
    peerFrameEntries: createHistogram(COUNT_BUCKETS),
    batchEntries: createHistogram(COUNT_BUCKETS),
    quorumWaitWrite: createHistogram(SECONDS_BUCKETS),
    quorumWaitRead: createHistogram(SECONDS_BUCKETS),
  };
}
