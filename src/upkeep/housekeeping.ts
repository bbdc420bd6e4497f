// Work that nobody waits for, done in small pieces: truncating logs below the stable cut and the scrub that now and then
// reads everything stored and verifies it (rule S8), with the heartbeat; forgetting idempotency keys whose window has
// ended (idempotency-sweep.ts), deleting what has expired (expiry.ts) and dropping tombstones (tombstones.ts), at the pace of what
// is written. A damaged record is fetched from the peers; a damaged log entry is reported.
//
// The scrub takes as many entries with each heartbeat as it needs to be through in half the time to the next one, going by
// what the last round found.
//
// The scrub counts the hash tree anew as well. Where it comes to another sum than the tree, storage has lost or changed a
// record without a word: the tree takes what is there, memory writes again what it still holds, and the comparison with
// the peers brings the rest. A tree that is in doubt is counted at once, before it is compared with anybody's.

import { equalBytes } from '../base/bytes.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import { laneIdOf, type Seq } from '../model/id.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import { isTombstone, type Mutation, type Record, recordOf } from '../model/record.ts';
import { firstOfRun, lastOfRun } from '../model/run.ts';
import { seqOf } from '../model/vector.ts';
import { isSame } from '../conflict/merge.ts';
import type { Lane } from '../store/lane.ts';
import {
  allLogs,
  allRecords,
  behind,
  laneKey,
  parseRecordKey,
  positionOfKey,
  recordKey,
  type Span,
} from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import type { Recount } from '../store/recount.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Heal } from '../model/heal.ts';
import { IdempotencySweep } from './idempotency-sweep.ts';
import { type Deleter, Expiry, type ExpiryOptions } from './expiry.ts';
import { Tombstones, type TombstonesOptions } from './tombstones.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import type { Peers } from '../peers/peers.ts';
import type { Room } from '../store/room.ts';
import type { Settings } from '../model/settings.ts';
import type { HashTree } from '../store/tree.ts';

const SCRUB_ENTRIES_MIN = 128;
const SCRUB_ENTRIES_MAX = 2048;
/** A tree in doubt is compared with nobody, so it is counted faster. */
const REBUILD_ENTRIES_MAX = 2048;
const SCRUB_BYTES_MAX = 256 * 1024;

/** What the replica is doing now. */
interface Condition {
  readonly isServing: boolean;
  readonly isCopying: boolean;
}

export interface HousekeepingOptions extends ExpiryOptions, TombstonesOptions {
  readonly get: Storage['get'];
  readonly idempotency: IdempotencyTable;
  readonly log: Log;
  readonly peers: Peers;
  readonly room: Room;
  readonly settings: Settings;
  readonly tree: HashTree;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #deleter: Deleter;
  readonly #heal: Heal;
  readonly #expiry: Expiry;
  readonly #tombstones: Tombstones;
  readonly #idempotencySweep: IdempotencySweep;
  #condition: Condition = { isServing: false, isCopying: true };
  /** Mutations of all origins that were written before the last commit. */
  #written = 0;
  readonly #reading = new SingleRead<undefined>((result, _, turn) => this.#onRead(result, turn));
  /** What the scrub has still to read; empty between two rounds. */
  #scrub: Span[] = [];
  #scrubAtMs: number | undefined;
  #scrubbed = 0;
  #scrubEntries = SCRUB_ENTRIES_MIN;

  constructor(options: HousekeepingOptions, deleter: Deleter, heal: Heal) {
    this.#options = options;
    this.#deleter = deleter;
    this.#expiry = new Expiry(options, deleter, heal);
    this.#tombstones = new Tombstones(options, heal);
    this.#idempotencySweep = new IdempotencySweep(options.idempotency);
    this.#heal = heal;
  }

  onBeat(condition: Condition, turn: Turn): void {
    this.#condition = condition;
    this.#truncate(turn);
    if (this.#deleter.hasRoom) this.#options.tree.sealCensus(turn);
    this.#idempotencySweep.onBeat(turn);
    // A part of a snapshot may show what a tombstone of ours hides.
    if (!condition.isCopying) this.#tombstones.onBeat(turn);
    this.#expiry.onBeat(condition.isServing, turn);
    if (!this.#reading.isUnderWay) this.#scrubOn(turn);
  }

  /** A commit is durable: as much as came in with it may go. */
  onDurable(out: Outbox): void {
    const { writes, entriesReceived } = this.#options.metrics;
    const mutations = writes + entriesReceived - this.#written;
    this.#written += mutations;
    this.#idempotencySweep.onDurable(mutations, out);
    if (!this.#condition.isCopying) this.#tombstones.onDurable(mutations, out);
    this.#expiry.onDurable(mutations, out);
  }

  #onRead(result: RangeResult, turn: Turn): void {
    if (result.ok) this.#verify(result.entries, result.more, turn);
    else turn.note('error', 'scrub-unreadable', { reason: result.reason });
  }

  #truncate(out: Outbox): void {
    const { log, peers, room, settings } = this.#options;
    const retained = room.isLow ? 0 : settings.logRetainEntries;
    const least = room.isLow ? 1 : settings.logTruncateEntries;
    const cut = peers.stableCut(log.durable);
    for (const lane of log.lanes()) {
      const floor = Math.min(seqOf(cut, lane.id), lane.durable - retained);
      if (floor - lane.floor >= least) this.#truncateLane(lane, floor, out);
    }
  }

  /** Up to there, or to the end of the run before: a log begins with a whole one. */
  #truncateLane(lane: Lane, upTo: Seq, out: Outbox): void {
    const last = this.#entryAt(lane, upTo);
    const isCut = last !== undefined && lastOfRun(last) > upTo;
    const floor = isCut ? firstOfRun(last) - 1 : upTo;
    if (floor <= lane.floor) return;
    const chain = isCut ? this.#entryAt(lane, floor)?.chain : last?.chain;
    if (chain === undefined) out.note('error', 'log-unreadable', { origin: lane.id, seq: floor });
    else this.#options.log.truncate(lane, floor, chain, out);
  }

  #entryAt(lane: Lane, seq: Seq): Mutation | undefined {
    if (seq >= lane.tailFrom) return lane.at(seq);
    const bytes = this.#options.get(laneKey(lane.id, seq));
    return bytes === undefined || bytes === UNREADABLE ? undefined : decodeMutation(bytes);
  }

  #scrubOn(turn: Turn): void {
    const { settings, table, tree } = this.#options;
    this.#scrubAtMs ??= turn.now.monoMs + settings.scrubDelayMs;
    if (this.#scrub.length === 0) {
      const isDue = turn.now.monoMs >= this.#scrubAtMs;
      if (!isDue && tree.isTrusted) return;
      if (isDue) this.#scrubAtMs = turn.now.monoMs + settings.scrubEveryMs;
      this.#scrub = isDue ? [allRecords(), allLogs()] : [allRecords()];
      tree.beginRecount();
    }
    tree.recount?.begin(table.cells.undurable(), table.cells.droppingAt());
    const limit = tree.isTrusted ? this.#scrubEntries : REBUILD_ENTRIES_MAX;
    const limits = { limit, bytesMax: SCRUB_BYTES_MAX };
    this.#reading.begin(this.#scrub[0] as Span, limits, undefined, turn);
  }

  /** As many with each heartbeat as would have brought the round that ended to its end in half its time. */
  #pace(): void {
    const { settings, metrics } = this.#options;
    const { heartbeatMs, scrubEveryMs } = settings;
    const entries = metrics.scrubEntries - this.#scrubbed;
    this.#scrubbed = metrics.scrubEntries;
    const needed = Math.ceil((2 * entries * heartbeatMs) / scrubEveryMs);
    this.#scrubEntries = Math.min(Math.max(needed, SCRUB_ENTRIES_MIN), SCRUB_ENTRIES_MAX);
  }

  #verify(entries: readonly RangeEntry[], more: boolean, turn: Turn): void {
    const records: Record[] = [];
    for (const entry of entries) {
      this.#options.metrics.scrubEntries++;
      const whole = wholeOf(entry);
      const record = whole === undefined ? this.#onDamaged(entry.key, turn) : recordOf(whole);
      if (record === undefined) continue;
      records.push(record);
      if (whole !== undefined && parseRecordKey(entry.key) !== undefined) this.#file(record, turn);
    }
    const last = entries[entries.length - 1];
    const span = this.#scrub.shift() as Span;
    const isCut = more && last !== undefined;
    this.#count(records, isCut ? positionOfKey(last.key) : undefined, turn);
    if (isCut) this.#scrub.unshift({ from: behind(last.key), to: span.to });
    else if (this.#scrub.length === 0 && span.from[0] === allLogs().from[0]) {
      this.#options.metrics.scrubRounds++;
      this.#pace();
    }
  }

  /** What should be found by its dot or its deadline, and may have been stored before there was an index. */
  #file(stored: Record, out: Outbox): void {
    const { table, index } = this.#options;
    if (!isTombstone(stored) && !index.expiresHere(stored)) return;
    const { record } = table.read(stored.namespace, stored.key);
    if (isSame(record, stored)) index.ensure(stored, out);
  }

  /** Gives what memory holds in its place. */
  #onDamaged(key: Uint8Array, turn: Turn): Record | undefined {
    this.#options.metrics.recordsDamaged++;
    const name = parseRecordKey(key);
    turn.note('error', 'scrub-damaged', { kind: name === undefined ? 'log' : 'record' });
    if (name === undefined) return undefined;
    this.#heal(name.namespace, name.key, turn);
    return this.#options.table.cells.inMemory(name.namespace, name.key);
  }

  /** The records of a page go into the recount; `upTo` is where it ends, `undefined` behind the last record. */
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
    tree.settle(recount, differing, out);
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

/** What is stored there, if it can be read and lies where it belongs. */
function wholeOf({ key, value }: RangeEntry): Mutation | undefined {
  const entry = decodeMutation(value);
  if (entry === undefined) return undefined;
  const { lane, origin, seq, namespace } = entry;
  const isRecord = parseRecordKey(key) !== undefined;
  const place = isRecord ? recordKey(namespace, entry.key) : laneKey(laneIdOf(origin, lane), seq);
  return equalBytes(key, place) ? entry : undefined;
}
