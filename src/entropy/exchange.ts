// Which missing ranges to ask for, and of whom: the delta half of anti-entropy. The stream of an origin's own replica
// is the first source. A range is pulled from another holder when that replica cannot be reached, and from any holder
// when its stream has made no progress for `retryMs`, which is how refused entries come again.
//
// One request per origin is under way at a time; it ends with the next entries of that origin or after `retryMs`.

import type { Outbox } from '../model/effect.ts';
import { type Origin, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';
import type { Log } from '../store/log.ts';

export interface Holder {
  readonly peer: number;
  readonly id: ReplicaId;
  readonly holds: ReadonlyVector;
}

/** How far an origin that we lag behind had come, and since when. */
interface Look {
  readonly seq: Seq;
  readonly sinceMs: number;
}

export class Exchange {
  readonly #log: Log;
  readonly #bytesMax: number;
  readonly #retryMs: number;
  /** Until when a request for an origin is under way. */
  readonly #asked = new Map<Origin, number>();
  #lastLook = new Map<Origin, Look>();

  constructor(log: Log, bytesMax: number, retryMs: number) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#retryMs = retryMs;
  }

  /** Compares vectors with every connected peer and asks for what no stream is bringing. */
  look(holders: readonly Holder[], current: Origin, nowMs: number, out: Outbox): void {
    const seen = new Map<Origin, Look>();
    for (const holder of holders) {
      for (const [origin, theirs] of holder.holds) {
        const ours = this.#log.head(origin);
        if (theirs <= ours || origin === current) continue;
        const before = this.#lastLook.get(origin);
        const look = before?.seq === ours ? before : { seq: ours, sinceMs: nowMs };
        seen.set(origin, look);
        if (this.#isStreaming(origin, look, holders, nowMs)) continue;
        this.#ask(holder, origin, ours + 1, nowMs, out);
      }
    }
    this.#lastLook = seen;
  }

  /** Entries of `origin` arrived: go on at once if this holder has more and no stream brings it. */
  onEntries(holder: Holder | undefined, origin: Origin, nowMs: number, out: Outbox): void {
    if (!this.#asked.delete(origin) || holder === undefined) return;
    const next = this.#log.head(origin) + 1;
    if (seqOf(holder.holds, origin) >= next) this.#ask(holder, origin, next, nowMs, out);
  }

  #isStreaming(origin: Origin, look: Look, holders: readonly Holder[], nowMs: number): boolean {
    const source = replicaOf(origin);
    const connected = holders.some((holder) => holder.id === source);
    return connected && nowMs - look.sinceMs < this.#retryMs;
  }

  #ask(holder: Holder, origin: Origin, from: Seq, nowMs: number, out: Outbox): void {
    if ((this.#asked.get(origin) ?? 0) > nowMs) return;
    this.#asked.set(origin, nowMs + this.#retryMs);
    out.send(holder.peer, { kind: 'pull', origin, from, bytesMax: this.#bytesMax });
  }
}
