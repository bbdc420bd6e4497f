// The hash tree of a replica against its disk: what is stored of the tree has to be what the stored
// records sum up to.

import { byteString } from '../../src/base/bytes.ts';
import { merge } from '../../src/conflict/merge.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import { type Record, recordOf } from '../../src/model/record.ts';
import { entriesIn } from '../../src/store/block.ts';
import { decodeLaneState } from '../../src/store/lane.ts';
import type { Span } from '../../src/store/layout.ts';
import {
  allLeaves,
  allLogs,
  allOrigins,
  allRecords,
  parseRecordKey,
  positionOf,
} from '../../src/store/layout.ts';
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
  const sums = sumsOf(storedIn(replica));
  for (let leaf = 0; leaf < LEAVES; leaf++)
    if (!tree.leaves.isSame(sums, leaf)) return `leaf ${leaf} is not the sum of its records`;
  const told = replica.status()?.self.treeRoot;
  return told === rootOf(replica) ? undefined : `the replica says ${told}`;
}

/** The root of what its disk holds, as the replica would tell it after a start. */
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
function storedIn(replica: Replica): Map<string, Record> {
  const records = new Map<string, Record>();
  for (const { key, value } of entriesOf(replica, allRecords())) {
    const name = parseRecordKey(key);
    const record = decodeRecord(value);
    if (name !== undefined && record?.key === name.key && record.namespace === name.namespace)
      records.set(positionOf(name), record);
  }
  return records;
}

/** The same with what the logs hold behind their marks. */
function replayed(replica: Replica): Map<string, Record> {
  const records = storedIn(replica);
  const marks = new Map<string, number>();
  for (const { key, value } of entriesOf(replica, allOrigins()))
    marks.set(byteString(key, 1, key.length), decodeLaneState(value)?.received ?? 0);
  for (const entry of entriesIn(entriesOf(replica, allLogs()))) {
    if (entry === undefined || entry.seq <= (marks.get(entry.origin) ?? 0)) continue;
    const position = positionOf(entry);
    records.set(position, merge(records.get(position), recordOf(entry)));
  }
  return records;
}

function entriesOf({ disk }: Replica, span: Span) {
  const result = disk.range({ ...span, reverse: false, limit: 1e6, bytesMax: 1e9 });
  return result.ok ? result.entries : [];
}
