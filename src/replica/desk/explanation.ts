// Shows what each replica holds of a key, and which entries it lacks, by its last report. For a
// deleted key: the members because of which its tombstone is kept.

import { assert } from '../../base/assert.ts';
import { has } from '../../model/member-set.ts';
import type { Member } from '../../model/quorum.ts';
import { isTombstone, latestOf } from '../../model/record.ts';
import type { Explained, ReplicaView } from '../../model/reply.ts';
import { mergeVector, missing, type ReadonlyVector } from '../../model/vector.ts';
import type { Peers } from '../../peers/peers.ts';
import { answerOf, type PendingRead } from '../../quorum/get.ts';
import type { Log } from '../../store/log.ts';
import type { Stability } from '../../upkeep/stability.ts';

export interface ExplanationOptions {
  readonly log: Log;
  readonly peers: Peers;
  readonly self: Member;
  readonly stability: Stability;
}

/** `read` has asked all replicas. */
export function explanationOf(read: PendingRead, options: ExplanationOptions): Explained {
  assert(read.purpose === 'explain', 'explanation: all replicas were asked');
  const known = knownIn(options);
  const replicas = read.rules.members.map((member) => viewOf(read, member, known, options));
  return { kind: 'explained', replicas, tombstone: tombstoneOf(read, options) };
}

function viewOf(
  read: PendingRead,
  { id, index, region }: Member,
  known: ReadonlyVector,
  { log, peers, self }: ExplanationOptions,
): ReplicaView {
  const record = answerOf(read, index);
  const holds = index === self.index ? log.durable : peers.get(index)?.holds;
  const gaps = holds === undefined ? [] : missing(holds, known);
  const held = record === undefined ? 'absent' : 'record';
  const answered = has(read.tally.yes, index) ? held : undefined;
  return {
    id,
    region,
    answer: answered ?? (has(read.damaged, index) ? 'damaged' : 'no-answer'),
    record,
    missing: gaps.map(({ origin, from, to }) => ({ origin, entries: to - from + 1 })),
  };
}

/** If the newest version is a delete. */
function tombstoneOf(
  { newest }: PendingRead,
  { stability }: ExplanationOptions,
): Explained['tombstone'] {
  if (newest === undefined || !isTombstone(newest)) return undefined;
  const { origin, seq } = latestOf(newest);
  const dot = { origin, seq };
  return { dot, blockedBy: stability.blockers(dot) };
}

/** The vector of everything that any member is known to hold. */
function knownIn({ log, peers }: ExplanationOptions): ReadonlyVector {
  const known = new Map(log.durable);
  for (const peer of peers.all()) mergeVector(known, peer.holds);
  return known;
}
