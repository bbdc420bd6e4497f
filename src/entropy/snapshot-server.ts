// Sends this replica's records to a peer whose gap the logs no longer cover (docs/protocol.md): one
// part after the other, as many as the peer has room for, so the peer sets the pace. A part is read
// when it is to be sent, so only the transfer's position is kept here. Several copying peers take
// turns.
//
// The first part names what the whole covers: the durable end of each origin's log here at that
// moment. Later parts are read later and may show newer versions, never older ones, so together
// they hold at least what is covered. Entries that the peer needs afterwards cannot be truncated
// meanwhile, because the stable cut waits for every member.
//
// A part has what is durable in the table, whether a checkpoint has written it or not: a copy that
// was begun with another replica may cover more than the last checkpoint here.
//
// After the records come the idempotency keys whose window has not ended, so that a retry is
// recognised at the copying replica. An unreadable key is left out, and noted.
//
// An unreadable record ends the part with nothing sent: what is covered must be whole, so the
// damage is healed first and the peer asks again.
//
// Bounds: one transfer per peer, which ends with the peer's next request; one part read at a time.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { LaneHead, Position, SnapshotCredit, SnapshotRequest } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import type { Record } from '../model/record.ts';
import { decodeLaneState } from '../store/lane.ts';
import { namedWriteOf } from '../store/idempotency.ts';
import {
  NAMED,
  namedAfter,
  originKey,
  parseIdempotencyKey,
  parseRecordKey,
  positionOf,
  positionOfNamed,
  recordsAfter,
} from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import type { RecordReads } from '../store/record-reads.ts';
import { SingleRead } from '../store/single-read.ts';

export interface SnapshotServerOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly reads: Pick<RecordReads, 'in'>;
  readonly frameBytes: number;
  readonly get: (key: Uint8Array) => PointRead;
  readonly heal: (namespace: NamespaceName, key: Key, turn: Turn) => void;
}

interface Transfer {
  readonly peer: number;
  readonly id: number;
  readonly bytesMax: number;
  after: Position;
  /** How many parts may still be sent. */
  left: number;
}

interface Reading {
  readonly transfer: Transfer;
  readonly covers: readonly LaneHead[];
}

type Found = RangeResult & { readonly ok: true };

/** The largest room that a peer may announce. */
const PARTS_MAX = 64;

export class SnapshotServer {
  readonly #options: SnapshotServerOptions;
  readonly #transfers = new Map<number, Transfer>();
  /** Transfers with a part to send, each once; the one that is being read is not among them. */
  readonly #waiting = createRing<Transfer>();
  readonly #reading = new SingleRead<Reading>((result, reading, turn) => {
    if (this.#isCurrent(reading.transfer)) this.#send(reading, result, turn);
    this.#next(turn);
  });

  constructor(options: SnapshotServerOptions) {
    this.#options = options;
  }

  onRequest(peer: number, { id, after, bytesMax, parts }: SnapshotRequest, out: Outbox): void {
    const transfer = { peer, id, bytesMax, after, left: Math.min(parts, PARTS_MAX) };
    this.#transfers.set(peer, transfer);
    this.#queue(transfer, out);
  }

  onCredit(peer: number, { id, parts }: SnapshotCredit, out: Outbox): void {
    const transfer = this.#transfers.get(peer);
    // The transfer has ended, and the peer will ask again.
    if (transfer?.id !== id) return;
    const isUnderWay = transfer.left > 0;
    transfer.left = Math.min(transfer.left + parts, PARTS_MAX);
    if (!isUnderWay) this.#queue(transfer, out);
  }

  onDisconnected(peer: number): void {
    this.#transfers.delete(peer);
  }

  #send(reading: Reading, result: RangeResult, turn: Turn): void {
    const { transfer } = reading;
    assert(transfer.left > 0, 'snapshot server: the peer has room for what is sent');
    if (!result.ok) turn.note('error', 'snapshot-unreadable', { reason: result.reason });
    const more =
      result.ok &&
      (transfer.after.startsWith(NAMED)
        ? this.#sendNamed(transfer, result, turn)
        : this.#sendRecords(reading, result, turn));
    transfer.left--;
    if (!more) this.#transfers.delete(transfer.peer);
    else if (transfer.left > 0) this.#waiting.push(transfer);
  }

  #isCurrent(transfer: Transfer): boolean {
    return this.#transfers.get(transfer.peer) === transfer;
  }

  /** True if there is more to send. */
  #sendRecords({ transfer, covers }: Reading, result: Found, turn: Turn): boolean {
    const records = this.#recordsOf(result.entries, turn);
    if (records === undefined) return false;
    const { peer, id, after } = transfer;
    const end = records.at(-1);
    const position = end === undefined ? after : positionOf(end);
    assert(end === undefined || position > after, 'snapshot server: parts follow each other');
    const last = result.more ? position : NAMED;
    this.#options.metrics.snapshotChunksSent++;
    const range = { after, last, more: true };
    turn.send(peer, { kind: 'snapshot-chunk', id, covers, records, named: [], ...range });
    transfer.after = last;
    return true;
  }

  /** True if there is more to send. */
  #sendNamed(transfer: Transfer, { entries, more }: Found, out: Outbox): boolean {
    const named = entries.flatMap((entry) => namedWriteOf(entry) ?? []);
    const damaged = entries.length - named.length;
    if (damaged > 0) out.note('error', 'snapshot-key-unreadable', { keys: damaged });
    const end = entries.at(-1);
    const name = end && parseIdempotencyKey(end.key);
    const { peer, id, after } = transfer;
    const last = name === undefined ? after : positionOfNamed(name);
    this.#options.metrics.snapshotChunksSent++;
    const range = { after, last, more };
    out.send(peer, { kind: 'snapshot-chunk', id, covers: [], records: [], named, ...range });
    transfer.after = last;
    return more;
  }

  #queue(transfer: Transfer, out: Outbox): void {
    // While its part is being read it continues by itself.
    if (transfer.left === 0 || this.#reading.about?.transfer === transfer) return;
    this.#waiting.push(transfer);
    this.#next(out);
  }

  #next(out: Outbox): void {
    if (this.#reading.isUnderWay) return;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#isCurrent(next) && this.#read(next, out)) return;
    }
  }

  #read(transfer: Transfer, out: Outbox): boolean {
    assert(this.#isCurrent(transfer), 'snapshot server: one transfer for each peer');
    assert(!this.#reading.isUnderWay, 'snapshot server: one part is read at a time');
    const { after, bytesMax } = transfer;
    const { reads } = this.#options;
    const covers = after === '' ? this.#covers(out) : [];
    if (covers === undefined) {
      this.#transfers.delete(transfer.peer);
      return false;
    }
    const limits = { bytesMax: Math.min(bytesMax, this.#options.frameBytes) };
    const reading = { transfer, covers };
    if (after.startsWith(NAMED)) this.#reading.begin(namedAfter(after), limits, reading, out);
    else this.#reading.begin(recordsAfter(after), limits, reading, reads.in(out, 'durable'));
    return true;
  }

  /**
   * What the last checkpoint covers: storage shows at least that. The logs have what arrived after
   * it.
   */
  #covers(out: Outbox): readonly LaneHead[] | undefined {
    const covers: LaneHead[] = [];
    for (const { id: origin, durable } of this.#options.log.lanes()) {
      if (durable === 0) continue;
      const bytes = this.#options.get(originKey(origin));
      // The table in storage has nothing of it.
      if (bytes === undefined) continue;
      const state = bytes === UNREADABLE ? undefined : decodeLaneState(bytes);
      if (state === undefined) {
        out.note('error', 'snapshot-impossible', { origin });
        return undefined;
      }
      if (state.received > 0)
        covers.push({ origin, seq: state.received, chain: state.chain, hlc: state.hlc });
    }
    return covers;
  }

  #recordsOf(entries: readonly RangeEntry[], turn: Turn): Record[] | undefined {
    const records: Record[] = [];
    for (const { key, value } of entries) {
      const name = parseRecordKey(key);
      const record = decodeRecord(value);
      if (name !== undefined && record?.key === name.key && record.namespace === name.namespace) {
        records.push(record);
        continue;
      }
      if (name !== undefined) this.#options.heal(name.namespace, name.key, turn);
      return undefined;
    }
    return records;
  }
}
