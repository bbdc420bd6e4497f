// A replica's memory without the replica: log, table, hash tree, and the meaning of absence.
// Storage is a map.

import { Cut, type CutOptions } from '../../src/entropy/tree-cut.ts';
import { HostTurn } from '../../src/host/turn.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { type Mutation, type Record, recordOf } from '../../src/model/record.ts';
import { Absence } from '../../src/store/absence.ts';
import { Checkpoint } from '../../src/store/checkpoint.ts';
import { Log } from '../../src/store/log.ts';
import { LEAVES, Leaves, leafOf } from '../../src/store/leaves.ts';
import { RecordIndex } from '../../src/store/record-index.ts';
import { Table } from '../../src/store/table.ts';
import { HashTree } from '../../src/store/tree.ts';
import { CHECKPOINT_AT_ONCE } from './build.ts';
import { KeyMap } from './key-map.ts';

export class TreeRoom {
  readonly out = new HostTurn();
  readonly storage = new KeyMap();
  readonly tree = new HashTree();
  readonly log: Log;
  readonly table: Table;
  readonly absence: Absence;
  readonly checkpoint: Checkpoint;
  isFit = true;

  constructor({ cacheBytes = 1e6, tailBytes = 1e6 } = {}) {
    const metrics = createMetrics();
    const { get } = this.storage;
    const index = new RecordIndex(() => false, get, metrics);
    this.log = new Log(tailBytes, metrics);
    this.table = new Table(get, cacheBytes, metrics, index, this.tree);
    this.absence = new Absence(this.log, this.table, metrics);
    const settings = CHECKPOINT_AT_ONCE;
    this.checkpoint = new Checkpoint({
      log: this.log,
      table: this.table,
      metrics,
      room: { isLow: false },
      settings,
    });
    this.checkpoint.open(this.out);
    this.tree.beginEmpty(this.out);
  }

  /** The next entry of its origin's log arrives. */
  deliver(entry: Mutation): void {
    const lane = this.log.open(entry.origin);
    this.log.append(lane, entry, this.out);
    this.absence.merge(entry, this.out);
    lane.onApplied(entry.seq);
  }

  commit(): void {
    this.checkpoint.onSeal(this.out);
    this.log.seal(this.out);
    const { lsn } = this.out;
    this.storage.apply(this.out.takeBatch());
    this.table.cells.onDurable(lsn);
    this.log.onDurable(lsn, this.out);
  }

  freeze(): Cut {
    const { absence, log, table, tree } = this;
    const options: CutOptions = { absence, log, table, tree, isFit: () => this.isFit };
    return new Cut(options);
  }
}

/** The leaves after these entries and nothing else were merged, in any order. */
export function leavesOf(entries: Iterable<Mutation>, merge: Merge): Leaves {
  const records = new Map<string, Record>();
  for (const entry of entries)
    records.set(entry.key, merge(records.get(entry.key), recordOf(entry)));
  const leaves = new Leaves();
  for (const record of records.values())
    leaves.toggle(leafOf(record.namespace, record.key), record);
  return leaves;
}

type Merge = (left: Record | undefined, right: Record) => Record;

/** A matcher would compare each of the words. */
export function isSameLeaves(left: Leaves, right: Leaves): boolean {
  for (let leaf = 0; leaf < LEAVES; leaf++) if (!left.isSame(right, leaf)) return false;
  return true;
}
