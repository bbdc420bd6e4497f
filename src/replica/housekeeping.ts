// Work that nobody waits for, done in small pieces with the heartbeat: truncating logs below the stable cut,
// forgetting idempotency keys whose window has ended, deleting what has expired (expiry.ts), dropping tombstones
// (tombstones.ts), and the scrub that now and then reads everything stored and verifies it (RELIABILITY S8). A damaged
// record is fetched from the peers; a damaged log entry is reported.

import { equalBytes } from '../base/bytes.ts';
import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Seq } from '../model/id.ts';
import { UNREADABLE } from '../model/port.ts';
import { compareVersions, type Mutation, type Record } from '../model/record.ts';
import { seqOf } from '../model/vector.ts';
import type { Lane } from '../store/lane.ts';
import {
  allLogs,
  allRecords,
  behind,
  idempotencyEnded,
  logKey,
  parseRecordKey,
  recordKey,
  type Span,
} from '../store/layout.ts';
import { LIVE_LANE } from '../store/log.ts';
import type { Context, Heal } from './context.ts';
import { Expiry } from './expiry.ts';
import { Tombstones } from './tombstones.ts';
import type { Writes } from './writes.ts';

const SWEEP_ENTRIES_MAX = 256;
const SCRUB_ENTRIES_MAX = 256;
const SCRUB_BYTES_MAX = 256 * 1024;

type Reading = { readonly id: number; readonly job: 'sweep' | 'scrub' };

export class Housekeeping {
  readonly #context: Context;
  readonly #nextId: () => number;
  readonly #heal: Heal;
  readonly #expiry: Expiry;
  readonly #tombstones: Tombstones;
  #reading: Reading | undefined;
  #isServing = false;
  /** What the scrub has still to read; empty between two rounds. */
  #scrub: Span[] = [];
  #scrubAtMs: number | undefined;
  #sweepNext = true;

  constructor(context: Context, writes: Writes, nextId: () => number, heal: Heal) {
    this.#context = context;
    this.#expiry = new Expiry(context, writes, nextId, heal);
    this.#tombstones = new Tombstones(context, nextId, heal);
    this.#nextId = nextId;
    this.#heal = heal;
  }

  onBeat(isServing: boolean, now: Now, out: Outbox): void {
    this.#truncate(out);
    this.#tombstones.onBeat(out);
    this.#isServing = isServing;
    if (isServing) this.#expiry.onBeat(now, out);
    if (this.#reading !== undefined) return;
    this.#sweepNext = !this.#sweepNext;
    if (this.#sweepNext) this.#read('sweep', idempotencyEnded(now.wallMs), SWEEP_ENTRIES_MAX, out);
    else this.#scrubOn(now, out);
  }

  /** True when the answer was meant for housekeeping. */
  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
    if (this.#tombstones.onRange(id, result, now, out)) return true;
    if (this.#expiry.onRange(id, result, this.#isServing, now, out)) return true;
    const reading = this.#reading;
    if (reading?.id !== id) return false;
    this.#reading = undefined;
    if (!result.ok) out.note('error', `${reading.job}-unreadable`, { reason: result.reason });
    else if (reading.job === 'sweep') this.#context.idempotency.sweep(result.entries, out);
    else this.#verify(result.entries, result.more, now, out);
    return true;
  }

  #truncate(out: Outbox): void {
    const { log, peers, settings } = this.#context;
    const cut = peers.stableCut(log.durable);
    for (const lane of log.lanes()) {
      const floor = Math.min(seqOf(cut, lane.origin), lane.durable - settings.logRetainEntries);
      if (floor - lane.floor >= settings.logTruncateEntries) this.#truncateLane(lane, floor, out);
    }
  }

  #truncateLane(lane: Lane, floor: Seq, out: Outbox): void {
    const chain = this.#chainAt(lane, floor);
    if (chain === undefined)
      out.note('error', 'log-unreadable', { origin: lane.origin, seq: floor });
    else this.#context.log.truncate(lane, floor, chain, out);
  }

  #chainAt(lane: Lane, seq: Seq): number | undefined {
    if (seq >= lane.tailFrom) return lane.at(seq).chain;
    const bytes = this.#context.get(logKey(LIVE_LANE, lane.origin, seq));
    return bytes === undefined || bytes === UNREADABLE ? undefined : decodeMutation(bytes)?.chain;
  }

  #scrubOn(now: Now, out: Outbox): void {
    this.#scrubAtMs ??= now.monoMs + this.#context.settings.scrubDelayMs;
    if (this.#scrub.length === 0) {
      if (now.monoMs < this.#scrubAtMs) return;
      this.#scrubAtMs = now.monoMs + this.#context.settings.scrubEveryMs;
      this.#scrub = [allRecords(), allLogs()];
    }
    this.#read('scrub', this.#scrub[0] as Span, SCRUB_ENTRIES_MAX, out);
  }

  #verify(entries: readonly RangeEntry[], more: boolean, now: Now, out: Outbox): void {
    for (const entry of entries) {
      this.#context.metrics.scrubEntries++;
      const mutation = wholeOf(entry);
      if (mutation === undefined) this.#onDamaged(entry.key, now, out);
      else if (parseRecordKey(entry.key) !== undefined) this.#file(mutation, out);
    }
    const last = entries[entries.length - 1];
    const span = this.#scrub.shift() as Span;
    if (more && last !== undefined) this.#scrub.unshift({ from: behind(last.key), to: span.to });
    else if (this.#scrub.length === 0) this.#context.metrics.scrubRounds++;
  }

  /** What should be found by its dot or its deadline, and may have been stored before there was an index. */
  #file(stored: Record, out: Outbox): void {
    const { table, index } = this.#context;
    if (stored.operation !== 'delete' && !index.expiresHere(stored)) return;
    const { record } = table.read(stored.namespace, stored.key);
    if (record !== undefined && compareVersions(record, stored) === 0) index.ensure(stored, out);
  }

  #onDamaged(key: Uint8Array, now: Now, out: Outbox): void {
    this.#context.metrics.recordsDamaged++;
    const name = parseRecordKey(key);
    out.note('error', 'scrub-damaged', { kind: name === undefined ? 'log' : 'record' });
    if (name !== undefined) this.#heal(name.namespace, name.key, now, out);
  }

  #read(job: Reading['job'], span: Span, limit: number, out: Outbox): void {
    this.#reading = { id: this.#nextId(), job };
    out.range(this.#reading.id, { ...span, reverse: false, limit, bytesMax: SCRUB_BYTES_MAX });
  }
}

/** What can be read, and lies where it belongs. */
function wholeOf({ key, value }: RangeEntry): Mutation | undefined {
  const entry = decodeMutation(value);
  if (entry === undefined) return undefined;
  const { lane, origin, seq, namespace } = entry;
  const isRecord = parseRecordKey(key) !== undefined;
  const place = isRecord ? recordKey(namespace, entry.key) : logKey(lane, origin, seq);
  return equalBytes(key, place) ? entry : undefined;
}
