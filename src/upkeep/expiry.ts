// Turns expired values into deletes. Readers hide a value from its deadline on, everywhere and by
// their own clocks; only the replica that stamped the deadline deletes it, so that there is one
// delete and it is ordered like any other write. It does so while it serves, as fast as values with
// a deadline arrive (sweep.ts), and not while its disk is low or its writes are at their limit.
// While that replica is away the value stays hidden, and is deleted when it returns. If it was
// forgotten, the first of the members acts instead, once its scrub has found the value.
//
// The delete removes that version and older ones, so a write that renewed the key elsewhere is not
// lost. If a clock was set back a value is visible again at that replica until its deadline, unless
// its delete has arrived.
//
// An index entry is compared with its record: one whose record has been replaced is removed.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { expired, parseExpiryKey } from '../store/layout.ts';
import type { ReplicaId } from '../model/id.ts';
import { expiryOf, type Record } from '../model/record.ts';
import type { Settings } from '../model/settings.ts';
import type { Heal } from '../model/heal.ts';
import { Sweep } from './sweep.ts';
import type { RecordIndex } from '../store/record-index.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Table } from '../store/table.ts';

/** Each expired value is a write of its own. */
const PIECE_ENTRIES = 64;

/** Writes the deletes of expired values. */
export interface Deleter {
  /** There is room for writes of this replica itself. */
  readonly hasRoom: boolean;
  /** False if the version has not expired, or the delete must wait. */
  expire(expired: Record, turn: Turn): boolean;
}

export interface ExpiryOptions {
  readonly index: RecordIndex;
  readonly metrics: Metrics;
  readonly table: Table;
}

export class Expiry {
  readonly #options: ExpiryOptions;
  readonly #deleter: Deleter;
  readonly #heal: Heal;
  readonly #sweep: Sweep;
  #isServing = false;

  constructor(options: ExpiryOptions, deleter: Deleter, heal: Heal) {
    this.#options = options;
    this.#deleter = deleter;
    this.#heal = heal;
    this.#sweep = new Sweep(PIECE_ENTRIES, (result, turn) => this.#onPiece(result, turn));
  }

  /** Called with every heartbeat. */
  onBeat(isServing: boolean, turn: Turn): void {
    this.#isServing = isServing;
    if (!isServing) return;
    if (this.#sweep.isIdle) this.#sweep.begin(expired(turn.now.wallMs));
    this.#goOn(turn);
  }

  /** Called after each commit, with its number of mutations. */
  onDurable(mutations: number, out: Outbox): void {
    if (!this.#isServing) return;
    this.#sweep.allow(mutations);
    this.#goOn(out);
  }

  #onPiece(result: RangeResult, turn: Turn): void {
    this.#sweep.pass(result);
    if (!result.ok) turn.note('error', 'expiry-unreadable', { reason: result.reason });
    else if (this.#isServing) for (const entry of result.entries) this.#take(entry, turn);
    if (this.#isServing) this.#goOn(turn);
  }

  #goOn(out: Outbox): void {
    if (this.#deleter.hasRoom) this.#sweep.goOn(out);
  }

  #take({ key: at }: RangeEntry, turn: Turn): void {
    const entry = parseExpiryKey(at);
    if (entry === undefined) return turn.del(at);
    const { namespace, key, deadlineMs } = entry;
    const { table, index, metrics } = this.#options;
    const cell = table.read(namespace, key);
    if (cell.damaged) return this.#heal(namespace, key, turn);
    const { record } = cell;
    const isThere =
      record !== undefined && expiryOf(record) === deadlineMs && index.expiresHere(record);
    if (!isThere) return turn.del(at);
    assert(expiryOf(record) === deadlineMs, 'expiry: the deadline is that of the record');
    if (this.#deleter.expire(record, turn)) metrics.expirationsDeleted++;
  }
}

/**
 * The replicas whose deadlines this one turns into deletes. Members are fixed for an incarnation.
 */
export function ownsExpiryOf({ members, self }: Settings): (of: ReplicaId) => boolean {
  const ids = new Set(members.map(({ id }) => id));
  const isFirst = members.every(({ id }) => self <= id);
  return (of) => of === self || (isFirst && !ids.has(of));
}
