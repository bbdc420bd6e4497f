// Range reads of a LevelDB database, off the event loop.
//
// LevelDB's iterator skips a block that it cannot read and reports this only at its end. A range
// that stops earlier would lack entries without an error. So if a range was cut short, a second
// iterator reads it up to the place of the cut, in native code and without returning entries.

import { assert } from '../../base/assert.ts';
import type { RangeEntry, RangeRequest, RangeResult } from '../../model/effect.ts';
import { headEntry } from '../../model/encoding.ts';
import { reasonOf } from './data-error.ts';
import type { Database } from './level-database.ts';

/** Entries that become JavaScript values in one step; bounds how long a step blocks the loop. */
const PIECE_ENTRIES = 1000;
const PIECE_BYTES = 256 * 1024;

/** The range is read from a snapshot of the database, taken at the call. */
export async function readRange(database: Database, request: RangeRequest): Promise<RangeResult> {
  assert(request.limit >= 1, 'storage: a range needs a limit');
  try {
    return await collect(database, request);
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

async function collect(database: Database, request: RangeRequest): Promise<RangeResult> {
  const { from, to, reverse, limit, bytesMax, headsOnly } = request;
  const highWaterMarkBytes = Math.min(bytesMax, PIECE_BYTES);
  const iterator = database.iterator({ gte: from, lt: to, reverse, highWaterMarkBytes });
  const entries: RangeEntry[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const piece = await iterator.nextv(Math.min(PIECE_ENTRIES, limit + 1 - entries.length));
      if (piece.length === 0) return { ok: true, entries, more: false };
      for (const [key, value] of piece) {
        bytes += key.length + value.length;
        if (entries.length === limit || (bytes > bytesMax && entries.length > 0)) {
          await verify(database, request, key);
          return { ok: true, entries, more: true };
        }
        entries.push(headsOnly ? headEntry(key, value) : { key, value });
      }
    }
  } finally {
    await iterator.close();
  }
}

/** The first key of [from, to). */
export async function firstKey(
  database: Database,
  from: Uint8Array,
  to: Uint8Array,
): Promise<Uint8Array | undefined> {
  const iterator = database.keys({ gte: from, lt: to });
  try {
    return await iterator.next();
  } finally {
    await iterator.close();
  }
}

// An iterator that gives neither keys nor values runs to its end in one call.
async function verify(database: Database, request: RangeRequest, cut: Uint8Array): Promise<void> {
  const { from, to, reverse } = request;
  const span = reverse ? { gte: cut, lt: to } : { gte: from, lte: cut };
  const iterator = database.iterator({ ...span, keys: false, values: false });
  try {
    await iterator.nextv(1);
  } finally {
    await iterator.close();
  }
}
