// The hash tree of a replica against its disk: what is stored of the tree has to be what the stored
// records sum up to.

import { decodeRecord } from '../../src/model/encoding.ts';
import type { Span } from '../../src/store/layout.ts';
import { allLeaves, allRecords, parseRecordKey } from '../../src/store/layout.ts';
import { LEAVES, Leaves, leafOf } from '../../src/store/leaves.ts';
import { HashTree } from '../../src/store/tree.ts';
import type { Cluster, Replica } from '../cluster/cluster.ts';

/**
 * What keeps the trees of all replicas from being right, and the same; `undefined` when nothing
 * does.
 */
export function treesTrouble(cluster: Cluster): string | undefined {
  const replicas = cluster.seated();
  for (const replica of replicas) {
    const trouble = treeTrouble(replica);
    if (trouble !== undefined) return `the tree of replica ${replica.index}: ${trouble}`;
  }
  const roots = replicas.map(rootOf);
  return new Set(roots).size === 1 ? undefined : `the roots are ${roots.join(', ')}`;
}

/** What is wrong with the tree on its disk; `undefined` when nothing is. */
export function treeTrouble(replica: Replica): string | undefined {
  const tree = new HashTree();
  for (const entry of entriesOf(replica, allLeaves())) tree.restore(entry);
  if (!tree.isTrusted) return 'is in doubt';
  const sums = sumsOf(replica);
  for (let leaf = 0; leaf < LEAVES; leaf++)
    if (!tree.leaves.isSame(sums, leaf)) return `leaf ${leaf} is not the sum of its records`;
  const told = replica.status()?.self.treeRoot;
  return told === rootOf(replica) ? undefined : `the replica says ${told}`;
}

/** The root of what its disk holds, as the replica would tell it. */
export function rootOf(replica: Replica): string {
  const [low, high] = sumsOf(replica).root();
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

function sumsOf(replica: Replica): Leaves {
  const sums = new Leaves();
  for (const { key, value } of entriesOf(replica, allRecords())) {
    const name = parseRecordKey(key);
    const record = decodeRecord(value);
    if (name !== undefined && record?.key === name.key && record.namespace === name.namespace)
      sums.toggle(leafOf(name.namespace, name.key), record);
  }
  return sums;
}

function entriesOf({ disk }: Replica, span: Span) {
  const result = disk.range({ ...span, reverse: false, limit: 1e6, bytesMax: 1e9 });
  return result.ok ? result.entries : [];
}
