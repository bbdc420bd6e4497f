// The hash tree of this replica's live records (leaves.ts), by which replicas find what differs
// between them without sending what does not (docs/anti-entropy.md). The table keeps it: a change
// costs the same however many records there are. A leaf is written in one batch with all its dirty
// records (checkpoint.ts), so after a crash it is the sum of its records in storage. Only while a
// snapshot is copied may leaves come later than records, and a crash then leaves the tree in doubt.
//
//   doubtful    a leaf could not be read, a damaged record was replaced, or the directory is older
//               than the tree: the tree makes no statement (unknown is never equal)
//   trusted     every leaf is the sum of its records, as far as the table knows
//
// A recount of everything stored leads from doubtful to trusted, and finds records that storage has
// lost without an error. It also finds how much each namespace holds (census.ts), which the tree
// knows from its first recount on.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry } from '../model/effect.ts';
import type { NamespaceName } from '../model/id.ts';
import type { Record } from '../model/record.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import { Census, type Weight } from './census.ts';
import { sealWords, unseal } from './envelope.ts';
import { FrozenTree } from './frozen-tree.ts';
import { parseTreeKey, treeKey } from './layout.ts';
import { LEAVES, Leaves, leafOf } from './leaves.ts';
import type { RecordName } from './record-index.ts';
import { Recount } from './recount.ts';

/** Stored after the last leaf while the tree is trusted. */
const MARK_AT = 0xffff;
const MARK = treeKey(MARK_AT);
const WHOLE = sealWords(1, 0);
/** Stored before the mark: how much each namespace holds. */
const CENSUS_AT = 0xfffe;
const CENSUS = treeKey(CENSUS_AT);

export class HashTree {
  readonly leaves = new Leaves();
  readonly #isDirty = new Uint8Array(LEAVES);
  #dirty: number[] = [];
  readonly #keys: Uint8Array[] = [];
  #isTrusted = false;
  #recount: Recount | undefined;
  #census: Census | undefined;
  /** The same counts, of what storage holds. */
  #stored: Census | undefined;
  /** Copies that must learn of changes. */
  readonly #frozen: FrozenTree[] = [];
  #isDamaged = false;
  /** The tree is trusted again, and storage has to record that once all leaves are written. */
  #isMarkDue = false;
  #isMarking = false;

  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /**
   * How much each namespace holds, as far as the table knows; `undefined` before the first recount.
   */
  get census(): Census | undefined {
    return this.#census;
  }

  get recount(): Recount | undefined {
    return this.#recount;
  }

  /** At start, for every stored leaf and the mark. */
  restore({ key, value }: RangeEntry): void {
    const at = parseTreeKey(key);
    const reader = unseal(value);
    if (at === CENSUS_AT) {
      this.#census = reader && Census.restore(reader);
      this.#stored = this.#census?.clone();
      return;
    }
    const low = reader?.u32() ?? 0;
    const high = reader?.u32() ?? 0;
    const isWhole = reader?.finished === true;
    if (at === MARK_AT) {
      this.#isTrusted = isWhole;
    } else if (at < LEAVES) {
      this.leaves.set(at, low, high);
      if (!isWhole) this.#isDamaged = true;
    }
  }

  /**
   * At start, after the last leaf; `isRead`: all could be read. Wrongly stored leaves are replaced.
   */
  restored(isRead: boolean, out: Outbox): void {
    if (isRead && !this.#isDamaged) return;
    this.#isTrusted = false;
    out.del(MARK);
    for (let leaf = 0; leaf < LEAVES; leaf++) this.#touch(leaf);
  }

  /** At start: an empty directory has an empty tree, which is not in doubt. */
  beginEmpty(out: Outbox): void {
    assert(!this.#isTrusted && this.#dirty.length === 0, 'tree: an empty directory has no tree');
    this.#isTrusted = true;
    this.#census = new Census();
    this.#stored = new Census();
    out.put(MARK, WHOLE);
  }

  /**
   * From now on the table shows `after` instead of `before` under this name; `undefined` is no
   * record. Returns the leaf.
   */
  onChange(name: RecordName, before: Record | undefined, after: Record | undefined): number {
    const leaf = leafOf(name.namespace, name.key);
    this.leaves.toggle(leaf, before);
    this.leaves.toggle(leaf, after);
    this.#touch(leaf);
    this.#census?.change(before, after);
    this.#recount?.onChange(name, leaf, before, after);
    for (const frozen of this.#frozen) frozen.onChange(name, before);
    return leaf;
  }

  /**
   * A copy at this moment, at which the table shows everything up to `heads`. Release it after use.
   */
  freeze(heads: ReadonlyVector): FrozenTree {
    assert(this.#isTrusted, 'tree: a tree in doubt is not copied');
    const frozen = new FrozenTree(this.leaves.copy(), heads);
    this.#frozen.push(frozen);
    return frozen;
  }

  release(frozen: FrozenTree): void {
    const at = this.#frozen.indexOf(frozen);
    if (at >= 0) this.#frozen.splice(at, 1);
  }

  /** trusted -> doubtful. Recounts and copies so far are in doubt as well. */
  distrust(out: Outbox): void {
    this.#recount = undefined;
    for (const frozen of this.#frozen) frozen.lose();
    this.#isMarkDue = false;
    this.#isMarking = false;
    if (!this.#isTrusted) return;
    this.#isTrusted = false;
    out.del(MARK);
  }

  beginRecount(): void {
    this.#recount = new Recount();
  }

  /** Leaves whose sum differs from the tree, after everything was counted. */
  differing({ sums }: Recount): number[] {
    const differing: number[] = [];
    for (let leaf = 0; leaf < LEAVES; leaf++)
      if (!this.leaves.isSame(sums, leaf)) differing.push(leaf);
    return differing;
  }

  /**
   * Ends the recount: its sums are the tree. `stored`: how much of it is in storage. doubtful,
   * trusted -> trusted
   */
  settle({ sums, census }: Recount, differing: readonly number[], stored: Census): void {
    assert(this.#recount?.sums === sums, 'tree: it is settled by the recount under way');
    this.#recount = undefined;
    this.#census = census;
    this.#stored = stored;
    if (differing.length > 0) for (const frozen of this.#frozen) frozen.lose();
    for (const leaf of differing) {
      this.leaves.set(leaf, sums.words[2 * leaf] as number, sums.words[2 * leaf + 1] as number);
      this.#touch(leaf);
    }
    if (!this.#isTrusted) this.#isMarkDue = true;
    this.#isTrusted = true;
  }

  /**
   * Adds to the batch what each namespace holds in storage, if that has changed since the last
   * time.
   */
  sealCensus(out: Outbox): void {
    const sealed = this.#stored?.seal();
    if (sealed !== undefined) out.put(CENSUS, sealed);
  }

  /** With this batch storage holds a record of this weight instead of another one. */
  onStored(namespace: NamespaceName, before: Weight, after: Weight): void {
    this.#stored?.shift(namespace, before, after);
  }

  /** True if leaves, or the trust in the tree, have to be written. */
  get hasDirty(): boolean {
    return this.#dirty.length > 0 || this.#isMarkDue;
  }

  /**
   * The leaves that have changed since the last call. Each is to be written with its dirty records.
   */
  takeDirty(): number[] {
    const taken = this.#dirty;
    this.#dirty = [];
    for (const leaf of taken) this.#isDirty[leaf] = 0;
    this.#isMarking = this.#isMarkDue;
    this.#isMarkDue = false;
    return taken;
  }

  /** Adds a leaf to the batch under way. */
  writeLeaf(leaf: number, out: Outbox): void {
    const { words } = this.leaves;
    const value = sealWords(words[2 * leaf] as number, words[2 * leaf + 1] as number);
    out.put((this.#keys[leaf] ??= treeKey(leaf)), value);
  }

  /**
   * Records are in storage with this batch and their leaves are not. Storage says that the tree is
   * in doubt, until a checkpoint has written all leaves and none was left behind meanwhile.
   */
  onLeavesBehind(out: Outbox): void {
    this.#isMarking = false;
    if (!this.#isTrusted || this.#isMarkDue) return;
    this.#isMarkDue = true;
    out.del(MARK);
  }

  /** All leaves that were taken last are written. */
  onWritten(out: Outbox): void {
    if (this.#isMarking) out.put(MARK, WHOLE);
    this.#isMarking = false;
  }

  #touch(leaf: number): void {
    if (this.#isDirty[leaf] === 1) return;
    this.#isDirty[leaf] = 1;
    this.#dirty.push(leaf);
  }
}
