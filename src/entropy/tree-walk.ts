// Finds what differs between this replica and a peer at a cut that both have reached (docs/anti-entropy.md, tree-cut.ts): compares
// roots, then inner nodes, then leaves, then the versions of the keys under the leaves that differ. One walk at a time.
//
//   idle -> look 1     a peer is due and near
//   look 1 -> idle     the roots are equal
//   look 1 -> look 2   keys differ: a heartbeat later everything is looked at again, at a later cut, from the root
//   look 2 -> idle     nothing is confirmed, or only the peer lacks something: it walks itself, and brings it to itself
//   look 2 -> mending  the same versions of the same keys: divergence. What we lost is fetched
//   mending -> idle    it is merged; soon the roots are compared once more
//
// Digests are compared only when the frozen trees of both stand for the cut, durably; until then the question is put again
// with the next heartbeat. A round that gets no answer, or none that can be compared, is unknown: neither equal nor
// different (trap 50).
//
// The key lists have no moment, but they are read after both replicas have reached the cut. So a version that the cut
// covers is in both, or a newer one, or it is lost: only that is a difference. A version that it does not cover may be on its
// way, and nothing comes of it: a round that saw only such is unknown, because digests differed for a reason that no key
// has shown. A loss may hide behind a newer write; that mends it, and the next round is equal. Where leaves differ at both
// cuts and no key shows why, one of the trees is wrong, and this replica rebuilds its own. But a record that both looks show on the
// same side, and neither cut covers, is in no log: it accounts for its leaf.
//
// Bounds: one request under way, none larger than a frame; one page of records per heartbeat; a bound on bytes per round.

import { assert, present } from '../base/assert.ts';
import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import type {
  Position,
  StoredKey,
  TreeCut,
  TreeKeys,
  TreeRecords,
  TreeReply,
  TreeRequest,
} from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type Digest, encodedOf, type Record } from '../model/record.ts';
import { positionOf, positionOfKey, recordsBetween } from '../store/layout.ts';
import { FANOUT, type Leaves } from '../store/leaves.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';
import { type Cut, isSameDigest } from './tree-cut.ts';
import { type Difference, differenceOf, isAccountedFor, isConfirmed } from './tree-difference.ts';
import { PAGE_BYTES, storedAs, storedKeyOf } from './tree-server.ts';

export interface TreeWalkOptions {
  readonly tree: HashTree;
  readonly table: Table;
  readonly metrics: Metrics;
  readonly frameBytes: number;
  /** What a round may move in both directions. */
  readonly roundBytes: number;
  /** From the first look to the second, at least. */
  readonly restMs: number;
  /** Without progress for this time a round ends. */
  readonly timeoutMs: number;
  readonly heal: (stored: StoredKey, turn: Turn) => void;
  /** Freezes our tree, if it says anything. */
  readonly freeze: () => Cut | undefined;
  /** A record that we lost comes back; gives whether it was merged. */
  readonly recover: (record: Record, turn: Turn) => boolean;
  readonly onEnd: (end: RoundEnd, turn: Turn) => void;
}

export interface RoundEnd {
  readonly peer: number;
  readonly result: 'equal' | 'different' | 'unknown';
  /** Keys whose difference was confirmed, and records that came back. */
  readonly keys: number;
  readonly mended: number;
}

interface Walk {
  readonly peer: number;
  look: 1 | 2;
  step: 'cut' | 'root' | 'inner' | 'leaves' | 'page' | 'keys' | 'records';
  /** Where this look compares, once the peer has told its vector, and the number that it has there. */
  cut: Cut | undefined;
  cutId: number;
  /** This replica's tree has not reached the cut yet. */
  isHeld: boolean;
  /** The request under way; 0 when the next one is due with the heartbeat. */
  askedId: number;
  untilMs: number;
  /** Nothing is asked before. */
  restUntilMs: number;
  bytesLeft: number;
  /** Children compared so far, and what differs of them. */
  skip: number;
  inner: number[];
  leaves: Set<number>;
  /** The list goes on behind `after`, with our own keys up to `upTo`; '' is the end. */
  after: Position;
  upTo: Position;
  own: Map<Position, StoredKey>;
  found: Map<Position, Difference>;
  /** By the first look. */
  seen: Map<Position, Difference>;
  confirmed: number;
  wanted: StoredKey[];
  mended: number;
}

const LEAVES_MAX = 1024;
const DIFFERENCES_MAX = 4096;
/** What a message takes besides its list; what a version takes besides its name. */
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
    assert(this.#walk === undefined, 'tree: one walk at a time');
    const { roundBytes } = this.#options;
    this.#walk = {
      peer,
      ...firstLook(),
      untilMs: 0,
      restUntilMs: 0,
      bytesLeft: roundBytes,
      ...nothingSeen(),
    };
    this.#proceed(this.#walk, turn);
  }

  /** With every heartbeat: asks what is due, and gives up what does not get on. */
  onBeat(turn: Turn): void {
    const walk = this.#walk;
    if (walk === undefined) return;
    if (turn.now.monoMs >= walk.untilMs) this.#end(walk, 'unknown', turn);
    else if (walk.askedId === 0 && turn.now.monoMs >= walk.restUntilMs) this.#ask(walk, turn);
  }

  /** More is durable: this replica's tree may have reached the cut now. */
  onDurable(turn: Turn): void {
    if (this.#walk?.isHeld === true) this.#ask(this.#walk, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    if (this.#walk?.peer === peer) this.#end(this.#walk, 'unknown', turn);
  }

  /** What the peer's tree stands for: ours is frozen, and both together are the cut. */
  onCut(peer: number, reply: TreeCut, turn: Turn): void {
    const walk = this.#answered(peer, reply.id, 'cut');
    if (walk === undefined) return;
    this.#charge(walk, MESSAGE_BYTES + reply.vector.length * VECTOR_BYTES);
    walk.cut = reply.answer === 'known' ? this.#options.freeze() : undefined;
    if (walk.cut?.join(reply.vector) !== true) return this.#end(walk, 'unknown', turn);
    walk.cutId = reply.id;
    walk.step = 'root';
    this.#proceed(walk, turn);
  }

  onReply(peer: number, reply: TreeReply, turn: Turn): void {
    const walk = this.#answered(peer, reply.id, 'root', 'inner', 'leaves');
    if (walk === undefined) return;
    this.#charge(walk, MESSAGE_BYTES + reply.digests.length * 4);
    // Not to be compared yet: asked again with the next heartbeat.
    if (reply.answer === 'waiting') return;
    const { cut } = walk;
    if (reply.answer === 'unknown' || cut?.advance() !== 'known')
      return this.#end(walk, 'unknown', turn);
    if (reply.digests.length === 0 || walk.bytesLeft < 0) return this.#end(walk, 'unknown', turn);
    const { leaves } = cut;
    if (walk.step === 'root') this.#onRoot(walk, leaves, reply.digests, turn);
    else if (walk.step === 'inner') this.#onInner(walk, leaves, reply.digests, turn);
    else this.#onLeaves(walk, leaves, reply.digests, turn);
  }

  #onPage(result: RangeResult, turn: Turn): void {
    const walk = this.#walk;
    if (walk?.step !== 'page') return;
    if (!result.ok) return this.#end(walk, 'unknown', turn);
    for (const entry of result.entries) {
      const stored = storedKeyOf(entry, walk.leaves);
      if (stored === undefined) continue;
      if (stored.state === 'damaged') this.#options.heal(stored, turn);
      walk.own.set(positionOf(stored), stored);
    }
    const last = result.entries.at(-1);
    walk.upTo = result.more && last !== undefined ? positionOfKey(last.key) : '';
    walk.step = 'keys';
    this.#proceed(walk, turn);
  }

  onKeys(peer: number, reply: TreeKeys, turn: Turn): void {
    const walk = this.#answered(peer, reply.id, 'keys');
    if (walk === undefined) return;
    if (reply.answer !== 'known' || (reply.more && reply.last <= walk.after))
      return this.#end(walk, 'unknown', turn);
    this.#charge(
      walk,
      reply.keys.reduce((sum, each) => sum + keyBytes(each), MESSAGE_BYTES),
    );
    const end = reply.more ? reply.last : walk.upTo;
    this.#compare(walk, reply.keys, end);
    walk.untilMs = turn.now.monoMs + this.#options.timeoutMs;
    const isOver = end === '' || this.#isSpent(walk) || walk.found.size >= DIFFERENCES_MAX;
    if (isOver) return this.#conclude(walk, end === '', turn);
    walk.after = end;
    if (!reply.more) walk.step = 'page';
  }

  onRecords(peer: number, { id, taken, records }: TreeRecords, turn: Turn): void {
    const walk = this.#answered(peer, id, 'records');
    if (walk === undefined) return;
    for (const record of records) {
      this.#charge(walk, encodedOf(record).length);
      if (this.#isWanted(walk, record) && this.#options.recover(record, turn)) walk.mended++;
    }
    walk.wanted.splice(0, Math.max(taken, 1));
    const isOver = walk.wanted.length === 0 || walk.bytesLeft < 0;
    if (isOver) this.#end(walk, 'different', turn);
    else this.#proceed(walk, turn);
  }

  #onRoot(walk: Walk, leaves: Leaves, [low, high]: readonly number[], turn: Turn): void {
    if (isSameDigest(leaves.root(), [low as number, high as number]))
      return this.#end(walk, 'equal', turn);
    walk.step = 'inner';
    this.#proceed(walk, turn);
  }

  #onInner(walk: Walk, leaves: Leaves, digests: readonly number[], turn: Turn): void {
    for (let i = 0; i + 1 < digests.length && walk.skip < FANOUT; i += 2) {
      const theirs: Digest = [digests[i] as number, digests[i + 1] as number];
      if (!isSameDigest(leaves.inner(walk.skip), theirs)) walk.inner.push(walk.skip);
      walk.skip++;
    }
    if (walk.skip < FANOUT) return this.#proceed(walk, turn);
    walk.skip = 0;
    walk.step = 'leaves';
    this.#goOnWith(walk, walk.inner.length, turn);
  }

  #onLeaves(walk: Walk, leaves: Leaves, digests: readonly number[], turn: Turn): void {
    const count = walk.inner.length * FANOUT;
    for (let i = 0; i + 1 < digests.length && walk.skip < count; i += 2) {
      const node = walk.inner[Math.floor(walk.skip / FANOUT)] as number;
      const leaf = node * FANOUT + (walk.skip % FANOUT);
      const theirs: Digest = [digests[i] as number, digests[i + 1] as number];
      if (!isSameDigest(leaves.leaf(leaf), theirs) && walk.leaves.size < this.#leavesMax())
        walk.leaves.add(leaf);
      walk.skip++;
    }
    const isFull = walk.leaves.size >= this.#leavesMax();
    if (walk.skip < count && !isFull) return this.#proceed(walk, turn);
    walk.cut?.end();
    walk.step = 'page';
    this.#goOnWith(walk, walk.leaves.size, turn);
  }

  /** Nothing differs a level below: what the peer says does not agree with itself. */
  #goOnWith(walk: Walk, count: number, turn: Turn): void {
    if (count === 0) this.#end(walk, 'unknown', turn);
    else this.#proceed(walk, turn);
  }

  /** A third of a round for the list of each look, and the rest for records: a round that is cut short mends, too. */
  #isSpent({ look, bytesLeft }: Walk): boolean {
    return bytesLeft < this.#options.roundBytes * (1 - look / 3);
  }

  /** As many leaves as a request has room for. */
  #leavesMax(): number {
    const room = Math.floor((this.#options.frameBytes - MESSAGE_BYTES) / LEAF_BYTES);
    return Math.max(1, Math.min(LEAVES_MAX, room));
  }

  /** Our keys and theirs behind `after` up to `end`. */
  #compare(walk: Walk, theirs: readonly StoredKey[], end: Position): void {
    const cut = present(walk.cut, 'tree: keys are compared at a cut').vector;
    const judge = (position: Position, ours?: StoredKey, their?: StoredKey): void => {
      const difference = differenceOf(ours, their, cut);
      if (difference !== undefined) walk.found.set(position, difference);
    };
    for (const each of theirs) {
      const position = positionOf(each);
      judge(position, walk.own.get(position) ?? this.#inMemory(each), each);
      walk.own.delete(position);
    }
    for (const [position, ours] of walk.own) {
      if (end !== '' && position > end) continue;
      judge(position, ours);
      walk.own.delete(position);
    }
  }

  #inMemory({ namespace, key }: StoredKey): StoredKey | undefined {
    const { record, damaged } = this.#options.table.read(namespace, key);
    if (damaged) return { namespace, key, state: 'damaged', hlc: 0, origin: '', seq: 0 };
    return record === undefined ? undefined : storedAs(record);
  }

  /** Everything was listed, or as much as a round may. */
  #conclude(walk: Walk, isWhole: boolean, turn: Turn): void {
    // look 1 -> look 2
    if (walk.look === 1) {
      const { found } = walk;
      walk.cut?.end();
      Object.assign(walk, firstLook(), nothingSeen(), { look: 2, seen: found });
      walk.restUntilMs = turn.now.monoMs + this.#options.restMs;
      walk.untilMs = walk.restUntilMs + this.#options.timeoutMs;
      return;
    }
    const confirmed = [...walk.found].filter(([position, difference]) => {
      const before = walk.seen.get(position);
      return before !== undefined && isConfirmed(before, difference);
    });
    walk.confirmed = confirmed.length;
    if (walk.confirmed === 0) {
      if (isWhole && !isAccountedFor(walk.seen, walk.found)) this.#doubt(turn);
      return this.#end(walk, 'unknown', turn);
    }
    walk.found = new Map(confirmed);
    // look 2 -> mending
    for (const [, { lacks, theirs }] of confirmed)
      if (lacks === 'here' && theirs !== undefined) walk.wanted.push(theirs);
    if (walk.wanted.length === 0) return this.#end(walk, 'different', turn);
    walk.step = 'records';
    this.#proceed(walk, turn);
  }

  /** Leaves differ, and no key under them: one of the trees is wrong. This replica rebuilds its own; the peer does the same. */
  #doubt(out: Outbox): void {
    out.note('error', 'tree-mistaken', {});
    this.#options.tree.distrust(out);
  }

  /** What was confirmed, and nothing else has happened to it since. */
  #isWanted({ found }: Walk, record: Record): boolean {
    const difference = found.get(positionOf(record));
    if (difference === undefined) return false;
    const ours = this.#inMemory(storedAs(record));
    return (ours === undefined) === (difference.ours === undefined);
  }

  /** The walk, if that is an answer to what it has asked last. */
  #answered(peer: number, id: number, ...steps: Walk['step'][]): Walk | undefined {
    const walk = this.#walk;
    if (walk?.peer !== peer || walk.askedId !== id || id === 0) return undefined;
    if (!steps.includes(walk.step)) return undefined;
    walk.askedId = 0;
    return walk;
  }

  #proceed(walk: Walk, turn: Turn): void {
    walk.untilMs = turn.now.monoMs + this.#options.timeoutMs;
    this.#ask(walk, turn);
  }

  #ask(walk: Walk, turn: Turn): void {
    const { peer, step, after, upTo } = walk;
    if (step === 'cut') {
      this.#charge(walk, MESSAGE_BYTES);
      turn.send(peer, { kind: 'tree-cut-request', id: this.#nextId(walk) });
    } else if (step === 'page') {
      this.#readPage(walk, turn);
    } else if (step === 'keys') {
      const id = this.#nextId(walk);
      const leaves = [...walk.leaves];
      this.#charge(walk, MESSAGE_BYTES + leaves.length * LEAF_BYTES + after.length + upTo.length);
      turn.send(peer, { kind: 'tree-keys-request', id, leaves, after, upTo });
    } else if (step === 'records') {
      const id = this.#nextId(walk);
      const keys = this.#wantedNext(walk);
      this.#charge(
        walk,
        keys.reduce((sum, each) => sum + nameBytes(each), MESSAGE_BYTES),
      );
      turn.send(peer, { kind: 'tree-records-request', id, keys });
    } else {
      this.#askTree(walk, step, turn);
    }
  }

  /** Once this replica's tree has reached the cut. */
  #askTree(walk: Walk, level: TreeRequest['level'], turn: Turn): void {
    const { cut, cutId, peer, skip } = walk;
    const state = cut?.advance() ?? 'unknown';
    if (cut === undefined || state === 'unknown') return this.#end(walk, 'unknown', turn);
    walk.isHeld = state === 'waiting';
    if (walk.isHeld) return;
    const id = this.#nextId(walk);
    const vector = level === 'root' ? [...cut.vector] : [];
    const nodes = level === 'leaves' ? [...walk.inner] : [];
    this.#charge(walk, MESSAGE_BYTES + nodes.length + vector.length * VECTOR_BYTES);
    const root = cut.leaves.root();
    turn.send(peer, { kind: 'tree-request', id, cutId, vector, root, level, nodes, skip });
  }

  #readPage(walk: Walk, out: Outbox): void {
    walk.own.clear();
    this.#nextId(walk);
    const span = recordsBetween(walk.after, undefined);
    this.#page.begin(span, { bytesMax: PAGE_BYTES }, undefined, out);
  }

  /** As many names as a request has room for, at least one. */
  #wantedNext({ wanted }: Walk): StoredKey[] {
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
    walk.askedId = ++this.#lastId;
    return walk.askedId;
  }

  #charge(walk: Walk, bytes: number): void {
    walk.bytesLeft -= bytes;
    this.#options.metrics.treeBytes += bytes;
  }

  // * -> idle
  #end(walk: Walk, result: RoundEnd['result'], turn: Turn): void {
    this.#walk = undefined;
    walk.cut?.end();
    const { peer, confirmed: keys, mended } = walk;
    // What was confirmed stays so, however the mending ended.
    const said = keys > 0 ? 'different' : result;
    this.#options.onEnd({ peer, result: said, keys, mended }, turn);
  }
}

function firstLook() {
  return {
    look: 1 as Walk['look'],
    step: 'cut' as Walk['step'],
    cut: undefined as Walk['cut'],
    cutId: 0,
    isHeld: false,
    askedId: 0,
    skip: 0,
    after: '',
    upTo: '',
  };
}

function nothingSeen() {
  return {
    inner: [] as number[],
    leaves: new Set<number>(),
    own: new Map<Position, StoredKey>(),
    found: new Map<Position, Difference>(),
    seen: new Map<Position, Difference>(),
    confirmed: 0,
    wanted: [] as StoredKey[],
    mended: 0,
  };
}

function nameBytes({ namespace, key }: StoredKey): number {
  return namespace.length + key.length + 4;
}

function keyBytes(stored: StoredKey): number {
  return nameBytes(stored) + VERSION_BYTES;
}
