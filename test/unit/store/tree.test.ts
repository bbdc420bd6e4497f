import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { RangeRequest, RangeResult } from '../../../src/model/effect.ts';
import { decodeRecord } from '../../../src/model/encoding.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { type Record, recordOf } from '../../../src/model/record.ts';
import {
  allLeaves,
  allRecords,
  behind,
  positionOf,
  recordKey,
  treeKey,
} from '../../../src/store/layout.ts';
import { FANOUT, LEAVES, Leaves, leafOf } from '../../../src/store/leaves.ts';
import type { Recount } from '../../../src/store/recount.ts';
import { RecordIndex } from '../../../src/store/record-index.ts';
import { Table } from '../../../src/store/table.ts';
import { HashTree } from '../../../src/store/tree.ts';
import { key, mutation, namespace } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { storeAll } from '../../support/store-all.ts';

type Page = RangeResult & { readonly ok: true };

const NS = namespace('ns');
const put = (name: string, hlc: number) =>
  mutation({ namespace: NS, key: key(name), hlc, seq: hlc });
const del = (name: string, hlc: number) =>
  mutation({ namespace: NS, key: key(name), hlc, seq: hlc, operation: 'delete' });

let out: HostTurn;
let storage: KeyMap;
let tree: HashTree;
let table: Table;

function tableOf({ get }: KeyMap, filled: HashTree): Table {
  const metrics = createMetrics();
  return new Table(get, 1e6, metrics, new RecordIndex((of) => of === 'eu-1', get, metrics), filled);
}

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  tree = new HashTree();
  tree.beginEmpty(out);
  table = tableOf(storage, tree);
});

function commit(): void {
  storeAll(table, out);
  const { lsn } = out;
  storage.apply(out.takeBatch());
  table.cells.onDurable(lsn);
}

/** The tree in storage, as a start reads it. */
function restarted(): HashTree {
  const again = new HashTree();
  const stored = storage.range({ ...allLeaves(), reverse: false, limit: 1e6, bytesMax: 1e9 });
  for (const entry of stored.entries) again.restore(entry);
  again.restored(true, new HostTurn());
  return again;
}

const isSame = (left: Leaves, right: Leaves): boolean =>
  left.words.every((word, at) => word === right.words[at]);
const isEmpty = (leaves: Leaves): boolean => leaves.words.every((word) => word === 0);
/** A key that belongs to a leaf. */
function keyIn(leaf: number): string {
  for (let n = 0; ; n++) if (leafOf(NS, key(`k${n}`)) === leaf) return `k${n}`;
}

describe('a tree', () => {
  it('is the same in any order of arrival, and empty when all records are gone', () => {
    const names = Array.from({ length: 50 }, (_, n) => `k${n}`);
    for (const name of names) table.merge(recordOf(put(name, 1)), out);
    for (const name of names) table.merge(recordOf(put(name, 3)), out);
    const root = tree.leaves.root();
    const other = new HashTree();
    const twin = tableOf(new KeyMap(), other);
    for (const name of names.toReversed())
      for (const hlc of [3, 1]) twin.merge(recordOf(put(name, hlc)), new HostTurn());
    expect(other.leaves.root()).toEqual(root);
    for (const name of names) table.merge(recordOf(del(name, 4)), out);
    expect(isEmpty(tree.leaves)).toBe(true);
  });

  it('differs for another version, another content and another key', () => {
    const roots = [
      put('a', 1),
      put('a', 2),
      put('b', 1),
      mutation({ namespace: NS, key: key('a'), hlc: 1, seq: 1, tags: ['t'] }),
      mutation({ namespace: namespace('n2'), key: key('a'), hlc: 1, seq: 1 }),
    ].map((record) => {
      const leaves = new Leaves();
      leaves.toggle(leafOf(record.namespace, record.key), recordOf(record));
      return leaves.root().join();
    });
    expect(new Set(roots).size).toBe(roots.length);
  });

  it('has every leaf in its inner node, and every inner node in the root, the last ones as well', () => {
    for (const leaf of [0, FANOUT - 1, FANOUT, LEAVES - FANOUT, LEAVES - 1]) {
      const leaves = new Leaves();
      leaves.toggle(leaf, recordOf(put('a', 1)));
      const sum = leaves.leaf(leaf);
      expect(sum).not.toEqual([0, 0]);
      expect(leaves.inner(Math.floor(leaf / FANOUT))).toEqual(sum);
      expect(leaves.root()).toEqual(sum);
    }
  });

  it('spreads keys over all leaves', () => {
    const hit = new Set<number>();
    for (let n = 0; n < 10 * LEAVES; n++) hit.add(leafOf(NS, key(`user/${n}`)));
    expect(hit.size).toBeGreaterThan(0.999 * LEAVES);
  });
});

describe('the stored tree', () => {
  it('is read as it was: a small value for each changed leaf, with the records, and the census', () => {
    const before = storage.size;
    commit();
    for (const name of ['a', 'b']) table.merge(recordOf(put(name, 1)), out);
    table.merge(recordOf(put('a', 2)), out);
    commit();
    expect(storage.size - before).toBe(1 + 2 + 2 + 1);
    const again = restarted();
    expect(again.isTrusted).toBe(true);
    expect(isSame(again.leaves, tree.leaves)).toBe(true);
    commit();
    expect(out.hasWrites).toBe(false);
  });

  describe('while a snapshot is copied', () => {
    /** The batch of a turn, without a piece of a checkpoint. */
    function seal(): void {
      table.writeThrough(out);
      const { lsn } = out;
      storage.apply(out.takeBatch());
      table.cells.onDurable(lsn);
    }

    beforeEach(() => {
      commit();
      table.onCopy(true);
      table.admit(recordOf(put('a', 1)), out);
    });

    it('is in doubt, as records come without their leaves, until a checkpoint has written all', () => {
      seal();
      expect(storage.get(recordKey(NS, key('a')))).toBeDefined();
      expect(storage.get(treeKey(leafOf(NS, key('a'))))).toBeUndefined();
      expect(restarted().isTrusted).toBe(false);
      expect(tree.isTrusted).toBe(true);
      table.onCopy(false);
      commit();
      expect(restarted().isTrusted).toBe(true);
      expect(isSame(restarted().leaves, tree.leaves)).toBe(true);
    });

    it('stays in doubt when a record comes after a checkpoint took the list of leaves', () => {
      seal();
      const leaves = table.takeDirtyLeaves();
      table.admit(recordOf(put('b', 1)), out);
      table.writeThrough(out);
      for (const leaf of leaves) table.writeLeaf(leaf, out);
      table.onWritten(out);
      storage.apply(out.takeBatch());
      expect(restarted().isTrusted).toBe(false);
      commit();
      expect(restarted().isTrusted).toBe(true);
    });
  });

  it('is in doubt if a leaf is damaged, and stays so until it was counted', () => {
    table.merge(recordOf(put('a', 1)), out);
    commit();
    storage.damage(treeKey(leafOf(NS, key('a'))), 3);
    const again = restarted();
    expect(again.isTrusted).toBe(false);
    again.beginRecount();
    const recount = again.recount as Recount;
    recount.take([recordOf(put('a', 1))], undefined);
    again.settle(recount, again.differing(recount), recount.census);
    expect(again.isTrusted).toBe(true);
    expect(isSame(again.leaves, tree.leaves)).toBe(true);
  });

  it('is in doubt in a directory that is older than the tree', () => {
    expect(restarted().isTrusted).toBe(false);
  });

  it('is in doubt from the batch on that replaces a damaged record', () => {
    table.merge(recordOf(put('a', 1)), out);
    commit();
    storage.damage(recordKey(NS, key('a')), 5);
    table = tableOf(storage, tree);
    table.heal(recordOf(put('a', 2)), out);
    expect(tree.isTrusted).toBe(false);
    commit();
    expect(restarted().isTrusted).toBe(false);
  });
});

describe('a recount', () => {
  it('finds the leaf of a record that has vanished, in the last leaf as in the first', () => {
    for (const leaf of [0, LEAVES - 1]) {
      const name = keyIn(leaf);
      table.merge(recordOf(put(name, 1)), out);
      tree.beginRecount();
      const recount = tree.recount as Recount;
      recount.take([], undefined);
      expect(tree.differing(recount)).toContain(leaf);
      table.merge(recordOf(del(name, 2)), out);
    }
  });

  it('writes again what memory still holds of it', () => {
    table.merge(recordOf(put('a', 1)), out);
    table.merge(recordOf(put('b', 1)), out);
    commit();
    storage.apply({ keys: [recordKey(NS, key('a'))], values: [undefined] });
    tree.beginRecount();
    const recount = tree.recount as Recount;
    recount.take([recordOf(put('b', 1))], undefined);
    const differing = tree.differing(recount);
    const { words } = tree.leaves;
    const before = Uint32Array.from(words);
    tree.settle(recount, differing, table.storedOf(recount.census));
    expect(table.rewriteLost(new Set(differing), out)).toBe(1);
    commit();
    expect(tree.leaves.words.every((word, at) => word === before[at])).toBe(true);
    expect(storage.get(recordKey(NS, key('a')))).toEqual(put('a', 1).bytes);
  });

  /** Asks for the records of a key, and returns the answer. */
  function ask(from: Uint8Array, limit: number): () => Page {
    let page: Page | undefined;
    const owner = { onRead: (result: RangeResult) => void (page = result as Page) };
    table.reads
      .in(out, 'newest')
      .read({ from, to: allRecords().to }, { bytesMax: 1e6, limit }, owner);
    const [read] = out.reads.splice(0);
    // Storage shows the moment of the request.
    const result = storage.range(read?.request as RangeRequest);
    return () => {
      read?.owner.onRead(result, out);
      return page as Page;
    };
  }

  const recordsOf = ({ entries }: Page): Record[] =>
    entries.map(({ value }) => decodeRecord(value) as Record);

  it('believes memory about what was under way when the page was requested', () => {
    for (const name of ['a', 'b']) table.merge(recordOf(put(name, 1)), out);
    commit();
    table.merge(recordOf(put('a', 2)), out);
    tree.beginRecount();
    const recount = tree.recount as Recount;
    const first = ask(allRecords().from, 2);
    table.merge(recordOf(put('aa', 1)), out);
    table.merge(recordOf(del('c', 1)), out);
    commit();
    const page = first();
    expect(recordsOf(page)).toMatchObject([{ key: 'a', hlc: 2 }, { key: 'aa' }]);
    recount.take(recordsOf(page), positionOf(put('aa', 1)));
    table.merge(recordOf(put('a', 3)), out);
    commit();
    recount.take(recordsOf(ask(behind(recordKey(NS, key('aa'))), 9)()), undefined);
    expect(tree.differing(recount)).toEqual([]);
  });

  it('leaves out what is dropped, whether storage still shows it or not', () => {
    for (const name of ['a', 'b', 'c']) table.merge(recordOf(put(name, 1)), out);
    commit();
    tree.beginRecount();
    const recount = tree.recount as Recount;
    table.drop(put('a', 1), 2, out);
    const first = ask(allRecords().from, 9);
    table.drop(put('b', 1), 2, out);
    const page = first();
    expect(recordsOf(page)).toMatchObject([{ key: 'c' }]);
    recount.take(recordsOf(page), undefined);
    table.drop(put('c', 1), 2, out);
    commit();
    expect(tree.differing(recount)).toEqual([]);
    expect(isEmpty(tree.leaves)).toBe(true);
  });
});
