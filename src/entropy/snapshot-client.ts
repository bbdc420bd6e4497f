// Takes over a peer's records where the logs no longer reach back (DESIGN §5): asks for one part after the other, merges
// what comes, and in the end joins what the whole covers, so that the streams go on behind it.
//
//   idle -> copying   every peer that holds what is missing of some origin has truncated it
//   copying -> idle   the last part is here: the logs jump to what the snapshot covers
//
// Merging never replaces: what is newer here stays, and is streamed. Each part is made durable together with a mark of how
// far the copy has come, so a restart goes on from there, with any peer that holds all that the snapshot covers. A part
// that does not come is asked for again after a while, of the next such peer.

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Now, Outbox } from '../model/effect.ts';
import { type Origin, parseOrigin, type ReplicaId, type Seq } from '../model/id.ts';
import type { Behind, LaneHead, Position, SnapshotChunk } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Record } from '../model/record.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';
import type { Log } from '../store/log.ts';

export interface Donor {
  readonly peer: number;
  readonly id: ReplicaId;
  readonly holds: ReadonlyVector;
}

export interface SnapshotClientOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bytesMax: number;
  readonly retryMs: number;
  /** A record of the snapshot is merged. */
  readonly merge: (record: Record, now: Now, out: Outbox) => void;
  /** The log of an origin has jumped. */
  readonly jump: (head: LaneHead, out: Outbox) => void;
}

interface Copy {
  /** Whom the part under way was asked of; -1 when nobody was. */
  peer: number;
  id: number;
  untilMs: number;
  /** Empty until the first part is here. */
  covers: readonly LaneHead[];
  after: Position;
  /** Since this process began. */
  parts: number;
  records: number;
}

/** How far a copy has come. */
export interface CopyMade {
  readonly parts: number;
  readonly records: number;
  /** The last record that is here, '' while there is none. */
  readonly after: Position;
}

const MARK = metaKey('snapshot');
const POSITION_BYTES_MAX = 2048;

export class SnapshotClient {
  readonly #options: SnapshotClientOptions;
  /** Up to where peers have truncated logs of which we asked for less, by origin and peer. */
  readonly #floors = new Map<Origin, Map<number, Seq>>();
  #copy: Copy | undefined;
  #lastId = 0;

  constructor(options: SnapshotClientOptions) {
    this.#options = options;
  }

  get isCopying(): boolean {
    return this.#copy !== undefined;
  }

  get made(): CopyMade | undefined {
    return this.#copy;
  }

  /** At start: a copy that was under way goes on. A mark that cannot be read means to begin anew. */
  restore(mark: Uint8Array | undefined): void {
    const copy = mark === undefined ? undefined : decodeMark(mark);
    if (copy !== undefined) this.#copy = copy;
  }

  /** A peer says that its log of `origin` no longer reaches back to what we need. */
  onBehind(peer: number, { origin, floor }: Behind): void {
    const floors = this.#floors.get(origin);
    if (floors === undefined) this.#floors.set(origin, new Map([[peer, floor]]));
    else floors.set(peer, floor);
  }

  onDisconnected(peer: number): void {
    for (const floors of this.#floors.values()) floors.delete(peer);
    if (this.#copy?.peer === peer) this.#copy.untilMs = 0;
  }

  /** Begins a copy where nothing else helps, and asks again for what did not come. */
  look(donors: readonly Donor[], now: Now, out: Outbox): void {
    if (this.#copy === undefined) {
      const donor = donors.find((each) => this.#isNeededFrom(each, donors));
      if (donor === undefined) return;
      this.#copy = { peer: -1, id: 0, untilMs: 0, covers: [], after: '', parts: 0, records: 0 };
      out.note('warn', 'snapshot-begins', { of: donor.id });
      this.#ask(this.#copy, donor, now, out);
    } else if (now.monoMs >= this.#copy.untilMs) {
      this.#askAgain(this.#copy, donors, now, out);
    }
  }

  onChunk(donor: Donor, chunk: SnapshotChunk, now: Now, out: Outbox): void {
    const copy = this.#copy;
    if (copy?.peer !== donor.peer || copy.id !== chunk.id) return;
    if (copy.after === '') copy.covers = chunk.covers;
    for (const record of chunk.records) this.#options.merge(record, now, out);
    const { metrics } = this.#options;
    metrics.snapshotChunksReceived++;
    metrics.snapshotRecordsReceived += chunk.records.length;
    copy.after = chunk.last;
    copy.parts++;
    copy.records += chunk.records.length;
    if (!chunk.more) return this.#finish(copy, out);
    out.put(MARK, encodeMark(copy));
    this.#ask(copy, donor, now, out);
  }

  // copying -> idle
  #finish(copy: Copy, out: Outbox): void {
    this.#copy = undefined;
    for (const head of copy.covers) this.#options.jump(head, out);
    out.del(MARK);
    this.#options.metrics.snapshotsReceived++;
    out.note('info', 'snapshot-ends', { origins: copy.covers.length });
  }

  /** The delta rule: as long as one connected peer still has the entries in its log, they come from there. */
  #isNeededFrom(donor: Donor, donors: readonly Donor[]): boolean {
    for (const [origin, floors] of this.#floors) {
      const head = this.#options.log.head(origin);
      const isTooFar = ({ peer }: Donor): boolean => (floors.get(peer) ?? 0) > head;
      if (!isTooFar(donor) || seqOf(donor.holds, origin) <= head) continue;
      if (donors.filter(({ holds }) => seqOf(holds, origin) > head).every(isTooFar)) return true;
    }
    return false;
  }

  /** Of the same peer or of the next that holds all that is covered; where there is none, a new copy begins. */
  #askAgain(copy: Copy, donors: readonly Donor[], now: Now, out: Outbox): void {
    const able = donors.filter(({ holds }) =>
      copy.covers.every(({ origin, seq }) => seqOf(holds, origin) >= seq),
    );
    const next = able.find(({ peer }) => peer > copy.peer) ?? able[0] ?? donors[0];
    if (next === undefined) return;
    if (able.length === 0) {
      copy.covers = [];
      copy.after = '';
    }
    this.#ask(copy, next, now, out);
  }

  #ask(copy: Copy, { peer }: Donor, now: Now, out: Outbox): void {
    copy.peer = peer;
    copy.id = ++this.#lastId;
    copy.untilMs = now.monoMs + this.#options.retryMs;
    const { bytesMax } = this.#options;
    out.send(peer, { kind: 'snapshot-request', id: copy.id, after: copy.after, bytesMax });
  }
}

export function snapshotMark(): Uint8Array {
  return MARK;
}

function encodeMark({ after, covers }: Copy): Uint8Array {
  return seal((writer: ByteWriter) => {
    writer.text(after);
    writer.varint(covers.length);
    for (const { origin, seq, chain, hlc } of covers) {
      writer.text(origin);
      writer.varint(seq);
      writer.u64(chain);
      writer.u64(hlc);
    }
  });
}

function decodeMark(bytes: Uint8Array): Copy | undefined {
  const reader: ByteReader | undefined = unseal(bytes);
  if (reader === undefined) return undefined;
  const after = reader.text(POSITION_BYTES_MAX);
  const covers: LaneHead[] = [];
  for (let left = reader.varint(); left > 0 && !reader.failed; left--) {
    const origin = parseOrigin(reader.text(POSITION_BYTES_MAX));
    const seq = reader.varint();
    const chain = reader.u64();
    const hlc = reader.u64();
    if (origin === undefined) return undefined;
    covers.push({ origin, seq, chain, hlc });
  }
  return reader.finished
    ? { peer: -1, id: 0, untilMs: 0, covers, after, parts: 0, records: 0 }
    : undefined;
}
