// Version vectors (Parker et al., 1983) over lanes. An absent entry is zero. Vectors form a lattice
// under merge (pointwise maximum), which the property tests check law by law.

import {
  incarnationOf,
  type Dot,
  type Incarnation,
  type LaneId,
  type ReplicaId,
  replicaOf,
  type Seq,
} from './id.ts';

export type Vector = Map<LaneId, Seq>;
export type ReadonlyVector = ReadonlyMap<LaneId, Seq>;
/** A vector in messages and replies. */
export type VectorEntries = readonly (readonly [LaneId, Seq])[];

/** A run of one lane's sequence numbers, both ends included. */
export interface Gap {
  readonly origin: LaneId;
  readonly from: Seq;
  readonly to: Seq;
}

export type Ordering = 'equal' | 'before' | 'after' | 'concurrent';

export function seqOf(vector: ReadonlyVector, lane: LaneId): Seq {
  return vector.get(lane) ?? 0;
}

export function covers(vector: ReadonlyVector, dot: Dot): boolean {
  return seqOf(vector, dot.origin) >= dot.seq;
}

/** Every entry of `right` is reached by `left`. */
export function dominates(left: ReadonlyVector, right: ReadonlyVector): boolean {
  for (const [origin, seq] of right) if (seqOf(left, origin) < seq) return false;
  return true;
}

export function compareVectors(left: ReadonlyVector, right: ReadonlyVector): Ordering {
  const after = dominates(left, right);
  const before = dominates(right, left);
  if (after && before) return 'equal';
  if (after) return 'after';
  return before ? 'before' : 'concurrent';
}

/** Raises `into` to the pointwise maximum. */
export function mergeVector(into: Vector, other: ReadonlyVector): void {
  for (const [origin, seq] of other) if (seq > seqOf(into, origin)) into.set(origin, seq);
}

/** The pointwise minimum: what all have. Lanes that some replica lacks are omitted. */
export function meetVectors(vectors: readonly ReadonlyVector[]): Vector {
  const meet: Vector = new Map();
  const [first, ...rest] = vectors;
  if (first === undefined) return meet;
  for (const [origin, seq] of first) {
    let least = seq;
    for (const other of rest) least = Math.min(least, seqOf(other, origin));
    if (least > 0) meet.set(origin, least);
  }
  return meet;
}

/** A copy in which the lanes of `caps` go no further than it says. */
export function cappedBy(vector: ReadonlyVector, caps: VectorEntries): Vector {
  const capped = new Map(vector);
  for (const [origin, seq] of caps) if (seq < seqOf(capped, origin)) capped.set(origin, seq);
  return capped;
}

/** Entries that `theirs` has and `ours` lacks. */
export function missing(ours: ReadonlyVector, theirs: ReadonlyVector): Gap[] {
  const gaps: Gap[] = [];
  for (const [origin, seq] of theirs) {
    const have = seqOf(ours, origin);
    if (seq > have) gaps.push({ origin, from: have + 1, to: seq });
  }
  return gaps;
}

/** How many entries `theirs` has and `ours` lacks. */
export function countMissing(
  ours: ReadonlyVector,
  theirs: Iterable<readonly [LaneId, Seq]>,
): number {
  let entries = 0;
  for (const [origin, seq] of theirs) entries += Math.max(seq - seqOf(ours, origin), 0);
  return entries;
}

/** The highest incarnation of a replica that the vector contains, or 0. */
export function latestIncarnation(vector: ReadonlyVector, replica: ReplicaId): Incarnation {
  let latest = 0;
  for (const origin of vector.keys()) {
    if (replicaOf(origin) === replica) latest = Math.max(latest, incarnationOf(origin));
  }
  return latest;
}
