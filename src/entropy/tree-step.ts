// The steps of a walk over two hash trees (tree-walk.ts), each with what it knows and nothing else,
// and what the answers of the peer make of it. A step that has all that it asked for gives the next
// step.
//
//   cut -> root -> inner -> leaves -> page <-> keys -> records
//
// Invariants: (1) nodes are compared in their order, each once; (2) keys are compared behind
// `after`, which only grows.

import { assert } from '../base/assert.ts';
import type { Position, StoredKey } from '../model/message.ts';
import type { Digest } from '../model/record.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import { positionOf } from '../store/layout.ts';
import { FANOUT } from '../store/leaves.ts';
import { type Cut, isSameDigest } from './tree-cut.ts';
import { type Difference, differenceOf } from './tree-difference.ts';

export type Differences = ReadonlyMap<Position, Difference>;

/** The cut of this comparison, and its number at the peer. */
export interface AtCut {
  readonly cut: Cut;
  readonly cutId: number;
  /** The tree of this replica has not reached the cut yet. */
  isHeld: boolean;
}

/** The peer is asked for the vector of its tree, not before this time. */
export interface CutStep {
  readonly kind: 'cut';
  readonly fromMs: number;
}

export interface RootStep extends AtCut {
  readonly kind: 'root';
}

/** Which inner nodes differ, of the first `compared`. */
export interface InnerStep extends AtCut {
  readonly kind: 'inner';
  compared: number;
  readonly differing: number[];
}

/** Which leaves of these nodes differ, of the first `compared`. */
export interface LeavesStep extends AtCut {
  readonly kind: 'leaves';
  compared: number;
  readonly nodes: readonly number[];
  readonly differing: Set<number>;
}

/** The keys under the leaves that differ, on both sides, at the cut. */
export interface KeyLists {
  readonly vector: ReadonlyVector;
  readonly leaves: ReadonlySet<number>;
  /** Everything up to this position was compared. */
  after: Position;
  /** Local keys behind it. */
  readonly own: Map<Position, StoredKey>;
  readonly found: Map<Position, Difference>;
}

/** A page of local keys is being read. */
export interface PageStep {
  readonly kind: 'page';
  readonly lists: KeyLists;
}

/** The peer is asked for its keys; the local ones are known up to `upTo`, '' for the end. */
export interface KeysStep {
  readonly kind: 'keys';
  readonly lists: KeyLists;
  readonly upTo: Position;
}

/** What both comparisons have found; the records that were lost here are requested. */
export interface RecordsStep {
  readonly kind: 'records';
  readonly confirmed: Differences;
  readonly wanted: StoredKey[];
  mended: number;
}

export type TreeStep = RootStep | InnerStep | LeavesStep;
export type Step = CutStep | TreeStep | PageStep | KeysStep | RecordsStep;

export function isTreeStep(step: Step): step is TreeStep {
  return step.kind === 'root' || step.kind === 'inner' || step.kind === 'leaves';
}

export function beginRoot(cut: Cut, cutId: number): RootStep {
  return { kind: 'root', cut, cutId, isHeld: false };
}

/** `equal`, or the step that compares the inner nodes. */
export function compareRoots(
  { cut, cutId }: RootStep,
  [low, high]: readonly number[],
): InnerStep | 'equal' {
  if (isSameDigest(cut.leaves.root(), [low as number, high as number])) return 'equal';
  return { kind: 'inner', cut, cutId, isHeld: false, compared: 0, differing: [] };
}

/** The next step, once all inner nodes are compared. */
export function compareInner(step: InnerStep, digests: readonly number[]): InnerStep | LeavesStep {
  const { cut, cutId, differing } = step;
  for (let i = 0; i + 1 < digests.length && step.compared < FANOUT; i += 2) {
    if (!isSameDigest(cut.leaves.inner(step.compared), digestAt(digests, i)))
      differing.push(step.compared);
    step.compared++;
  }
  assert(step.compared <= FANOUT, 'tree step (1): each inner node is compared once');
  if (step.compared < FANOUT) return step;
  const nodes = differing;
  return { kind: 'leaves', cut, cutId, isHeld: false, compared: 0, nodes, differing: new Set() };
}

/** The next step, once all leaves are compared or `leavesMax` are known to differ. */
export function compareLeaves(
  step: LeavesStep,
  digests: readonly number[],
  leavesMax: number,
): LeavesStep | PageStep {
  const { cut, nodes, differing } = step;
  const count = nodes.length * FANOUT;
  for (let i = 0; i + 1 < digests.length && step.compared < count; i += 2) {
    const leaf = leafAt(step);
    if (!isSameDigest(cut.leaves.leaf(leaf), digestAt(digests, i)) && differing.size < leavesMax)
      differing.add(leaf);
    step.compared++;
  }
  assert(step.compared <= count, 'tree step (1): each leaf is compared once');
  if (step.compared < count && differing.size < leavesMax) return step;
  return { kind: 'page', lists: listsAt(cut.vector, differing) };
}

function leafAt({ compared, nodes }: LeavesStep): number {
  const node = nodes[Math.floor(compared / FANOUT)] as number;
  return node * FANOUT + (compared % FANOUT);
}

function digestAt(digests: readonly number[], at: number): Digest {
  return [digests[at] as number, digests[at + 1] as number];
}

function listsAt(vector: ReadonlyVector, leaves: ReadonlySet<number>): KeyLists {
  return { vector, leaves, after: '', own: new Map(), found: new Map() };
}

/**
 * The keys of both sides behind `after` up to `end`, which is '' for the end. `inMemory`: the local
 * version of a key that was not listed.
 */
export function compareKeys(
  lists: KeyLists,
  theirs: readonly StoredKey[],
  end: Position,
  inMemory: (key: StoredKey) => StoredKey | undefined,
): void {
  const { own, found, vector } = lists;
  assert(end === '' || end >= lists.after, 'tree step (2): a list goes on');
  const judge = (position: Position, ours?: StoredKey, their?: StoredKey): void => {
    const difference = differenceOf(ours, their, vector);
    if (difference !== undefined) found.set(position, difference);
  };
  for (const each of theirs) {
    const position = positionOf(each);
    judge(position, own.get(position) ?? inMemory(each), each);
    own.delete(position);
  }
  for (const [position, ours] of own) {
    if (end !== '' && position > end) continue;
    judge(position, ours);
    own.delete(position);
  }
  lists.after = end;
}
