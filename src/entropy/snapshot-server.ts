// Gives this replica's records to a peer whose gap the logs no longer cover (DESIGN §5). The peer asks for one part after
// the other, so it sets the pace and nothing is kept here for it: a part is read when it is asked for.
//
// The first part names what the whole covers: how far each origin's log is durable here at that moment. Later parts are
// read later and may show newer versions, never older ones, so together they hold at least what is covered. Nothing that
// the peer needs behind it can be truncated meanwhile, because the stable cut waits for what every member holds.
//
// Behind the records come the idempotency keys whose window has not ended, so that a retry is known wherever the snapshot
// is taken over. One that cannot be read is left out, and noted.
//
// A record that cannot be read ends the part with nothing sent: what is covered must be whole, so the damage is healed
// first and the peer asks again.

import { createRing } from '../base/ring.ts';
import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { LaneHead, SnapshotRequest } from '../model/message.ts';
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
  type Span,
} from '../store/layout.ts';
import type { Log } from '../store/log.ts';

export interface SnapshotServerOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly frameBytes: number;
  readonly get: (key: Uint8Array) => PointRead;
  readonly range: (span: Span, bytesMax: number, out: Outbox) => number;
  readonly heal: (namespace: NamespaceName, key: Key, now: Now, out: Outbox) => void;
}

interface Asked {
  readonly peer: number;
  readonly request: SnapshotRequest;
}

interface Reading extends Asked {
  readonly rangeId: number;
  readonly covers: readonly LaneHead[];
}

type Found = RangeResult & { readonly ok: true };

/** Further requests are dropped; who asks asks again. */
const WAITING_MAX = 64;

export class SnapshotServer {
  readonly #options: SnapshotServerOptions;
  readonly #waiting = createRing<Asked>();
  #reading: Reading | undefined;

  constructor(options: SnapshotServerOptions) {
    this.#options = options;
  }

  onRequest(peer: number, request: SnapshotRequest, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, request });
    this.#next(out);
  }

  /** True when the answer was meant for a snapshot. */
  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
    const reading = this.#reading;
    if (reading?.rangeId !== id) return false;
    this.#reading = undefined;
    if (!result.ok) out.note('error', 'snapshot-unreadable', { reason: result.reason });
    else if (reading.request.after.startsWith(NAMED)) this.#sendNamed(reading, result, out);
    else this.#sendRecords(reading, result, now, out);
    this.#next(out);
    return true;
  }

  #sendRecords({ peer, request, covers }: Reading, result: Found, now: Now, out: Outbox): void {
    const records = this.#recordsOf(result.entries, now, out);
    if (records === undefined) return;
    const last = records.at(-1);
    const position = last === undefined ? request.after : positionOf(last);
    this.#options.metrics.snapshotChunksSent++;
    out.send(peer, {
      kind: 'snapshot-chunk',
      id: request.id,
      covers,
      records,
      named: [],
      last: result.more ? position : NAMED,
      more: true,
    });
  }

  #sendNamed({ peer, request }: Reading, { entries, more }: Found, out: Outbox): void {
    const named = entries.flatMap((entry) => namedWriteOf(entry) ?? []);
    const damaged = entries.length - named.length;
    if (damaged > 0) out.note('error', 'snapshot-key-unreadable', { keys: damaged });
    const end = entries.at(-1);
    const name = end && parseIdempotencyKey(end.key);
    const last = name === undefined ? request.after : positionOfNamed(name);
    const { id } = request;
    this.#options.metrics.snapshotChunksSent++;
    out.send(peer, { kind: 'snapshot-chunk', id, covers: [], records: [], named, last, more });
  }

  #next(out: Outbox): void {
    if (this.#reading !== undefined) return;
    const asked = this.#waiting.shift();
    if (asked === undefined) return;
    const { after, bytesMax } = asked.request;
    const covers = after === '' ? this.#covers(out) : [];
    if (covers === undefined) return this.#next(out);
    const bytes = Math.min(bytesMax, this.#options.frameBytes);
    const span = after.startsWith(NAMED) ? namedAfter(after) : recordsAfter(after);
    const rangeId = this.#options.range(span, bytes, out);
    this.#reading = { ...asked, rangeId, covers };
  }

  /** What is durable here of every origin; storage shows only that. */
  #covers(out: Outbox): readonly LaneHead[] | undefined {
    const covers: LaneHead[] = [];
    for (const { origin, durable } of this.#options.log.lanes()) {
      if (durable === 0) continue;
      const bytes = this.#options.get(originKey(origin));
      const state =
        bytes === undefined || bytes === UNREADABLE ? undefined : decodeLaneState(bytes);
      if (state === undefined) {
        out.note('error', 'snapshot-impossible', { origin });
        return undefined;
      }
      covers.push({ origin, seq: state.head, chain: state.chain, hlc: state.hlc });
    }
    return covers;
  }

  #recordsOf(entries: readonly RangeEntry[], now: Now, out: Outbox): Record[] | undefined {
    const records: Record[] = [];
    for (const { key, value } of entries) {
      const name = parseRecordKey(key);
      const record = decodeMutation(value);
      if (name !== undefined && record?.key === name.key && record.namespace === name.namespace) {
        records.push(record);
        continue;
      }
      if (name !== undefined) this.#options.heal(name.namespace, name.key, now, out);
      return undefined;
    }
    return records;
  }
}
