// Periodically reads and verifies everything that is stored (rule S8 in docs/storage.md), a piece
// with each heartbeat. A damaged record is fetched from the peers; a damaged log entry is reported.
// The size of a piece is chosen, by the number of entries in the last round, so that a round ends
// in half the time to the next one.
//
// The scrub counts the hash tree again as well. If its sum differs from the tree, storage has lost
// or changed a record without an error: the tree takes what is stored, memory writes again what it
// still holds, and the comparison with the peers brings the rest. A tree that is in doubt is
// counted at once, before it is compared with that of a peer.
//
//   idle -> reading -> waiting -> reading … -> idle

import { assert, present } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Heal } from '../model/heal.ts';
import type { Metrics } from '../model/metrics.ts';
import { isTombstone, type Record } from '../model/record.ts';
import type { Settings } from '../model/settings.ts';
import { isSame } from '../conflict/merge.ts';
import { countOf, isWholeBlock } from '../store/block.ts';
import {
  allLogs,
  allRecords,
  behind,
  parseRecordKey,
  positionOfKey,
  recordKey,
  type Span,
} from '../store/layout.ts';
import type { RecordIndex } from '../store/record-index.ts';
import type { Recount } from '../store/recount.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';

const SCRUB_ENTRIES_MIN = 128;
const SCRUB_ENTRIES_MAX = 2048;
/** A tree in doubt is compared with no peer, so it is counted faster. */
const REBUILD_ENTRIES_MAX = 2048;
const SCRUB_BYTES_MAX = 256 * 1024;

export interface ScrubOptions {
  readonly index: RecordIndex;
  readonly metrics: Metrics;
  readonly settings: Settings;
  readonly table: Table;
  readonly tree: HashTree;
}

export class Scrub {
  readonly #options: ScrubOptions;
  readonly #heal: Heal;
  readonly #reading = new SingleRead<undefined>((result, _, turn) => this.#onRead(result, turn));
  /** The unread rest of this round; empty between two rounds. */
  #rest: Span[] = [];
  #dueMs: number | undefined;
  /** Entries that all earlier rounds have read. */
  #readBefore = 0;
  #pieceEntries = SCRUB_ENTRIES_MIN;

  constructor(options: ScrubOptions, heal: Heal) {
    this.#options = options;
    this.#heal = heal;
  }

  onBeat(turn: Turn): void {
    if (!this.#reading.isUnderWay) this.#goOn(turn);
  }

  #onRead(result: RangeResult, turn: Turn): void {
    if (result.ok) this.#verify(result, turn);
    else turn.note('error', 'scrub-unreadable', { reason: result.reason });
  }

  #goOn(turn: Turn): void {
    const { settings, table, tree } = this.#options;
    this.#dueMs ??= turn.now.monoMs + settings.scrubDelayMs;
    if (this.#rest.length === 0) {
      const isDue = turn.now.monoMs >= this.#dueMs;
      if (!isDue && tree.isTrusted) return;
      if (isDue) this.#dueMs = turn.now.monoMs + settings.scrubEveryMs;
      this.#rest = isDue ? [allRecords(), allLogs()] : [allRecords()];
      tree.beginRecount();
    }
    const limit = tree.isTrusted ? this.#pieceEntries : REBUILD_ENTRIES_MAX;
    const limits = { limit, bytesMax: SCRUB_BYTES_MAX };
    const span = present(this.#rest[0], 'scrub: a round has something to read');
    const isRecords = tree.recount !== undefined && span.from[0] === allRecords().from[0];
    const source = isRecords ? table.reads.in(turn, 'newest') : turn;
    this.#reading.begin(span, limits, undefined, source);
  }

  /** The number per heartbeat that would have finished the last round in half its interval. */
  #pace(): void {
    const { settings, metrics } = this.#options;
    const { heartbeatMs, scrubEveryMs } = settings;
    const entries = metrics.scrubEntries - this.#readBefore;
    assert(entries >= 0, 'scrub: counters only grow');
    this.#readBefore = metrics.scrubEntries;
    const needed = Math.ceil((2 * entries * heartbeatMs) / scrubEveryMs);
    this.#pieceEntries = Math.min(Math.max(needed, SCRUB_ENTRIES_MIN), SCRUB_ENTRIES_MAX);
  }

  /** Verifies what is stored, and counts what the table shows. */
  #verify({ entries, more, stored = entries }: RangeResult & { ok: true }, turn: Turn): void {
    for (const entry of stored) {
      const isBlock = parseRecordKey(entry.key) === undefined;
      this.#options.metrics.scrubEntries += isBlock ? countOf(entry.value) : 1;
      const record = isBlock ? undefined : wholeRecord(entry);
      const isWhole = isBlock ? isWholeBlock(entry) : record !== undefined;
      if (!isWhole) this.#onDamaged(entry.key, turn);
      if (record !== undefined) this.#file(record, turn);
    }
    const records = entries.flatMap((entry) => wholeRecord(entry) ?? this.#inMemory(entry) ?? []);
    const last = entries[entries.length - 1];
    const span = present(this.#rest.shift(), 'scrub: what was read was to be read');
    const isCut = more && last !== undefined;
    this.#count(records, isCut ? positionOfKey(last.key) : undefined, turn);
    if (isCut) this.#rest.unshift({ from: behind(last.key), to: span.to });
    else if (this.#rest.length === 0 && span.from[0] === allLogs().from[0]) {
      this.#options.metrics.scrubRounds++;
      this.#pace();
    }
  }

  /** Records that should be in the index, but may have been stored before there was one. */
  #file(stored: Record, out: Outbox): void {
    const { table, index } = this.#options;
    if (!isTombstone(stored) && !index.expiresHere(stored)) return;
    const { record } = table.read(stored.namespace, stored.key);
    if (isSame(record, stored)) index.ensure(stored, out);
  }

  #onDamaged(key: Uint8Array, turn: Turn): void {
    this.#options.metrics.recordsDamaged++;
    const name = parseRecordKey(key);
    turn.note('error', 'scrub-damaged', { kind: name === undefined ? 'log' : 'record' });
    if (name !== undefined) this.#heal(name.namespace, name.key, turn);
  }

  /** What memory holds instead of a damaged record. */
  #inMemory({ key }: RangeEntry): Record | undefined {
    const name = parseRecordKey(key);
    return name && this.#options.table.cells.inMemory(name.namespace, name.key);
  }

  /**
   * The records of a page are added to the recount; `upTo` is its end, `undefined` after the last
   * record.
   */
  #count(records: readonly Record[], upTo: string | undefined, out: Outbox): void {
    const { tree } = this.#options;
    const { recount } = tree;
    if (recount === undefined) return;
    recount.take(records, upTo);
    if (upTo === undefined) this.#settleTree(recount, out);
  }

  #settleTree(recount: Recount, out: Outbox): void {
    const { metrics, table, tree } = this.#options;
    const wasTrusted = tree.isTrusted;
    const differing = tree.differing(recount);
    tree.settle(recount, differing, table.storedOf(recount.census));
    if (!wasTrusted) {
      metrics.treeRebuilds++;
      out.note('info', 'tree-rebuilt', { leaves: differing.length });
    } else if (differing.length > 0) {
      const reclaimed = table.rewriteLost(new Set(differing), out);
      metrics.treeLeavesMended += differing.length;
      out.note('error', 'tree-differs', { leaves: differing.length, reclaimed });
    }
  }
}

/** The stored record; `undefined` if it cannot be read, or is the record of another key. */
function wholeRecord({ key, value }: RangeEntry): Record | undefined {
  const record = decodeRecord(value);
  if (record === undefined) return undefined;
  return equalBytes(key, recordKey(record.namespace, record.key)) ? record : undefined;
}
