// Turns what has expired into deletes. Readers hide a value from its deadline on, everywhere and by their own clocks; only
// the replica that stamped the deadline deletes it, so that there is one delete and it is ordered like any other write. It
// does so while it serves, a few with every heartbeat, and not while its disk is low or its writes are at their limit.
// While that replica is away the value stays hidden, and is deleted when it returns. Where it was forgotten, the first of the
// members acts in its place, once its scrub has come upon the value.
//
// The delete removes that version and what is older, so a write that renewed the key elsewhere is not lost to it. Where a
// clock was set back a value shows again at that replica until its deadline comes again, unless its delete is there.
//
// An entry of the index is compared with its record: one whose record has been replaced is removed.

import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { expired, parseExpiryKey } from '../store/layout.ts';
import type { ReplicaId } from '../model/id.ts';
import type { Settings } from '../model/settings.ts';
import type { Context, Heal } from './context.ts';
import type { Writes } from './writes.ts';

const ENTRIES_MAX = 256;
const BYTES_MAX = 256 * 1024;

export class Expiry {
  readonly #context: Context;
  readonly #writes: Writes;
  readonly #nextId: () => number;
  readonly #heal: Heal;
  #readingId = 0;

  constructor(context: Context, writes: Writes, nextId: () => number, heal: Heal) {
    this.#context = context;
    this.#writes = writes;
    this.#nextId = nextId;
    this.#heal = heal;
  }

  /** With every heartbeat of a replica that serves. */
  onBeat(now: Now, out: Outbox): void {
    if (this.#readingId !== 0 || !this.#writes.hasRoom) return;
    this.#readingId = this.#nextId();
    const limits = { reverse: false, limit: ENTRIES_MAX, bytesMax: BYTES_MAX };
    out.range(this.#readingId, { ...expired(now.wallMs), ...limits });
  }

  /** True when the answer was meant for this. */
  onRange(id: number, result: RangeResult, isServing: boolean, now: Now, out: Outbox): boolean {
    if (id !== this.#readingId) return false;
    this.#readingId = 0;
    if (!result.ok) out.note('error', 'expiry-unreadable', { reason: result.reason });
    else if (isServing) for (const entry of result.entries) this.#take(entry, now, out);
    return true;
  }

  #take({ key: at }: RangeEntry, now: Now, out: Outbox): void {
    const entry = parseExpiryKey(at);
    if (entry === undefined) return out.del(at);
    const { namespace, key, deadlineMs } = entry;
    const { table, index, metrics } = this.#context;
    const cell = table.read(namespace, key);
    if (cell.damaged) return this.#heal(namespace, key, now, out);
    const { record } = cell;
    const isThere = record?.expiresAtMs === deadlineMs && index.expiresHere(record);
    if (!isThere) return out.del(at);
    if (this.#writes.expire(record, now, out)) metrics.expirationsDeleted++;
  }
}

/** Whose deadlines this replica turns into deletes. Members are fixed for a life. */
export function heirOf({ members, self }: Settings): (of: ReplicaId) => boolean {
  const ids = new Set(members.map(({ id }) => id));
  const isFirst = members.every(({ id }) => self <= id);
  return (of) => of === self || (isFirst && !ids.has(of));
}
