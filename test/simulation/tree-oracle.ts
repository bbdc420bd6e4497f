// Compares the hash tree of a replica with its disk: the stored tree must be the sum of the stored
// records.

import { merge } from '../../src/conflict/merge.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import { type Record, recordOf } from '../../src/model/record.ts';
import { allLeaves, allRecords, parseRecordKey, positionOf } from '../../src/store/layout.ts';
import { LEAVES, Leaves, leafOf } from '../../src/store/leaves.ts';
import { HashTree } from '../../src/store/tree.ts';
import type { Cluster, Replica } from '../cluster/cluster.ts';
import type { MemoryDisk } from '../cluster/memory-disk.ts';
import { entriesBehindMarks, storedIn } from '../cluster/stored.ts';

/** Why the trees of all replicas are not correct and equal; `undefined` if they are. */
export function treesTrouble(cluster: Cluster): string | undefined {
  const replicas = cluster.seated();
  for (const replica of replicas) {
    const trouble = treeTrouble(replica);
    if (trouble !== undefined) return `the tree of replica ${replica.index}: ${trouble}`;
  }
  const roots = replicas.map(rootOf);
  return new Set(roots).size === 1 ? undefined : `the roots are ${roots.join(', ')}`;
}

/** What is wrong with the tree on its disk; `undefined` if nothing is. */
export function treeTrouble(replica: Replica): string | undefined {
  const tree = new HashTree();
  for (const entry of storedIn(replica.disk, allLeaves()) ?? []) tree.restore(entry);
  if (!tree.isTrusted) return 'it is marked as doubtful';
  const sums = sumsOf(tableOn(replica.disk));
  for (let leaf = 0; leaf < LEAVES; leaf++)
    if (!tree.leaves.isSame(sums, leaf)) return `leaf ${leaf} is not the sum of its records`;
  const told = replica.status()?.self.treeRoot;
  return told === rootOf(replica) ? undefined : `the replica reports the root ${told}`;
}

/** The root of the records on its disk, as the replica would report it after a start. */
export function rootOf(replica: Replica): string {
  const [low, high] = sumsOf(replayed(replica)).root();
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

function sumsOf(records: ReadonlyMap<string, Record>): Leaves {
  const sums = new Leaves();
  for (const record of records.values()) sums.toggle(leafOf(record.namespace, record.key), record);
  return sums;
}

/** The table on its disk, as the last checkpoint left it. */
function tableOn(disk: MemoryDisk): Map<string, Record> {
  const records = new Map<string, Record>();
  for (const { key, value } of storedIn(disk, allRecords()) ?? []) {
    const name = parseRecordKey(key);
    const record = decodeRecord(value);
    if (name !== undefined && record?.key === name.key && record.namespace === name.namespace)
      records.set(positionOf(name), record);
  }
  return records;
}

/** The same with the entries that a start replays. */
function replayed({ disk }: Replica): Map<string, Record> {
  const records = tableOn(disk);
  for (const entry of entriesBehindMarks(disk) ?? []) {
    const position = positionOf(entry);
    records.set(position, merge(records.get(position), recordOf(entry)));
  }
  return records;
}
