// Finds what differs between this replica and a peer at a cut that both have reached
// (docs/anti-entropy.md, tree-cut.ts): compares roots, then inner nodes, then leaves, then the
// versions of the keys under the leaves that differ. One walk at a time.
//
//   idle -> look 1     a peer is due and near
//   look 1 -> idle     the roots are equal
//   look 1 -> look 2   keys differ: a heartbeat later everything is looked at again, at a later
//                      cut, from the root
//   look 2 -> idle     nothing is confirmed, or only the peer lacks something: it walks itself, and
//                      brings it to itself
//   look 2 -> mending  the same versions of the same keys: divergence. What we lost is fetched
//   mending -> idle    it is merged; soon the roots are compared once more
//
// Digests are compared only when the frozen trees of both stand for the cut, durably; until then
// the question is put again with the next heartbeat. A round that gets no answer, or none that can
// be compared, is unknown: neither equal nor different (trap 50).
//
// The key lists have no moment, but they are read after both replicas have reached the cut. So a
// version that the cut covers is in both, or a newer one, or it is lost: only that is a difference.
// A version that it does not cover may be on its way, and nothing comes of it: a round that saw
// only such is unknown, because digests differed for a reason that no key has shown. A loss may
// hide behind a newer write; that mends it, and the next round is equal. Where leaves differ at
// both cuts and no key shows why, one of the trees is wrong, and this replica rebuilds its own. But
// a record that both looks show on the same side, and neither cut covers, is in no log: it accounts
// for its leaf.
//
// What a walk is doing is one union (tree-step.ts): an answer makes the next step of it, and
// `#evaluate` asks what that needs.
//
// Invariants: (1) one walk at a time; (2) one request is under way; (3) digests are compared only
// at a cut that both have reached; (4) a record is fetched only where both looks have found it to
// be missing here.
//
// Bounds: no request larger than a frame; one page of records per heartbeat; a bound on bytes per
// round.

import { assert, unreachable } from '../base/assert.ts';
import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import type {
  Position,
  StoredKey,
  TreeCut,
  TreeKeys,
  TreeRecords,
  TreeReply,
} from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { encodedOf, type Record } from '../model/record.ts';
import { positionOf, positionOfKey, recordsBetween } from '../store/layout.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';
import type { Cut } from './tree-cut.ts';
import { isAccountedFor, isConfirmed } from './tree-difference.ts';
import { PAGE_BYTES, storedAs, storedKeyOf } from './tree-server.ts';
import {
  beginRoot,
  compareInner,
  compareKeys,
  compareLeaves,
  compareRoots,
  type Differences,
  type InnerStep,
  isTreeStep,
  type KeysStep,
  type LeavesStep,
  type PageStep,
  type RecordsStep,
  type Step,
  type TreeStep,
} from './tree-step.ts';

export interface TreeWalkOptions {
  readonly tree: HashTree;
  readonly table: Table;
  readonly metrics: Metrics;
  readonly frameBytes: number;
  /** The most bytes that a round may move, in both directions. */
  readonly roundBytes: number;
  /** The least time from the first look to the second. */
  readonly restMs: number;
  /** Without progress for this time a round ends. */
  readonly timeoutMs: number;
  readonly heal: (stored: StoredKey, turn: Turn) => void;
  /** Freezes the local tree, if it is not in doubt. */
  readonly freeze: () => Cut | undefined;
  /** Restores a record that was lost here; returns whether it was merged. */
  readonly recover: (record: Record, turn: Turn) => boolean;
  readonly onEnd: (end: RoundEnd, turn: Turn) => void;
}

export interface RoundEnd {
  readonly peer: number;
  readonly result: 'equal' | 'different' | 'unknown';
  /** Keys with a confirmed difference, and records that were restored. */
  readonly keys: number;
  readonly mended: number;
}

interface Walk {
  readonly peer: number;
  step: Step;
  /** The result of the first look; `undefined` during that look. */
  seen: Differences | undefined;
  /** The number of the request under way; 0 if the next one is due with the heartbeat. */
  askedId: number;
  /** Without progress until then the round ends. */
  untilMs: number;
  bytesLeft: number;
}

const LEAVES_MAX = 1024;
const DIFFERENCES_MAX = 4096;
/** The overhead of a message besides its list, and of a version besides its name. */
const MESSAGE_BYTES = 64;
const VERSION_BYTES = 40;
const LEAF_BYTES = 3;
const VECTOR_BYTES = 20;

export class TreeWalk {
  readonly #options: TreeWalkOptions;
  #walk: Walk | undefined;
  readonly #page = new SingleRead<undefined>((result, _, turn) => this.#onPage(result, turn));
  #lastId = 0;

  constructor(options: TreeWalkOptions) {
    this.#options = options;
  }

  get isWalking(): boolean {
    return this.#walk !== undefined;
  }

  // idle -> look 1
  begin(peer: number, turn: Turn): void {
    assert(this.#walk === undefined, 'tree (1): one walk at a time');
    const bytesLeft = this.#options.roundBytes;
    const step = { kind: 'cut', fromMs: 0 } as const;
    this.#walk = { peer, step, seen: undefined, askedId: 0, untilMs: 0, bytesLeft };
    this.#proceed(this.#walk, turn);
  }

  /** With every heartbeat: asks what is due, and gives up without progress. */
  onBeat(turn: Turn): void {
    const walk = this.#walk;
    if (walk === undefined) return;
    if (turn.now.monoMs >= walk.untilMs) this.#end(walk, 'unknown', turn);
    else if (walk.askedId === 0) this.#evaluate(walk, turn);
  }

  /** More is durable: this replica's tree may have reached the cut now. */
  onDurable(turn: Turn): void {
    const walk = this.#walk;
    if (walk !== undefined && isTreeStep(walk.step) && walk.step.isHeld) this.#evaluate(walk, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    if (this.#walk?.peer === peer) this.#end(this.#walk, 'unknown', turn);
  }

  // ---- answers: each makes the next step

  // cut -> root
  /**
   * The vector of the peer's tree: the local tree is frozen, and both vectors together are the cut.
   */
  onCut(peer: number, reply: TreeCut, turn: Turn): void {
    const walk = this.#asked(peer, reply.id);
    if (walk?.step.kind !== 'cut') return;
    walk.askedId = 0;
    this.#charge(walk, MESSAGE_BYTES + reply.vector.length * VECTOR_BYTES);
    const cut = reply.answer === 'known' ? this.#options.freeze() : undefined;
    if (cut === undefined) return this.#end(walk, 'unknown', turn);
    walk.step = beginRoot(cut, reply.id);
    if (cut.join(reply.vector)) this.#proceed(walk, turn);
    else this.#end(walk, 'unknown', turn);
  }

  // root -> inner -> leaves -> page
  onReply(peer: number, reply: TreeReply, turn: Turn): void {
    const walk = this.#asked(peer, reply.id);
    if (walk === undefined || !isTreeStep(walk.step)) return;
    walk.askedId = 0;
    const { step } = walk;
    this.#charge(walk, MESSAGE_BYTES + reply.digests.length * 4);
    // Not comparable yet: the question is repeated with the next heartbeat.
    if (reply.answer === 'waiting') return;
    if (reply.answer === 'unknown' || step.cut.advance() !== 'known')
      return this.#end(walk, 'unknown', turn);
    if (reply.digests.length === 0 || walk.bytesLeft < 0) return this.#end(walk, 'unknown', turn);
    assert(step.cut.isFixed, 'tree (3): digests are compared at a cut of both');
    const next = this.#compare(step, reply.digests);
    if (next === 'equal') return this.#end(walk, 'equal', turn);
    if (next.kind === 'page') step.cut.end();
    walk.step = next;
    // No difference one level below: the answers of the peer contradict each other.
    if (isEmpty(next)) this.#end(walk, 'unknown', turn);
    else this.#proceed(walk, turn);
  }

  // page -> keys
  #onPage(result: RangeResult, turn: Turn): void {
    const walk = this.#walk;
    if (walk?.step.kind !== 'page') return;
    walk.askedId = 0;
    if (!result.ok) return this.#end(walk, 'unknown', turn);
    const { lists } = walk.step;
    for (const entry of result.entries) {
      const stored = storedKeyOf(entry, lists.leaves);
      if (stored === undefined) continue;
      if (stored.state === 'damaged') this.#options.heal(stored, turn);
      lists.own.set(positionOf(stored), stored);
    }
    const last = result.entries.at(-1);
    const upTo = result.more && last !== undefined ? positionOfKey(last.key) : '';
    walk.step = { kind: 'keys', lists, upTo };
    this.#proceed(walk, turn);
  }

  // keys -> keys, page, records
  onKeys(peer: number, reply: TreeKeys, turn: Turn): void {
    const walk = this.#asked(peer, reply.id);
    if (walk?.step.kind !== 'keys') return;
    walk.askedId = 0;
    const { lists, upTo } = walk.step;
    if (reply.answer !== 'known' || (reply.more && !isWithin(reply.last, lists.after, upTo)))
      return this.#end(walk, 'unknown', turn);
    this.#charge(
      walk,
      reply.keys.reduce((sum, each) => sum + keyBytes(each), MESSAGE_BYTES),
    );
    const end = reply.more ? reply.last : upTo;
    compareKeys(lists, reply.keys, end, (key) => this.#inMemory(key));
    walk.untilMs = turn.now.monoMs + this.#options.timeoutMs;
    const isOver = end === '' || this.#isSpent(walk) || lists.found.size >= DIFFERENCES_MAX;
    if (isOver) this.#conclude(walk, lists.found, end === '', turn);
    else if (!reply.more) walk.step = { kind: 'page', lists };
  }

  // records -> records, idle
  onRecords(peer: number, { id, taken, records }: TreeRecords, turn: Turn): void {
    const walk = this.#asked(peer, id);
    if (walk?.step.kind !== 'records') return;
    walk.askedId = 0;
    const { step } = walk;
    for (const record of records) {
      this.#charge(walk, encodedOf(record).length);
      if (this.#isWanted(step, record) && this.#options.recover(record, turn)) step.mended++;
    }
    step.wanted.splice(0, Math.max(taken, 1));
    if (walk.bytesLeft < 0) this.#end(walk, 'different', turn);
    else this.#proceed(walk, turn);
  }

  #compare(
    step: TreeStep,
    digests: readonly number[],
  ): InnerStep | LeavesStep | PageStep | 'equal' {
    switch (step.kind) {
      case 'root':
        return compareRoots(step, digests);
      case 'inner':
        return compareInner(step, digests);
      case 'leaves':
        return compareLeaves(step, digests, this.#leavesMax());
      default:
        return unreachable(step);
    }
  }

  /** Everything was listed, or as much as a round may list. */
  #conclude(walk: Walk, found: Differences, isWhole: boolean, turn: Turn): void {
    assert(walk.step.kind === 'keys', 'tree walk: a look ends with its lists of keys');
    const { seen } = walk;
    // look 1 -> look 2
    if (seen === undefined) {
      walk.seen = found;
      const fromMs = turn.now.monoMs + this.#options.restMs;
      walk.step = { kind: 'cut', fromMs };
      walk.untilMs = fromMs + this.#options.timeoutMs;
      return;
    }
    const confirmed = new Map(
      [...found].filter(([position, difference]) => {
        const before = seen.get(position);
        return before !== undefined && isConfirmed(before, difference);
      }),
    );
    if (confirmed.size === 0) {
      if (isWhole && !isAccountedFor(seen, found)) this.#doubt(turn);
      return this.#end(walk, 'unknown', turn);
    }
    // look 2 -> mending
    const wanted: StoredKey[] = [];
    for (const { lacks, theirs } of confirmed.values())
      if (lacks === 'here' && theirs !== undefined) wanted.push(theirs);
    walk.step = { kind: 'records', confirmed, wanted, mended: 0 };
    this.#proceed(walk, turn);
  }

  /**
   * Leaves differ, but no key under them: one of the trees is wrong. Both replicas rebuild theirs.
   */
  #doubt(out: Outbox): void {
    out.note('error', 'tree-mistaken', {});
    this.#options.tree.distrust(out);
  }

  /**
   * A third of a round for the lists of each comparison, the rest for records: a truncated round
   * repairs, too.
   */
  #isSpent({ seen, bytesLeft }: Walk): boolean {
    const look = seen === undefined ? 1 : 2;
    return bytesLeft < this.#options.roundBytes * (1 - look / 3);
  }

  /** As many leaves as a request has room for. */
  #leavesMax(): number {
    const room = Math.floor((this.#options.frameBytes - MESSAGE_BYTES) / LEAF_BYTES);
    return Math.max(1, Math.min(LEAVES_MAX, room));
  }

  #inMemory({ namespace, key }: StoredKey): StoredKey | undefined {
    const { record, damaged } = this.#options.table.read(namespace, key);
    if (damaged) return { namespace, key, state: 'damaged', hlc: 0, origin: '', seq: 0 };
    return record === undefined ? undefined : storedAs(record);
  }

  /** Confirmed, and unchanged since then. */
  #isWanted({ confirmed }: RecordsStep, record: Record): boolean {
    const difference = confirmed.get(positionOf(record));
    if (difference === undefined) return false;
    const ours = this.#inMemory(storedAs(record));
    return (ours === undefined) === (difference.ours === undefined);
  }

  /** The walk, if its last request has this number. */
  #asked(peer: number, id: number): Walk | undefined {
    const walk = this.#walk;
    return walk?.peer === peer && walk.askedId === id && id !== 0 ? walk : undefined;
  }

  // ---- questions: what the step needs

  #proceed(walk: Walk, turn: Turn): void {
    walk.untilMs = turn.now.monoMs + this.#options.timeoutMs;
    this.#evaluate(walk, turn);
  }

  /**
   * Evaluates the whole state, and asks what is needed next, if it is due and the local tree has
   * reached the cut.
   */
  #evaluate(walk: Walk, turn: Turn): void {
    assert(this.#walk === walk, 'tree (1): only the walk under way goes on');
    assert(walk.askedId === 0, 'tree (2): one request is under way');
    const { peer, step } = walk;
    switch (step.kind) {
      case 'cut':
        if (turn.now.monoMs < step.fromMs) return;
        this.#charge(walk, MESSAGE_BYTES);
        return turn.send(peer, { kind: 'tree-cut-request', id: this.#nextId(walk) });
      case 'root':
      case 'inner':
      case 'leaves':
        return this.#askTree(walk, step, turn);
      case 'page':
        return this.#readPage(walk, step, turn);
      case 'keys':
        return this.#askKeys(walk, step, turn);
      case 'records':
        if (step.wanted.length === 0) return this.#end(walk, 'different', turn);
        return this.#askRecords(walk, step, turn);
      default:
        return unreachable(step);
    }
  }

  /** Once this replica's tree has reached the cut. */
  #askTree(walk: Walk, step: TreeStep, turn: Turn): void {
    const { cut, cutId, kind: level } = step;
    const state = cut.advance();
    if (state === 'unknown') return this.#end(walk, 'unknown', turn);
    step.isHeld = state === 'waiting';
    if (step.isHeld) return;
    const id = this.#nextId(walk);
    const vector = level === 'root' ? [...cut.vector] : [];
    const nodes = step.kind === 'leaves' ? [...step.nodes] : [];
    const skip = step.kind === 'root' ? 0 : step.compared;
    this.#charge(walk, MESSAGE_BYTES + nodes.length + vector.length * VECTOR_BYTES);
    const root = cut.leaves.root();
    turn.send(walk.peer, { kind: 'tree-request', id, cutId, vector, root, level, nodes, skip });
  }

  #readPage(walk: Walk, { lists }: PageStep, out: Outbox): void {
    lists.own.clear();
    this.#nextId(walk);
    const span = recordsBetween(lists.after, undefined);
    const source = this.#options.table.reads.in(out, 'durable');
    this.#page.begin(span, { bytesMax: PAGE_BYTES }, undefined, source);
  }

  #askKeys(walk: Walk, { lists: { after, leaves: those }, upTo }: KeysStep, out: Outbox): void {
    const id = this.#nextId(walk);
    const leaves = [...those];
    this.#charge(walk, MESSAGE_BYTES + leaves.length * LEAF_BYTES + after.length + upTo.length);
    out.send(walk.peer, { kind: 'tree-keys-request', id, leaves, after, upTo });
  }

  #askRecords(walk: Walk, step: RecordsStep, out: Outbox): void {
    assert(step.confirmed.size > 0, 'tree (4): what is fetched was confirmed');
    const id = this.#nextId(walk);
    const keys = this.#wantedNext(step);
    this.#charge(
      walk,
      keys.reduce((sum, each) => sum + nameBytes(each), MESSAGE_BYTES),
    );
    out.send(walk.peer, { kind: 'tree-records-request', id, keys });
  }

  /** As many names as a request has room for, at least one. */
  #wantedNext({ wanted }: RecordsStep): StoredKey[] {
    let bytes = MESSAGE_BYTES;
    const next: StoredKey[] = [];
    for (const each of wanted) {
      bytes += nameBytes(each);
      if (bytes > this.#options.frameBytes && next.length > 0) break;
      next.push(each);
    }
    return next;
  }

  #nextId(walk: Walk): number {
    assert(walk.askedId === 0, 'tree (2): one request is under way');
    walk.askedId = ++this.#lastId;
    return walk.askedId;
  }

  #charge(walk: Walk, bytes: number): void {
    walk.bytesLeft -= bytes;
    this.#options.metrics.treeBytes += bytes;
  }

  // * -> idle
  #end(walk: Walk, result: RoundEnd['result'], turn: Turn): void {
    assert(this.#walk === walk, 'tree (1): a walk ends once');
    const { peer, step } = walk;
    this.#walk = undefined;
    if (isTreeStep(step)) step.cut.end();
    const { keys, mended } =
      step.kind === 'records'
        ? { keys: step.confirmed.size, mended: step.mended }
        : { keys: 0, mended: 0 };
    // Confirmed keys remain confirmed, however the mending ended.
    const said = keys > 0 ? 'different' : result;
    assert(keys === 0 || walk.seen !== undefined, 'tree (4): confirmed by a second look');
    this.#options.onEnd({ peer, result: said, keys, mended }, turn);
  }
}

/** A list continues after its position, and not beyond what was requested. */
function isWithin(last: Position, after: Position, upTo: Position): boolean {
  return last > after && (upTo === '' || last <= upTo);
}

/** Nothing below has to be compared. */
function isEmpty(step: InnerStep | LeavesStep | PageStep): boolean {
  if (step.kind === 'leaves') return step.nodes.length === 0;
  return step.kind === 'page' && step.lists.leaves.size === 0;
}

function nameBytes({ namespace, key }: StoredKey): number {
  return namespace.length + key.length + 4;
}

function keyBytes(stored: StoredKey): number {
  return nameBytes(stored) + VERSION_BYTES;
}
