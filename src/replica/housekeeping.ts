// Work that nobody waits for, done in small pieces with the heartbeat: truncating logs below the stable cut,
// forgetting idempotency keys whose window has ended, and the scrub that now and then reads everything stored and
// verifies it (RELIABILITY S8). A damaged record is fetched from the peers; a damaged log entry is reported.

import { equalBytes } from '../base/bytes.ts';
import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Seq } from '../model/id.ts';
import { UNREADABLE } from '../model/port.ts';
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

const SWEEP_ENTRIES_MAX = 256;
const SCRUB_ENTRIES_MAX = 256;
const SCRUB_BYTES_MAX = 256 * 1024;

type Reading = { readonly id: number; readonly job: 'sweep' | 'scrub' };

export class Housekeeping {
  readonly #context: Context;
  readonly #nextId: () => number;
  readonly #heal: Heal;
  #reading: Reading | undefined;
  /** What the scrub has still to read; empty between two rounds. */
  #scrub: Span[] = [];
  #scrubAtMs: number | undefined;
  #sweepNext = true;

  constructor(context: Context, nextId: () => number, heal: Heal) {
    this.#context = context;
    this.#nextId = nextId;
    this.#heal = heal;
  }

  onBeat(now: Now, out: Outbox): void {
    this.#truncate(out);
    if (this.#reading !== undefined) return;
    this.#sweepNext = !this.#sweepNext;
    if (this.#sweepNext) this.#read('sweep', idempotencyEnded(now.wallMs), SWEEP_ENTRIES_MAX, out);
    else this.#scrubOn(now, out);
  }

  /** True when the answer was meant for housekeeping. */
  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
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
      if (!isWhole(entry)) this.#onDamaged(entry.key, now, out);
    }
    const last = entries[entries.length - 1];
    const span = this.#scrub.shift() as Span;
    if (more && last !== undefined) this.#scrub.unshift({ from: behind(last.key), to: span.to });
    else if (this.#scrub.length === 0) this.#context.metrics.scrubRounds++;
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

/** It can be read, and lies where it belongs. */
function isWhole({ key, value }: RangeEntry): boolean {
  const entry = decodeMutation(value);
  if (entry === undefined) return false;
  const { lane, origin, seq, namespace } = entry;
  const isRecord = parseRecordKey(key) !== undefined;
  return equalBytes(key, isRecord ? recordKey(namespace, entry.key) : logKey(lane, origin, seq));
}
